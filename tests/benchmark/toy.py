"""A plugin for the harness's tests: a tiny dataset, and methods that misbehave in known ways."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from fusemark.benchmark import (
    FusionDataset,
    FusionMethod,
    Modality,
    Output,
    Split,
    Task,
    dataset,
    method,
    search,
)
from torch import nn

SPEAKERS = 10


@dataset("toy", source="made here")
class Toy(FusionDataset):
    """Two modalities, each showing the class in its mean; 120 examples of 10 speakers."""

    needs_root = False

    @dataclass(frozen=True)
    class Config:
        """Settings."""

        examples: int = 120
        classes: int = 3
        kind: Literal["classification", "regression"] = "classification"
        folds: int = 1
        noise: float = 1.0

    def __init__(self, config, root=None):
        super().__init__(config, root)
        rng = np.random.default_rng(0)
        self.folds = config.folds
        self.protocol, self.design = "speakers re-drawn", "re-drawn"
        symbol = rng.integers(config.classes, size=config.examples)
        outputs = tuple(f"class {c}" for c in range(config.classes))
        self.labels = symbol.astype(np.int64)
        if config.kind == "regression":
            outputs = ("valence",)
            self.labels = symbol.astype(np.float32)[:, None]
        self.symbol = symbol
        modalities = {"audio": Modality((5,), 12, 50.0), "visual": Modality((4,), 7, 25.0)}
        self.task = Task(modalities, outputs, config.kind)
        self.ids = [f"clip {i}" for i in range(config.examples)]
        self.groups = [f"speaker {i % SPEAKERS}" for i in range(config.examples)]
        self.read: list[int] = []

    def fingerprint(self):
        return f"toy-{self.config}"

    def split(self, rng, fold):
        order = np.roll(rng.permutation(SPEAKERS), fold)
        speaker = np.arange(len(self)) % SPEAKERS
        parts = np.split(order, [6, 8])
        return Split(*(np.flatnonzero(np.isin(speaker, part)) for part in parts))

    def examples(self, positions):
        for position in positions:
            self.read.append(int(position))
            rng = np.random.default_rng(int(position))
            shown = {}
            for name, modality in self.task.modalities.items():
                steps = int(rng.integers(1, modality.max_length + 1))
                values = rng.normal(0, self.config.noise, (steps, *modality.shape))
                values[:, 0] += 2.0 * self.symbol[position]
                shown[name] = values.astype(np.float32)
            yield shown


class Linear(FusionMethod):
    """Mean over time of each modality, then a linear layer."""

    @dataclass(frozen=True)
    class Config:
        """Settings."""

        width: int = search(8, low=2, high=16)
        rate: float = 0.0

    def __init__(self, task, config):
        super().__init__(task, config)
        total = sum(m.width for m in task.modalities.values())
        self.hidden = nn.Linear(total, config.width)
        self.dropout = nn.Dropout(config.rate)
        self.head = nn.Linear(config.width, len(task.outputs))

    def forward(self, batch):
        means = [
            batch.visible(n).sum(1) / batch.mask(n).sum(1, keepdim=True) for n in self.task.names
        ]
        return Output(self.head(self.dropout(torch.relu(self.hidden(torch.cat(means, 1))))))


@method("toy-linear", paper="made here")
class ToyLinear(Linear):
    """A method that works."""


@method("toy-raises", paper="made here")
class ToyRaises(Linear):
    """Raises in its forward pass."""

    def forward(self, batch):
        if batch.device.type != "meta":
            raise RuntimeError("this method is broken on purpose")
        return super().forward(batch)


@method("toy-dies", paper="made here")
class ToyDies(Linear):
    """Kills its own process."""

    def forward(self, batch):
        os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(batch)


@method("toy-hungry", paper="made here")
class ToyHungry(Linear):
    """Takes memory until it is stopped."""

    def forward(self, batch):
        hoard = []
        while True:
            hoard.append(torch.ones(2**22))
            time.sleep(0.002)


@method("toy-sleeps", paper="made here")
class ToySleeps(Linear):
    """Never ends."""

    def forward(self, batch):
        time.sleep(3600)
        return super().forward(batch)


@method("toy-diverges", paper="made here")
class ToyDiverges(Linear):
    """Has a loss that is not finite."""

    def losses(self, output, batch):
        return {"supervised": output.logits.sum() * float("nan")}
