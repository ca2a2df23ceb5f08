"""How long a plan will take: one timed training step of each method on each dataset."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch

from .cell import Cell
from .loading import load, reduced
from .plan import Planned
from .recipes import parse
from .seeds import stream
from .settings import DataSettings, TrainingSettings
from .training import Steps


@dataclass(frozen=True)
class Estimate:
    """Seconds of a training step, and of a whole cell if no training stops early."""

    dataset: str
    method: str
    cells: int
    step: float
    cell: float


def estimate(planned: Planned, cells: list[Cell]) -> list[Estimate]:
    """Time one step of each method on a batch of each dataset's training examples."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        counts = Counter((cell.dataset, cell.method) for cell in cells)
        first = {(cell.dataset, cell.method): cell for cell in reversed(cells)}
        return [one(planned, first[key], count) for key, count in counts.items()]
    finally:
        torch.set_num_threads(threads)


def one(planned: Planned, cell: Cell, count: int) -> Estimate:
    """Estimate one method on one dataset."""
    dataset = planned.datasets[cell.dataset]
    data, settings = DataSettings(**cell.data), TrainingSettings(**cell.training)
    rng = np.random.default_rng(stream("split", seed=cell.seed, fold=cell.fold))
    split = dataset.split(rng, cell.fold)
    part = load(dataset, split.train[: settings.batch], data)
    task = reduced(dataset.task, data)
    model = parse(cell.method).build(task, cell.config)
    steps = Steps(model, replace_batch(settings, len(part)), seed=cell.seed, fold=0, epochs=2)
    steps.epoch(part, 1)
    start = time.perf_counter()
    steps.epoch(part, 2)
    step = time.perf_counter() - start
    per_epoch = math.ceil(len(split.train) / settings.batch)
    # A validation example costs about a third of a training example.
    epoch = step * (per_epoch + len(split.valid) / settings.batch / 3)
    total = settings.epochs * (epoch * (2 if settings.refit else 1))
    return Estimate(cell.dataset, cell.method, count, step, total)


def replace_batch(settings: TrainingSettings, batch: int) -> TrainingSettings:
    return settings.model_copy(update={"batch": batch})
