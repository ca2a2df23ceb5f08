"""Predictions as sums by seed and speaker, from which metrics and their differences follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np

from .statistics import tabulate
from .store import Store


@dataclass(frozen=True)
class Score:
    """How a metric follows from sums of predictions, always so that more is better."""

    of: tabulate.Metric
    kind: Literal["confusion", "error"]


def least_error(sums: np.ndarray) -> np.ndarray:
    """Minus the mean absolute error, from (..., 2)."""
    return -tabulate.mean_score(sums)


SCORES: Mapping[str, Score] = {
    "macro_f1": Score(tabulate.macro_f1, "confusion"),
    "accuracy": Score(tabulate.accuracy, "confusion"),
    "micro_f1": Score(tabulate.accuracy, "confusion"),
    "micro_precision": Score(tabulate.accuracy, "confusion"),
    "micro_recall": Score(tabulate.accuracy, "confusion"),
    "uar": Score(tabulate.macro_recall, "confusion"),
    "macro_recall": Score(tabulate.macro_recall, "confusion"),
    "macro_precision": Score(tabulate.macro_precision, "confusion"),
    "mae": Score(least_error, "error"),
}
"""Metrics that follow from sums which add up over speakers."""


@dataclass(frozen=True)
class Tested:
    """One seed's sums: ``values`` has shape (speakers, *statistic)."""

    speakers: tuple[str, ...]
    values: np.ndarray


@dataclass(frozen=True)
class Stacked:
    """Sums of several seeds, shape (seeds, speakers, *statistic), zero where untested."""

    seeds: tuple[int, ...]
    speakers: tuple[str, ...]
    values: np.ndarray


def tested(store: Store, records: Sequence[Mapping[str, Any]]) -> Tested | None:
    """Add up the predictions of one seed's folds; None where a file is not read or not finite."""
    try:
        parts = [store.predictions(record["id"]) for record in records]
        groups = np.concatenate([part["groups"] for part in parts])
        labels = np.concatenate([part["labels"] for part in parts])
        given = [part["probabilities" if "probabilities" in part else "values"] for part in parts]
        if not all(np.isfinite(each).all() for each in given):
            return None
        if "probabilities" in parts[0]:
            said = np.concatenate([part["probabilities"].argmax(1) for part in parts])
            classes = len(records[0]["outputs"])
            zero = np.zeros(len(labels), dtype=np.int64)
            sums = tabulate.confusion_cells(labels, said, zero, groups, classes)
        else:
            values = np.concatenate([part["values"] for part in parts])
            errors = np.abs(values.astype(float) - labels).mean(1)
            sums = tabulate.mean_cells(errors, np.zeros(len(labels)), groups)
    except (OSError, KeyError, ValueError, BadZipFile):
        return None
    return Tested(sums.speakers, sums.values[0])


def stack(seeds: Sequence[int], parts: Sequence[Tested]) -> Stacked:
    """Put seeds on one list of speakers."""
    speakers = tuple(sorted({name for part in parts for name in part.speakers}))
    if all(part.speakers == speakers for part in parts):
        return Stacked(tuple(seeds), speakers, np.stack([part.values for part in parts]))
    place = {name: i for i, name in enumerate(speakers)}
    values = np.zeros((len(parts), len(speakers), *parts[0].values.shape[1:]))
    for i, part in enumerate(parts):
        values[i, [place[name] for name in part.speakers]] = part.values
    return Stacked(tuple(seeds), speakers, values)


def alike(a: Stacked, b: Stacked) -> bool:
    """Say whether two methods were tested on the same speakers with the same labels."""
    return a.speakers == b.speakers and np.array_equal(truth(a.values), truth(b.values))


def truth(values: np.ndarray) -> np.ndarray:
    """What two methods must share: the labels' counts, or the number of examples."""
    return values.sum(-1) if values.ndim == 4 else values[..., -1]
