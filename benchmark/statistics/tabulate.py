"""From predictions to cells: what each speaker contributes to a metric in each seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import Floats, finite
from .wording import count

Metric = Callable[[Floats], Floats]
"""From sums of cells, shape (..., *statistic), to scores, shape (...)."""


@dataclass(frozen=True)
class Cells:
    """Sums that a metric is made of, one for every seed and speaker.

    `values` has shape (seeds, speakers, *statistic): (classes, classes) for a confusion matrix
    (truth by prediction), (2,) for the sum and the number of values. A speaker that was not tested
    in a seed has zeros there. Cells of two methods compare when `seeds` and `speakers` agree.
    """

    seeds: tuple[str, ...]
    speakers: tuple[str, ...]
    values: Floats

    def sentence(self) -> str:
        """Say the result in one sentence."""
        held = int(np.count_nonzero(tested(self.values)))
        return (
            f"{count(len(self.seeds), 'seed')} and {count(len(self.speakers), 'speaker')}, of "
            f"whose {count(self.values.shape[0] * self.values.shape[1], 'cell')} {held} were "
            f"tested."
        )


def confusion_cells(
    labels: ArrayLike,
    predictions: ArrayLike,
    seeds: ArrayLike,
    speakers: ArrayLike,
    classes: int,
) -> Cells:
    """Count confusions per seed and speaker.

    Parameters
    ----------
    labels, predictions
        Class indices, shape (n,), one per scored example of a seed.
    seeds, speakers
        Seed and speaker of each, shape (n,).
    classes
        Number of classes.

    Raises
    ------
    ValueError
        If the lengths differ or an index is out of range.
    """
    truth, said = np.asarray(labels, dtype=np.int64), np.asarray(predictions, dtype=np.int64)
    if len(truth) != len(said):
        raise ValueError(f"{len(truth)} labels and {len(said)} predictions; expected as many")
    if len(truth) and (min(truth.min(), said.min()) < 0 or max(truth.max(), said.max()) >= classes):
        raise ValueError(f"a class index lies outside 0 to {classes - 1}")
    cells = truth * classes + said
    sums = _sums(np.ones(len(truth)), cells, classes**2, seeds, speakers)
    return Cells(
        sums.seeds, sums.speakers, sums.values.reshape(*sums.values.shape[:2], classes, -1)
    )


def mean_cells(values: ArrayLike, seeds: ArrayLike, speakers: ArrayLike) -> Cells:
    """Sum and count values (errors, or whether an example is right) per seed and speaker.

    Parameters
    ----------
    values, seeds, speakers
        Shape (n,) each.
    """
    x = finite(np.asarray(values, dtype=np.float64), "values")
    zero = np.zeros(len(x), dtype=np.int64)
    total = _sums(x, zero, 1, seeds, speakers)
    number = _sums(np.ones(len(x)), zero, 1, seeds, speakers)
    return Cells(total.seeds, total.speakers, np.concatenate([total.values, number.values], axis=2))


def _sums(
    weights: Floats, slots: np.ndarray, width: int, seeds: ArrayLike, speakers: ArrayLike
) -> Cells:
    """Add weights up per seed, speaker and slot, shape (seeds, speakers, width)."""
    by_seed, by_speaker = np.asarray(seeds), np.asarray(speakers)
    if by_seed.shape != weights.shape or by_speaker.shape != weights.shape:
        raise ValueError(
            f"seeds and speakers have shapes {by_seed.shape} and {by_speaker.shape}; "
            f"expected {weights.shape}"
        )
    seed_names, row = np.unique(by_seed, return_inverse=True)
    speaker_names, column = np.unique(by_speaker, return_inverse=True)
    shape = (len(seed_names), len(speaker_names), width)
    flat = (row * shape[1] + column) * width + slots
    sums = np.bincount(flat, weights=weights, minlength=shape[0] * shape[1] * width)
    return Cells(
        tuple(str(x) for x in seed_names),
        tuple(str(x) for x in speaker_names),
        sums.reshape(shape).astype(np.float64),
    )


def tested(values: Floats) -> np.ndarray:
    """Return which cells hold anything, bool, shape (seeds, speakers)."""
    return np.any(values.reshape(*values.shape[:2], -1) != 0, axis=2)


def mean_score(sums: Floats) -> Floats:
    """Mean from (..., 2): the sum over the number; nan where there is nothing."""
    return np.divide(
        sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0
    )


def accuracy(confusion: Floats) -> Floats:
    """Share of right predictions from (..., classes, classes)."""
    right = np.trace(confusion, axis1=-2, axis2=-1)
    total = confusion.sum(axis=(-2, -1))
    return np.divide(right, total, out=np.full(total.shape, np.nan), where=total > 0)


def macro_recall(confusion: Floats) -> Floats:
    """Unweighted average recall over the classes that the labels hold."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return _over_held(right, confusion.sum(axis=-1), confusion)


def macro_f1(confusion: Floats) -> Floats:
    """F1 averaged over the classes that the labels hold; 0 for a class never rightly predicted."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return _over_held(2 * right, confusion.sum(axis=-1) + confusion.sum(axis=-2), confusion)


def macro_precision(confusion: Floats) -> Floats:
    """Precision averaged over the classes that the labels hold; 0 for one never predicted."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return _over_held(right, confusion.sum(axis=-2), confusion)


def _over_held(part: Floats, whole: Floats, confusion: Floats) -> Floats:
    """Average part / whole over the classes with labels; nan where there are none."""
    held = confusion.sum(axis=-1) > 0
    ratio = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    classes = held.sum(axis=-1)
    total = (ratio * held).sum(axis=-1)
    return np.divide(total, classes, out=np.full(total.shape, np.nan), where=classes > 0)
