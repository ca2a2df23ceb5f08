"""One training run: optimiser, schedule, early stopping on validation, best weights restored."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .contract import FusionMethod
from .loading import Part
from .seeds import stream
from .settings import TrainingSettings


@dataclass
class History:
    """What happened, epoch by epoch; the score is validation macro F1, or minus the mean error."""

    epoch: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_score: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Selection:
    """The epoch that validation chose, how many were run, and why training stopped."""

    best_epoch: int
    epochs: int
    stopped: str
    refit_epochs: int | None = None


class DivergedError(RuntimeError):
    """The training loss is no longer finite."""


def fit(
    build: Callable[[], FusionMethod],
    train: Part,
    valid: Part,
    settings: TrainingSettings,
    *,
    seed: int,
    fold: int = 0,
) -> tuple[FusionMethod, History, Selection]:
    """Build a model, train it, and return it with the weights of its best validation epoch.

    Neither training nor selection is given the test part.

    Raises
    ------
    DivergedError
        The loss became infinite or NaN.
    """
    torch.manual_seed(stream("initialisation", seed=seed, fold=fold))
    model = build()
    steps = Steps(model, settings, seed=seed, fold=fold, epochs=settings.epochs)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        steps.optimiser, "max", settings.plateau_factor, settings.plateau_patience
    )
    history, best, weights = History(), (-math.inf, -math.inf), None
    best_epoch, stopped = 0, "limit"
    for epoch in range(1, settings.epochs + 1):
        rate = steps.rate
        loss = steps.epoch(train, epoch)
        valid_loss, score = validate(model, valid, 4 * settings.batch)
        history.epoch.append(epoch)
        history.train_loss.append(loss)
        history.valid_loss.append(valid_loss)
        history.valid_score.append(score)
        history.lr.append(rate)
        if (score, -valid_loss) > best:
            best, best_epoch = (score, -valid_loss), epoch
            weights = copy.deepcopy(model.state_dict())
        if settings.schedule == "plateau":
            plateau.step(score)
        if settings.patience and epoch - best_epoch >= settings.patience:
            stopped = "patience"
            break
    assert weights is not None, "the first finite epoch is always the best so far"
    model.load_state_dict(weights)
    return model, history, Selection(best_epoch, len(history.epoch), stopped)


def refit(
    build: Callable[[], FusionMethod],
    everything: Part,
    settings: TrainingSettings,
    history: History,
    epochs: int,
    *,
    seed: int,
    fold: int = 0,
) -> FusionMethod:
    """Train afresh on training plus validation for the number of epochs that validation chose.

    The plateau schedule's rates are those of the first training, epoch by epoch; the warm-up
    schedule runs its whole course over the fewer epochs.
    """
    torch.manual_seed(stream("initialisation", seed=seed, fold=fold))
    model = build()
    steps = Steps(model, settings, seed=seed, fold=fold, epochs=epochs)
    for epoch in range(1, epochs + 1):
        if settings.schedule == "plateau":
            steps.rate = history.lr[epoch - 1]
        steps.epoch(everything, epoch)
    return model


def lasting(scores: Sequence[float], window: int) -> int:
    """Return the epoch (the first is 1) around which the mean score is greatest.

    The mean is over ``window`` epochs, half of them before and half after, or as many as there are;
    of equals the last epoch is taken.
    """
    half = window // 2
    around = [scores[max(0, i - half) : i + half + 1] for i in range(len(scores))]
    means = np.array([np.mean(part) for part in around])
    return int(np.flatnonzero(means >= means.max() - 1e-12)[-1]) + 1


class Steps:
    """The training steps of one model: its optimiser and its streams of chance."""

    def __init__(
        self, model: FusionMethod, settings: TrainingSettings, *, seed: int, fold: int, epochs: int
    ):
        self.model, self.settings, self.epochs = model, settings, epochs
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        kind = torch.optim.Adam if settings.optimiser == "adam" else torch.optim.AdamW
        self.optimiser = kind(
            self.parameters, lr=settings.lr, weight_decay=settings.weight_decay, fused=True
        )
        self.order = np.random.default_rng(stream("order", seed=seed, fold=fold))
        self.corruption = torch.Generator().manual_seed(stream("corruption", seed=seed, fold=fold))
        torch.manual_seed(stream("dropout", seed=seed, fold=fold))

    @property
    def rate(self) -> float:
        return self.optimiser.param_groups[0]["lr"]

    @rate.setter
    def rate(self, value: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = value

    def epoch(self, part: Part, number: int) -> float:
        """Train one epoch (the first is 1) and return the mean training loss."""
        self.model.train()
        losses = []
        count = math.ceil(len(part) / self.settings.batch)
        for step, batch in enumerate(part.shuffled(self.settings.batch, self.order)):
            if self.settings.schedule == "warmup":
                self.rate = self.settings.lr * warmup(number - 1 + step / count, self.epochs)
            corrupted = self.model.corrupt(batch, self.corruption)
            terms = self.model.losses(self.model(corrupted), corrupted)
            self.optimiser.zero_grad(set_to_none=True)
            self.model.backward(terms, self.parameters)
            if self.settings.clip is not None:
                nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
            self.optimiser.step()
            losses.append(torch.stack([term.detach() for term in terms.values()]).sum())
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            raise DivergedError(
                f"the training loss is {mean} in epoch {number}; try a smaller training.lr"
            )
        return mean


def warmup(epoch: float, epochs: int) -> float:
    """Share of the learning rate at a fractional epoch: linear over a tenth, then a cosine to 0."""
    ramp = 0.1 * epochs
    if epoch < ramp:
        return (epoch + 1e-3) / (ramp + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (epoch - ramp) / max(epochs - ramp, 1e-9)))


def predict(model: FusionMethod, part: Part, size: int, absent: str | None = None) -> Tensor:
    """Return logits (N, outputs) in the part's order, perhaps with one modality absent."""
    model.eval()
    rows, logits = [], []
    with torch.inference_mode():
        for index, batch in part.in_order(size):
            batch = batch.without(absent) if absent else batch
            rows.append(index)
            logits.append(model(batch).logits)
    order = torch.cat(rows).argsort()
    return torch.cat(logits)[order]


def validate(model: FusionMethod, part: Part, size: int) -> tuple[float, float]:
    """Return the loss and the score (macro F1, or minus the mean absolute error) on a part."""
    logits = predict(model, part, size)
    if model.task.kind == "regression":
        loss = nn.functional.mse_loss(logits, part.labels)
        return float(loss), -float((logits - part.labels).abs().mean())
    from sklearn.metrics import f1_score

    loss = nn.functional.cross_entropy(logits, part.labels)
    present = np.unique(part.labels.numpy())
    undefined: Any = 0
    score = f1_score(
        part.labels.numpy(), logits.argmax(1).numpy(), labels=present, average="macro",
        zero_division=undefined,
    )  # fmt: skip
    return float(loss), float(score)
