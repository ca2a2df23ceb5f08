"""A plugin for the harness's own test: methods whose cost is known, and some that misbehave."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from fusemark.benchmark import FusionMethod, Output, method
from torch import nn

ROWS, INNER, COLUMNS = 7, 11, 13
SLEEP = 0.1
BYTES = 3_000_000


class Probe(FusionMethod):
    """Predicts its weights whatever it is given, and adds what a subclass does."""

    @dataclass(frozen=True)
    class Config:
        """No settings."""

    def __init__(self, task, config):
        super().__init__(task, config)
        self.weight = nn.Parameter(torch.zeros(len(task.outputs)))

    def forward(self, batch):
        self.work(batch)
        first = batch.visible(self.task.names[0]).flatten(1).mean(1)
        # A sum, as a product of the two would be an outer one, and counted.
        return Output(0.0 * first[:, None] + self.weight)

    def work(self, batch):
        """Do what costs."""


@method("known-product", paper="made here")
class Product(Probe):
    """One matrix product of known shapes beside element-wise work."""

    def work(self, batch):
        left = torch.empty(ROWS, INNER, device=batch.device)
        (left @ torch.empty(INNER, COLUMNS, device=batch.device)).relu().sum()


@method("known-bytes", paper="made here")
class Bytes(Probe):
    """One allocation of known size."""

    def work(self, batch):
        torch.empty(BYTES, dtype=torch.uint8, device=batch.device)


@method("known-sleep", paper="made here")
class Sleep(Probe):
    """Sleeps for a known time."""

    def work(self, batch):
        if batch.device.type == "cpu":
            time.sleep(SLEEP)


@method("known-idle", paper="made here")
class Idle(Probe):
    """Does nothing else."""


@method("known-transform", paper="made here")
class Transform(Probe):
    """A Fourier transform, for which there is no formula."""

    def work(self, batch):
        torch.fft.rfft(batch.visible(self.task.names[0]), dim=1)


@method("known-greedy", paper="made here")
class Greedy(Probe):
    """Allocates 8 GiB in small parts where the last modality is longer than 100 steps."""

    def work(self, batch):
        hoard = []
        if batch.device.type == "cpu" and batch.values[self.task.names[-1]].shape[1] > 100:
            for _ in range(2**9):
                hoard.append(torch.ones(2**22))
                time.sleep(0.001)
