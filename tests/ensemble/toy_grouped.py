"""A plugin beside the toy: methods that misbehave for one seed among many."""

from __future__ import annotations

import os
import signal

import torch
from fusemark.benchmark import method
from fusemark.benchmark.registry import methods
from fusemark.benchmark.seeds import stream

Linear = methods["toy-linear"].cls.__mro__[1]


@method("toy-dies-once", paper="made here")
class DiesOnce(Linear):
    """Kills its own process when it is built for seed 1."""

    def __init__(self, task, config):
        if torch.initial_seed() == stream("initialisation", seed=1):
            os.kill(os.getpid(), signal.SIGKILL)
        super().__init__(task, config)


@method("toy-branches", paper="made here")
class Branches(Linear):
    """Looks at values, which no batch of seeds can answer for."""

    def forward(self, batch):
        if float(batch.values["audio"].sum()) > 0:
            return super().forward(batch)
        return super().forward(batch)


@method("toy-counts", paper="made here")
class Counts(Linear):
    """Keeps count of its steps."""

    def __init__(self, task, config):
        super().__init__(task, config)
        self.steps = 0

    def losses(self, output, batch):
        self.steps += 1
        return super().losses(output, batch)


@method("toy-full", paper="made here")
class Full(Linear):
    """Finds no room for any batch."""

    def losses(self, output, batch):
        raise MemoryError("no room")
