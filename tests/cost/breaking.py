"""A plugin of methods that break in one pass, beside one that does not."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import torch
from fusemark.benchmark import FusionMethod, Output, method
from torch import nn

HOARD = 3 * 2**28
"""Bytes that the greedy method holds while it is trained: 768 MiB."""


@method("breaking-not", paper="made here")
class Sound(FusionMethod):
    """Predicts zero times the values' mean, and adds what a subclass does."""

    @dataclass(frozen=True)
    class Config:
        """No settings."""

    def __init__(self, task, config):
        super().__init__(task, config)
        self.weight = nn.Parameter(torch.zeros(len(task.outputs)))

    def forward(self, batch):
        values = batch.values[self.task.names[-1]]
        if type(values) is torch.Tensor and values.device.type == "cpu":
            self.work(values.shape[1])
        first = batch.visible(self.task.names[0]).flatten(1).mean(1)
        return Output(first[:, None].expand(-1, len(self.weight)) * self.weight)

    def work(self, steps):
        """Do what breaks, on numbers and not on shapes alone; for steps of the last modality."""


@method("breaking-training", paper="made here")
class Training(Sound):
    """Raises where it is trained."""

    def work(self, steps):
        if self.training:
            raise ValueError("no training here")


@method("breaking-late", paper="made here")
class Late(Sound):
    """Raises at its fifth prediction."""

    calls = 0

    def work(self, steps):
        self.calls += not self.training
        if self.calls == 5:
            raise ValueError("tired")


@method("breaking-dead", paper="made here")
class Dead(Sound):
    """Ends its process where it is trained."""

    def work(self, steps):
        if self.training:
            os._exit(3)


@method("breaking-greedy", paper="made here")
class Greedy(Sound):
    """Holds HOARD for a while where it is trained at more than 100 steps."""

    def work(self, steps):
        if self.training and steps > 100:
            hoard = [torch.ones(HOARD // 64) for _ in range(16)]
            time.sleep(1.0)  # the watcher of a busy machine comes late
            del hoard


@method("breaking-exit", paper="made here")
class Exit(Sound):
    """Ends as a script would, in good order."""

    def work(self, steps):
        raise SystemExit(0)


@method("breaking-losses", paper="made here")
class Losses(Sound):
    """Cannot be trained at all, on numbers or without."""

    def losses(self, output, batch):
        raise KeyError("no losses")
