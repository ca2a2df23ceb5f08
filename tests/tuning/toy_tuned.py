"""A plugin beside the toy: a dataset that notices who reads its test part, methods that refuse."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from fusemark.benchmark import dataset, method, search
from fusemark.benchmark.registry import datasets, methods
from fusemark.benchmark.seeds import stream
from fusemark.benchmark.tuning.tune import FIRST_SEED

Toy = datasets["toy"].cls
Linear = methods["toy-linear"].cls


@dataset("toy-sealed", source="made here")
class Sealed(Toy):
    """The toy; an example of the test part of tuning's first seed cannot be read."""

    def examples(self, positions):
        rng = np.random.default_rng(stream("split", seed=FIRST_SEED, fold=0))
        read = np.intersect1d(positions, self.split(rng, 0).test)
        if len(read):
            raise RuntimeError(f"the test part was read: {len(read)} examples")
        return super().examples(positions)


@method("toy-refuses", paper="made here")
class Refuses(Linear):
    """Cannot be built of an odd width."""

    def __init__(self, task, config):
        if config.width % 2:
            raise ValueError(f"width={config.width} is odd")
        super().__init__(task, config)


@method("toy-costed", paper="made here")
class Costed(Linear):
    """Declares its cost."""

    def flops(self, batch, lengths, training=False):
        wide = sum(m.width for m in self.task.modalities.values()) + len(self.task.outputs)
        return 2 * batch * self.config.width * wide


@method("toy-unhurried", paper="made here")
class Unhurried(Linear):
    """Takes its time, so that it can be stopped."""

    @dataclass(frozen=True)
    class Config:
        """Settings."""

        width: int = search(8, low=2, high=16)
        rate: float = 0.0
        pause: float = 0.02

    def forward(self, batch):
        time.sleep(self.config.pause)
        return super().forward(batch)
