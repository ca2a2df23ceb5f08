"""Trainings that several cells ask for at once, done in one launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import training
from ..contract import Batch, FusionMethod, Output, TrainingStrategy
from ..loading import Part
from ..seeds import stream
from ..settings import TrainingSettings
from ..training import History
from .fitting import fit, refit
from .lockstep import Seed, precision_of
from .parts import Parts
from .probe import unsuited
from .stacked import Precision, cast_to

PROBED = 4  # examples of each seed that a method is tried on


@dataclass
class Request:
    """A training that a cell asks for: with a validation part a fit, without one a refit.

    ``answer`` is what ``training.fit`` or ``training.refit`` would return, or ``error`` what it
    would raise; ``seconds`` is the cell's share of the time that the common training took.
    """

    build: Callable[[], FusionMethod]
    settings: TrainingSettings
    seed: int
    fold: int
    train: Part
    valid: Part | None
    epochs: int
    history: History | None = None
    answer: Any = None
    error: Exception | None = None
    seconds: float = 0.0


class Placed(TrainingStrategy):
    """A method on a device, in a harness whose batches lie on the CPU and whose scores are there.

    Trains as the method alone does: a batch goes to the device before anything is done with it, and
    predictions come back.
    """

    def __init__(self, inner: FusionMethod, device: str, precision: Precision = "float32"):
        super().__init__(inner.to(device), None)
        self.device = device
        self.precision: Precision = precision

    def forward(self, batch: Batch) -> Output:
        if not self.training:
            return Output(self.inner(batch.to(self.device)).logits.cpu())
        with cast_to(self.precision, self.device):
            return self.inner(batch.to(self.device))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        with cast_to(self.precision, self.device):
            return self.inner.losses(output, batch.to(self.device))

    def corrupt(self, batch: Batch, generator: torch.Generator) -> Batch:
        return self.inner.corrupt(batch.to(self.device), generator)


def train(requests: Sequence[Request], device: str, together: bool = True) -> str | None:
    """Do the trainings that were asked for, and put the answers into the requests.

    Returns
    -------
    str or None
        Why they were done one by one; None where they were done side by side.
    """
    if not together or len(requests) == 1:
        reason = "" if together else "asked for"
    else:
        reason = side_by_side(requests, device)
    if reason is not None:
        for request in requests:
            alone(request, device)
    return reason


def side_by_side(requests: Sequence[Request], device: str) -> str | None:
    """Train in lock-step; return why that cannot be done, and nothing was, or None."""
    settings, first = requests[0].settings, requests[0].valid is not None
    seeds = [seed_of(request, device) for request in requests]
    parts = Parts([request.train for request in requests], device)
    rows = torch.arange(min(PROBED, *parts.sizes)).numpy()
    tried = [parts.alone(s, rows) for s in range(len(seeds))]
    reason = unsuited([seed.model for seed in seeds], tried, precision_of(settings))
    if reason:
        return reason
    if first:
        valid = Parts([request.valid for request in requests if request.valid], device)
        chosen = fit(seeds, parts, valid, settings)
    else:
        histories = [request.history for request in requests if request.history]
        refit(seeds, parts, histories, settings)
        chosen = [None] * len(seeds)
    for request, seed, selection in zip(requests, seeds, chosen, strict=True):
        model = seed.model if device == "cpu" else Placed(seed.model, device)
        request.error = seed.error
        request.answer = (model, seed.history, selection) if first else model
    return None


def alone(request: Request, device: str) -> None:
    """Do one training as a single run does it, on the device."""
    axes = {"seed": request.seed, "fold": request.fold}
    precision = precision_of(request.settings)

    def build() -> FusionMethod:
        if device == "cpu" and precision == "float32":
            return request.build()
        return Placed(request.build(), device, precision)

    try:
        if request.valid is not None:
            request.answer = training.fit(
                build, request.train, request.valid, request.settings, **axes
            )
        else:
            assert request.history is not None, "a refit comes with its history"
            request.answer = training.refit(
                build, request.train, request.settings, request.history, request.epochs, **axes
            )
    except Exception as error:  # of this cell alone: the protocol raises it where it asked
        request.error = error


def seed_of(request: Request, device: str) -> Seed:
    """Build a seed's model as a single run does."""
    torch.manual_seed(stream("initialisation", seed=request.seed, fold=request.fold))
    return Seed(request.seed, request.fold, request.build().to(device), request.epochs)
