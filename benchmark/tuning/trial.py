"""One training of a trial: the ordinary training's epochs, each score reported as it comes.

The loop is that of ``training.fit``, which the committed results' code digests cover and which
cannot be stopped from without; a test holds the two to equal histories. No weights are kept: what
tuning wants is a score.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ..cell import Cell, open_dataset
from ..contract import FusionMethod, Task, UserError
from ..loading import Part, Scaler, hide_labels, load, reduced
from ..recipes import parse
from ..seeds import stream
from ..settings import DataSettings, TrainingSettings
from ..training import History, Steps, lasting, validate
from .withheld import Withheld

Report = Callable[[int, float], None]
"""Hears the epoch (the first is 1) and its validation score; raises to stop the training."""


def train(cell: Cell, root: Path | None, source: str, report: Report) -> History:
    """Train a cell's method without its test part; return the history of its validation.

    Raises
    ------
    UserError
        A configuration that the method refuses.
    DivergedError
        The loss became infinite or NaN.
    """
    task, train_part, valid = parts_of(cell, root, source)
    settings = TrainingSettings(**cell.training)
    recipe = parse(cell.method)
    return follow(
        lambda: recipe.build(task, cell.config), train_part, valid, settings, report,
        seed=cell.seed, fold=cell.fold,
    )  # fmt: skip


def parts_of(cell: Cell, root: Path | None, source: str) -> tuple[Task, Part, Part]:
    """Return the task of a cell, and its training and validation parts."""
    return parts(
        source, json.dumps(dict(cell.dataset_config)), json.dumps(dict(cell.data)),
        cell.seed, cell.fold, root,
    )  # fmt: skip


@functools.lru_cache(maxsize=4)
def parts(
    source: str, config: str, data: str, seed: int, fold: int, root: Path | None
) -> tuple[Task, Part, Part]:
    """Return the task and the loaded training and validation parts, as a cell's own worker would.

    A worker keeps the last few: the trials of a study train on the same.
    """
    dataset = open_dataset(source, json.loads(config), root)
    settings = DataSettings(**json.loads(data))
    split = dataset.split(np.random.default_rng(stream("split", seed=seed, fold=fold)), fold)
    split.check(dataset)
    withheld = Withheld(dataset, split)
    del dataset, split
    rng = np.random.default_rng(0)
    task, split = reduced(withheld.task, settings), withheld.split(rng, fold)
    train, valid = load(withheld, split.train, settings), load(withheld, split.valid, settings)
    if settings.normalise:
        scaler = Scaler.fit(train, task)
        train, valid = scaler.apply(train), scaler.apply(valid)
    rng = np.random.default_rng(stream("labels", seed=seed, fold=fold))
    return task, hide_labels(train, settings.labelled, rng), valid


def follow(
    build: Callable[[], FusionMethod], train: Part, valid: Part, settings: TrainingSettings,
    report: Report, *, seed: int, fold: int,
) -> History:  # fmt: skip
    """Train epoch by epoch, with ``training.fit``'s streams of chance, schedule and patience."""
    torch.manual_seed(stream("initialisation", seed=seed, fold=fold))
    model = build()
    steps = Steps(model, settings, seed=seed, fold=fold, epochs=settings.epochs)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        steps.optimiser, "max", settings.plateau_factor, settings.plateau_patience
    )
    history, best, best_epoch = History(), (-math.inf, -math.inf), 0
    for epoch in range(1, settings.epochs + 1):
        rate = steps.rate
        loss = steps.epoch(train, epoch)
        valid_loss, score = validate(model, valid, 4 * settings.batch)
        history.epoch.append(epoch)
        history.train_loss.append(loss)
        history.valid_loss.append(valid_loss)
        history.valid_score.append(score)
        history.lr.append(rate)
        report(epoch, score)
        if (score, -valid_loss) > best:
            best, best_epoch = (score, -valid_loss), epoch
        if settings.schedule == "plateau":
            plateau.step(score)
        if settings.patience and epoch - best_epoch >= settings.patience:
            break
    return history


def achieved(history: History, settings: TrainingSettings) -> float:
    """Return the score that a training is judged by: its best epoch's.

    Where the cell trains again for the number of epochs that validation chose, it is the mean score
    around that number, which is what chose it.
    """
    scores = history.valid_score
    if not settings.refit:
        return max(scores)
    chosen, half = lasting(scores, settings.refit_window) - 1, settings.refit_window // 2
    return float(np.mean(scores[max(0, chosen - half) : chosen + half + 1]))


def flops(cell: Cell, root: Path | None, source: str) -> int:
    """Return the FLOPs of one prediction at the task's greatest lengths, by the method's formula.

    Raises
    ------
    UserError
        The method declares none.
    """
    task, _, _ = parts_of(cell, root, source)
    return predicted_flops(cell, task)


def predicted_flops(cell: Cell, task: Task) -> int:
    """Return the same for a task that is at hand."""
    with torch.device("meta"):
        model = parse(cell.method).build(task, cell.config)
    try:
        return model.flops(1, {name: m.max_length for name, m in task.modalities.items()})
    except NotImplementedError as error:
        raise UserError(f"{cell.method}: {error}; tune it without the objective flops") from None
