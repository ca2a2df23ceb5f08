"""From seeds in lock-step to trained models: epochs, validation, patience, best weights.

The loop is that of ``training.fit``, whose code the committed results' digests cover; a test holds
the two to equal histories.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..contract import FusionMethod, Output
from ..settings import TrainingSettings
from ..training import History, Selection
from ..training import validate as scored
from .lockstep import Lockstep, Seed
from .parts import Parts

WHOLE = 4  # validation batches are so many times larger, as in a single run


def fit(
    seeds: Sequence[Seed], train: Parts, valid: Parts, settings: TrainingSettings
) -> list[Selection | None]:
    """Train the seeds; each seed's model gets the weights of its best validation epoch.

    Returns
    -------
    list
        For each seed what validation chose, or None where it diverged: its ``error`` says so.
    """
    together = Lockstep(seeds, train, settings)
    for seed in seeds:
        seed.rate = settings.lr
        seed.schedule = plateau(settings)
    for epoch in range(1, settings.epochs + 1):
        rates = {s: seeds[s].rate for s in together.alive}
        together.epoch(epoch)
        if not together.alive:
            break
        found, ended = validate(together, valid, WHOLE * settings.batch), []
        for place, s in enumerate(together.alive):
            seed, (loss, score) = seeds[s], found[place]
            seed.history.epoch.append(epoch)
            seed.history.valid_loss.append(loss)
            seed.history.valid_score.append(score)
            seed.history.lr.append(rates[s])
            if (score, -loss) > seed.best:
                seed.best, seed.best_epoch = (score, -loss), epoch
                seed.weights = together.many.weights[place].clone()
            if settings.schedule == "plateau":
                seed.schedule.step(score)
                seed.rate = seed.schedule.optimizer.param_groups[0]["lr"]
            if settings.patience and epoch - seed.best_epoch >= settings.patience:
                seed.stopped = "patience"
                ended.append(s)
        together.leave(ended)
        if not together.alive:
            break
    return [ended_at(together, seed) for seed in seeds]


def refit(
    seeds: Sequence[Seed], everything: Parts, histories: Sequence[History],
    settings: TrainingSettings,
) -> None:  # fmt: skip
    """Train afresh on training plus validation, each seed for the epochs that validation chose."""
    together = Lockstep(seeds, everything, settings)
    for seed in seeds:
        seed.rate = settings.lr
    for epoch in range(1, max(seed.epochs for seed in seeds) + 1):
        if settings.schedule == "plateau":
            for s in together.alive:
                seeds[s].rate = histories[s].lr[epoch - 1]
        together.epoch(epoch)
        for place, s in enumerate(together.alive):
            if seeds[s].epochs == epoch:
                seeds[s].weights = together.many.weights[place].clone()
        together.leave([s for s in together.alive if seeds[s].epochs == epoch])
        if not together.alive:
            break
    for seed in seeds:
        if not seed.error:
            assert seed.weights is not None, "a seed leaves with weights or with an error"
            together.many.pour(seed.weights, seed.model)


def ended_at(together: Lockstep, seed: Seed) -> Selection | None:
    """Put a seed's best weights into its model, and say how its training ended."""
    if seed.error:
        return None
    assert seed.weights is not None, "the first finite epoch is always the best so far"
    together.many.pour(seed.weights, seed.model)
    return Selection(seed.best_epoch, len(seed.history.epoch), seed.stopped)


def plateau(settings: TrainingSettings) -> Any:
    """Return torch's own schedule over a rate that nothing else moves."""
    holder = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=settings.lr)
    return torch.optim.lr_scheduler.ReduceLROnPlateau(
        holder, "max", settings.plateau_factor, settings.plateau_patience
    )


class Known:
    """Stands for a model whose logits (N, outputs) are known, in ``training``'s own scoring."""

    def __init__(self, model: FusionMethod, logits: Tensor):
        self.task, self.logits = model.task, logits

    def eval(self) -> None:
        """Nothing: there is no model."""

    def __call__(self, rows: Tensor) -> Output:
        return Output(self.logits[rows])


def validate(together: Lockstep, valid: Parts, size: int) -> list[tuple[float, float]]:
    """Return the validation loss and score of each seed that is alive."""
    outputs = len(together.all[0].model.task.outputs)
    kind = together.many.weights.dtype
    logits = [torch.empty(valid.sizes[s], outputs, dtype=kind) for s in together.alive]
    for rows, batch in valid.in_order(together.alive, size):
        said = together.many.logits(batch).cpu()
        for each, kept, all_of_it in zip(logits, rows, said, strict=True):
            each[torch.from_numpy(kept)] = all_of_it[: len(kept)]
    return [
        scored(cast(FusionMethod, Known(together.all[s].model, each)), valid.orders[s], size)
        for s, each in zip(together.alive, logits, strict=True)
    ]
