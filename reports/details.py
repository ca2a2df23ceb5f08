"""Behind the leaderboard: classes, confusions, absent modalities and training curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .cells import Cell, real
from .formatting import clean
from .outcomes import Outcome
from .standings import Estimate, Standing, over

SHOWN = 3  # methods whose confusions are shown
WORST = 8  # confusions that are listed


@dataclass(frozen=True)
class PerClass:
    """Recall and F1 of each class, (methods, classes), means over seeds; nan without examples."""

    classes: tuple[str, ...]
    support: tuple[float, ...]
    methods: tuple[str, ...]
    recall: np.ndarray
    f1: np.ndarray


@dataclass(frozen=True)
class Confusion:
    """Shares (classes, classes) of each true class's examples, averaged over seeds.

    ``worst`` lists the greatest off the diagonal: true class, answer, share.
    """

    method: str
    classes: tuple[str, ...]
    shares: np.ndarray
    worst: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class Absence:
    """A method's score on the whole test part, and with each modality absent there."""

    method: str
    whole: Estimate
    absent: dict[str, Estimate]


@dataclass(frozen=True)
class Curve:
    """Validation score by epoch: mean and standard deviation over the runs that still train.

    Attributes
    ----------
    epochs, mean, sd, running
        (epochs,) each; it ends where fewer than half of the runs train on.
    chosen
        Median epoch that early stopping kept.
    """

    method: str
    baseline: bool
    epochs: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    running: np.ndarray
    chosen: float
    runs: int


def per_class(rows: Sequence[Standing], classes: tuple[str, ...]) -> PerClass | None:
    """Average each class's recall and F1 over seeds; None where nothing was classified."""
    rows = [row for row in rows if row.outcomes and row.outcomes[0].recall.size == len(classes)]
    if not rows or not classes:
        return None

    support = np.mean([o.support for row in rows for o in row.outcomes], axis=0)
    recall = np.stack([mean_where_present(row, lambda o: o.recall) for row in rows])
    f1 = np.stack([mean_where_present(row, lambda o: o.f1) for row in rows])
    return PerClass(classes, tuple(support.tolist()), tuple(row.label for row in rows), recall, f1)


def mean_where_present(row: Standing, values: Callable[[Outcome], np.ndarray]) -> np.ndarray:
    """Average over the seeds whose test part has the class; nan where none has."""
    seen = np.stack([outcome.support > 0 for outcome in row.outcomes])
    stacked = np.stack([values(outcome) for outcome in row.outcomes])
    count = seen.sum(0)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, np.where(seen, stacked, 0.0).sum(0) / count, np.nan)


def confusions(rows: Sequence[Standing], classes: tuple[str, ...]) -> tuple[Confusion, ...]:
    """Return row-normalised confusions, averaged over seeds, of the first few methods."""
    found = []
    for row in rows:
        if len(found) == SHOWN or not row.outcomes or row.outcomes[0].confusion.size == 0:
            continue
        counts = np.stack([outcome.confusion for outcome in row.outcomes])
        totals = counts.sum(2, keepdims=True)
        # A seed whose test part lacks a class says nothing about that class's row.
        seeds = np.maximum((totals > 0).sum(0), 1)
        shares = (counts / np.maximum(totals, 1)).sum(0) / seeds
        found.append(Confusion(row.label, classes, shares, worst(shares, classes)))
    return tuple(found)


def worst(shares: np.ndarray, classes: tuple[str, ...]) -> tuple[tuple[str, str, float], ...]:
    """List the greatest confusions, (true, said, share of the true class)."""
    wrong = shares * ~np.eye(len(shares), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:WORST]
    pairs = [np.unravel_index(flat, wrong.shape) for flat in order]
    return tuple(
        (classes[true], classes[said], float(wrong[true, said]))
        for true, said in pairs
        if wrong[true, said] > 0
    )


def absences(rows: Sequence[Standing], key: str) -> tuple[Absence, ...]:
    """Return each method's score with each modality absent, where it was measured."""
    found = []
    for row in rows:
        names = dict.fromkeys(m for outcome in row.outcomes for m in outcome.absent)
        if names:
            absent = {
                clean(m): over(row.outcomes, lambda o, m=m: o.absent.get(m, float("nan")))
                for m in names
            }
            whole = over(row.outcomes, lambda o: o.metrics.get(key, float("nan")))
            found.append(Absence(row.label, whole, absent))
    return tuple(found)


def curve(method: str, baseline: bool, cells: Sequence[Cell]) -> Curve | None:
    """Average the validation curves of a method's runs; None where there are none."""
    runs = [c.record for c in cells if c.ok and c.record["history"]["epoch"]]
    if not runs:
        return None
    longest = max(len(run["history"]["epoch"]) for run in runs)
    scores = np.full((len(runs), longest), np.nan)
    for i, run in enumerate(runs):
        values = [real(v) for v in run["history"]["valid_score"]]
        scores[i, : len(values)] = values
    lengths = np.array([len(run["history"]["epoch"]) for run in runs])
    running = (np.arange(longest) < lengths[:, None]).sum(0)
    shown = int((running >= len(runs) / 2).sum())
    scores, running = scores[:, :shown], running[:shown]
    known = np.isfinite(scores)
    count = known.sum(0)
    # An epoch at which some run's score is not finite has no mean, as everywhere in the report.
    mean = np.where(count == running, np.where(known, scores, 0.0).sum(0) / count.clip(1), np.nan)
    square = np.where(known, (scores - mean) ** 2, 0.0).sum(0)
    sd = np.where(count > 1, np.sqrt(square / (count - 1).clip(1)), np.nan)
    epochs = np.array(max(runs, key=lambda r: len(r["history"]["epoch"]))["history"]["epoch"])
    chosen = float(np.median([run["selection"]["best_epoch"] for run in runs]))
    return Curve(method, baseline, epochs[:shown], mean, sd, running, chosen, len(runs))
