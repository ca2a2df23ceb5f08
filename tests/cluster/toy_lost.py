"""A plugin for the cluster: a corpus in one file, and a method that kills its Ray worker."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from fusemark.benchmark import FusionMethod, Output, UserError, dataset, method
from fusemark.benchmark.registry import datasets
from torch import nn

Toy = datasets["toy"].cls


@dataset("toy-file", source="made here")
class ToyFile(Toy):
    """The toy, its values shifted by a number in a file that TOY_FILE names."""

    needs_root = True

    @dataclass(frozen=True)
    class Config(Toy.Config):
        """Settings."""

    def __init__(self, config, root=None):
        super().__init__(config, root)
        self.map = np.zeros(3)
        self.read_file()

    def read_file(self):
        path = os.environ.get("TOY_FILE")
        if path is None:
            raise UserError("toy-file: no file here; set TOY_FILE")
        return float(Path(path).read_text())

    def fingerprint(self):
        return f"{super().fingerprint()} {self.read_file()}"

    def examples(self, positions):
        shift = np.float32(self.read_file())
        for position, example in zip(positions, super().examples(positions), strict=True):
            # Some examples lack a modality.
            lacks = "visual" if position % 7 == 0 else None
            yield {n: None if n == lacks else v + shift for n, v in example.items()}


class Head(FusionMethod):
    """A linear layer on the mean of each modality."""

    def __init__(self, task, config):
        super().__init__(task, config)
        self.head = nn.Linear(sum(m.width for m in task.modalities.values()), len(task.outputs))

    def forward(self, batch):
        import torch

        means = [batch.visible(n).mean(1) for n in self.task.names]
        return Output(self.head(torch.cat(means, 1)))


@method("toy-lost", paper="made here")
class ToyLost(Head):
    """Kills the Ray worker that watches over it: its fork server's parent."""

    def forward(self, batch):
        if batch.device.type != "meta":
            psutil.Process().parent().parent().kill()
            time.sleep(60)
        return super().forward(batch)
