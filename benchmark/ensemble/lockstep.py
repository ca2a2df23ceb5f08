"""S seeds that take their steps together: each with its own order, rate and chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..contract import FusionMethod
from ..precision import PreciseSettings
from ..seeds import stream
from ..settings import TrainingSettings
from ..training import DivergedError, History, warmup
from .optimiser import Adam
from .parts import Parts, stacked
from .probe import corrupts
from .stacked import Precision, Stacked, Tensors


@dataclass
class Seed:
    """One seed's course: its streams of chance, its history, its best weights, and how it ended."""

    seed: int
    fold: int
    model: FusionMethod
    epochs: int
    order: np.random.Generator = field(init=False)
    corruption: torch.Generator = field(init=False)
    history: History = field(default_factory=History)
    rate: float = 0.0
    best: tuple[float, float] = (-math.inf, -math.inf)
    best_epoch: int = 0
    weights: Tensor | None = None
    stopped: str = "limit"
    error: DivergedError | None = None
    schedule: Any = None

    def __post_init__(self) -> None:
        axes = {"seed": self.seed, "fold": self.fold}
        self.order = np.random.default_rng(stream("order", **axes))
        self.corruption = torch.Generator().manual_seed(stream("corruption", **axes))


class Lockstep:
    """Seeds that train together; one that ends leaves the rest.

    Parameters
    ----------
    seeds
        With their models as they were initialised.
    train
        The seeds' training parts, in their order.
    """

    def __init__(self, seeds: Sequence[Seed], train: Parts, settings: TrainingSettings):
        self.all, self.train, self.settings = list(seeds), train, settings
        self.alive = list(range(len(seeds)))
        self.corrupts = corrupts(seeds[0].model)
        precision = precision_of(settings)
        self.many = Stacked([seed.model for seed in seeds], train.device, precision)
        self.optimiser = Adam(self.many.weights, settings)
        first = seeds[0]
        torch.manual_seed(stream("dropout", seed=first.seed, fold=first.fold))

    def epoch(self, number: int) -> None:
        """Train one epoch (the first is 1) of every seed that is alive; one may diverge."""
        orders = {
            s: self.train.shuffled(s, self.settings.batch, self.all[s].order) for s in self.alive
        }
        steps = max(len(order) for order in orders.values())
        losses = self.many.weights.new_zeros(steps, len(self.alive))
        for step in range(steps):
            self.step(step, number, orders, losses[step])
        counts = torch.tensor([len(orders[s]) for s in self.alive], device=losses.device)
        means = (losses.sum(0) / counts).tolist()
        for seed, mean in zip(self.alive, means, strict=True):
            if not math.isfinite(mean):
                self.all[seed].error = DivergedError(
                    f"the training loss is {mean} in epoch {number}; try a smaller training.lr"
                )
            self.all[seed].history.train_loss.append(mean)
        self.leave([s for s in self.alive if self.all[s].error])

    def step(
        self, step: int, number: int, orders: dict[int, list[np.ndarray]], losses: Tensor
    ) -> None:
        """Take one step with every seed that has a batch left."""
        device, settings = self.train.device, self.settings
        rows = {s: order[step] for s, order in orders.items() if step < len(order)}
        for s in rows:
            if settings.schedule == "warmup":
                course = number - 1 + step / len(orders[s])
                self.all[s].rate = settings.lr * warmup(course, self.all[s].epochs)
        gradients = torch.zeros_like(self.many.weights)
        reached = torch.zeros(gradients.shape[1], dtype=torch.bool, device=device)
        # Batches are cut evenly, so that their sizes differ by one at most within a seed: the
        # seeds of one size run together.
        for size in sorted({len(r) for r in rows.values()}):
            group = [s for s, r in rows.items() if len(r) == size]
            places = [self.alive.index(s) for s in group]
            which = None if len(group) == len(self.alive) else torch.tensor(places, device=device)
            batch = self.batch(group, [rows[s] for s in group])
            found, slopes, touched = self.many.gradients(batch, which)
            gradients[places if which is None else which] = slopes
            losses[places if which is None else which] = found
            reached |= touched
        active = torch.tensor([s in rows for s in self.alive], device=device)
        rates = torch.tensor([self.all[s].rate for s in self.alive], dtype=torch.float64)
        self.optimiser.step(self.many.weights, gradients, reached, rates.to(device), active)

    def batch(self, group: list[int], rows: list[np.ndarray]) -> Tensors:
        """Return a batch of each seed of a group, corrupted where the method does that."""
        if not self.corrupts:
            return self.train.batch(group, rows)
        changed = []
        for s, r in zip(group, rows, strict=True):
            model, chance = self.all[s].model.train(), self.all[s].corruption
            changed.append(model.corrupt(self.train.alone(s, r), chance))
        return stacked(changed)

    def leave(self, ended: Sequence[int]) -> None:
        """Let seeds go."""
        kept = [i for i, s in enumerate(self.alive) if s not in ended]
        if len(kept) < len(self.alive):
            self.alive = [self.alive[i] for i in kept]
            which = torch.tensor(kept, dtype=torch.int64, device=self.train.device)
            self.many.keep(which)
            self.optimiser.keep(which)


def precision_of(settings: TrainingSettings) -> Precision:
    """Return the precision that a training was asked for."""
    return settings.precision if isinstance(settings, PreciseSettings) else "float32"
