"""How long a plan will take: one timed training step of each method on each dataset."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .cell import Cell
from .loading import load, reduced
from .plan import Planned
from .precision import PreciseSettings
from .progress import duration
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
    data, settings = DataSettings(**cell.data), PreciseSettings(**cell.training)
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


def show_estimate(
    planned: Planned, cells: list[Cell], workers: int | None, device: str = "cpu"
) -> None:
    """Print the cells to run and the time they will take at most, on the CPU's cores."""
    with Console(stderr=True).status("timing a step of each method"):
        rows = estimate(planned, cells)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("dataset", "method", "cells", "step", "a cell at most"):
        table.add_column(column, justify="left" if column in ("dataset", "method") else "right")
    for row in rows:
        step, each = f"{1000 * row.step:.1f} ms", duration(row.cell)
        table.add_row(Text(row.dataset), Text(row.method), str(row.cells), step, each)
    console = Console()
    for cell in cells:
        console.print(f"{cell.id}  {cell.label}", highlight=False, markup=False)
    console.print(table)
    if device != "cpu":
        console.print(
            f"{len(cells)} cells; steps are timed on one core of the CPU, not on {device}"
        )
        return
    workers = min(workers or os.cpu_count() or 1, max(len(cells), 1))
    total = sum(row.cell * row.cells for row in rows) / workers
    console.print(f"{len(cells)} cells, at most about {duration(total)} with {workers} workers")
