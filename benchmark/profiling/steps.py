"""The parts of a training step, timed around the harness's own: the loop is ``Steps.epoch``."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from ..cell import open_dataset
from ..contract import Batch, FusionMethod
from ..contract.errors import UserError
from ..lengths import RESAMPLED
from ..loading import Part, Scaler, hide_labels, load, reduced
from ..recipes import parse
from ..registry import datasets
from ..seeds import stream
from ..settings import DataSettings, TrainingSettings
from ..training import Steps

PARTS = ("collate", "forward", "backward", "optimiser", "rest")
"""``rest`` is what ``Steps.epoch`` does beside: the rate, clipping, reading the loss."""
WARM = 2
"""Steps before the clock starts."""


@dataclass(frozen=True)
class StepRow:
    """Mean seconds of a training step by part, of a method on a dataset."""

    dataset: str
    method: str
    steps: int
    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


class Stopwatch:
    """Seconds by part; a part that another one calls stops while that one runs."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        self.open: list[str] = []
        self.last = time.perf_counter()

    def turn(self) -> None:
        """Book the time since the last turn on the part that is open."""
        now = time.perf_counter()
        if self.open:
            self.spent[self.open[-1]] += now - self.last
        self.last = now

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        """Book the block's time on a part."""
        self.turn()
        self.open.append(part)
        try:
            yield
        finally:
            self.turn()
            self.open.pop()

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, its time booked on a part."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.on(part):
                return function(*args, **kwargs)

        return timed


class Timed:
    """A training part of the first ``limit`` batches of an epoch, whose collation is timed."""

    def __init__(self, part: Part, watch: Stopwatch, limit: int):
        self.part, self.watch, self.limit = part, watch, limit

    def __len__(self) -> int:
        return len(self.part)

    def shuffled(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        batches = self.part.shuffled(size, rng)
        for _ in range(self.limit):
            with self.watch.on("collate"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


def watched(steps: Steps, watch: Stopwatch) -> None:
    """Put the stopwatch around what ``Steps.epoch`` calls."""
    model, optimiser = cast(Any, steps.model), cast(Any, steps.optimiser)
    for name in ("corrupt", "forward", "losses"):
        setattr(model, name, watch.around("forward", getattr(model, name)))
    model.backward = watch.around("backward", model.backward)
    for name in ("zero_grad", "step"):
        setattr(optimiser, name, watch.around("optimiser", getattr(optimiser, name)))


def time_steps(
    model: FusionMethod, part: Part, settings: TrainingSettings, count: int, seed: int = 0
) -> dict[str, float]:
    """Train ``count`` steps after a few that warm up; return the mean seconds of each part."""
    steps = Steps(model, settings, seed=seed, fold=0, epochs=settings.epochs)
    steps.epoch(cast(Part, Timed(part, Stopwatch(), WARM)), 1)
    watch = Stopwatch()
    watched(steps, watch)
    an_epoch = math.ceil(len(part) / settings.batch)
    for number in itertools.count(1):
        left = count - (number - 1) * an_epoch
        if left <= 0:
            break
        with watch.on("rest"):
            steps.epoch(cast(Part, Timed(part, watch, left)), min(number, settings.epochs))
    return {part: seconds / count for part, seconds in watch.spent.items()}


def of_cell(cell: Mapping[str, Any], count: int, root: Path | None, source: str) -> StepRow:
    """Time the steps of a cell's method on the cell's own training examples.

    Raises
    ------
    UserError
        Data that cannot be read, or is not what the run was trained on.
    """
    dataset = open_dataset(source, cell["dataset_config"], root)
    if dataset.fingerprint() != cell["fingerprint"]:
        raise UserError(
            f"dataset {cell['dataset']!r} is no longer what the run was trained on (its "
            f"fingerprint differs); give the data of then, or leave --steps out"
        )
    data, settings = DataSettings(**cell["data"]), TrainingSettings(**cell["training"])
    axes = {"seed": cell["seed"], "fold": cell["fold"]}
    split = dataset.split(np.random.default_rng(stream("split", **axes)), cell["fold"])
    task = reduced(dataset.task, data)
    train = load(dataset, split.train, data)
    train = Scaler.fit(train, task).apply(train) if data.normalise else train
    train = hide_labels(train, data.labelled, np.random.default_rng(stream("labels", **axes)))
    with as_in_a_worker():
        torch.manual_seed(stream("initialisation", **axes))
        model = parse(cell["method"]).build(task, cell["config"])
        seconds = time_steps(model, train, settings, count, cell["seed"])
    return StepRow(cell["dataset"], cell["method"], count, seconds)


def source_of(cell: Mapping[str, Any], given: Sequence[str]) -> str:
    """Return what opens a cell's dataset: its name, its path where one of ``given`` fits.

    Raises
    ------
    UserError
        A dataset that was read from a path, of which a record keeps the last part alone.
    """
    name, resampled = cell["dataset"], False
    if "@" in name:  # at a length: generated with that setting, or resampled in time
        name, resampled = name.rpartition("@")[0], "length" not in cell["dataset_config"]
    base = name.partition(":")[0]
    if datasets[base].local and ":" in name:
        fitting = [each for each in given if shown(each) == name]
        if not fitting:
            raise UserError(
                f"dataset {name!r} was read from a path, which a run does not keep; "
                f"give it as --dataset {base}:PATH"
            )
        name = fitting[0]
    return f"{RESAMPLED}:{name}" if resampled else name


def shown(source: str) -> str:
    """Return a dataset's name in records, of a source with a path."""
    base, _, path = source.partition(":")
    return f"{base}:{Path(path).name}"


@contextmanager
def as_in_a_worker() -> Iterator[None]:
    """One thread and deterministic algorithms, as cells are trained."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=warned)
