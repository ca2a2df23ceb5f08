"""From a file's labels to a task: regression, or classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .faults import UnreadableError

Asked = Literal[
    "auto", "regression", "negative-nonnegative", "negative-positive", "three", "seven", "emotion",
    "neutral", "happy", "sad", "angry",
]  # fmt: skip
Scale = Literal["auto", "3", "1", "none"]
EMOTIONS = ("neutral", "happy", "sad", "angry")
POLAR = ("negative", "neutral", "positive")
SENTIMENT = {3.0: "sentiment", 1.0: "sentiment in [-1, 1]"}
"""Names of the output whose metrics are those of sentiment analysis, by the greatest label."""


@dataclass(frozen=True)
class Target:
    """What is to be told of each example.

    Parameters
    ----------
    outputs
        Classes, or names of the numbers.
    labels
        (N,) int64 classes or (N, K) float32.
    kept
        (N,) bool: whether the example has a label in this task.
    left_out
        Why the others have none; ``""`` where all have one.
    """

    outputs: tuple[str, ...]
    labels: np.ndarray
    kept: np.ndarray
    left_out: str = ""

    @property
    def kind(self) -> Literal["classification", "regression"]:
        return "regression" if self.labels.ndim == 2 else "classification"


def target(labels: np.ndarray, asked: Asked, greatest: float | None, scale: Scale) -> Target:
    """Make a task's labels of a file's.

    Parameters
    ----------
    labels
        (N, 1) sentiment, (N, 3) one-hot of negative, neutral, positive, (N, 4, 2) one-hot of each
        emotion's absence and presence, or (N, K) other numbers.
    greatest
        Greatest label, where the format fixes it; ``scale`` goes before.

    Raises
    ------
    UnreadableError
        Labels that are not finite or beyond the scale, or a task that they do not allow.
    """
    bad = ~np.isfinite(labels).reshape(len(labels), -1).all(1)
    if bad.any():
        raise UnreadableError(
            f"has {bad.sum()} labels that are not finite, the first in row {bad.argmax() + 1}"
        )
    if labels.ndim == 3:
        return emotions(labels, asked)
    one_hot = labels.shape[1] == 3 and one(labels)
    if one_hot:
        allowed(asked, ("three",))
        return classes(POLAR, labels.argmax(1))
    most = bound(labels, greatest, scale)
    if most is None:
        allowed(asked, ("regression",))
        count = labels.shape[1]
        names = ("label",) if count == 1 else tuple(f"label {k + 1}" for k in range(count))
        return Target(names, labels.astype(np.float32), np.ones(len(labels), bool))
    seven = ("seven",) if most == 3 else ()
    known = ("regression", "negative-nonnegative", "negative-positive", "three", *seven)
    allowed(asked, known)
    return sentiment(labels[:, 0].astype(np.float32), asked, SENTIMENT[most])


def bound(labels: np.ndarray, greatest: float | None, scale: Scale) -> float | None:
    """Return the greatest sentiment, or None where the labels are no sentiment."""
    if scale == "none" or labels.shape[1] != 1:
        if scale in ("3", "1"):
            raise UnreadableError(f"has {labels.shape[1]} labels an example; scale={scale} is of 1")
        return None
    largest = float(np.abs(labels).max())
    if scale == "auto" and greatest is None:
        return 3.0 if largest <= 3 else None
    most = greatest if scale == "auto" and greatest else float(scale)
    if largest > most:
        raise UnreadableError(
            f"has a label of {largest:g}, beyond [-{most:g}, {most:g}]; set scale=3, 1 or none"
        )
    return most


def sentiment(values: np.ndarray, asked: Asked, name: str) -> Target:
    """Return the regression of sentiment, or its classes by sign or by whole number."""
    if asked in ("auto", "regression"):
        return Target((name,), values[:, None], np.ones(len(values), bool))
    if asked == "negative-nonnegative":
        return classes(("negative", "non-negative"), values >= 0)
    if asked == "three":
        return classes(POLAR, np.sign(values) + 1)
    if asked == "seven":
        return classes(tuple(f"{k:+d}" if k else "0" for k in range(-3, 4)), np.round(values) + 3)
    kept = values != 0
    why = f"{(~kept).sum()} examples of sentiment 0 left out" if not kept.all() else ""
    return Target(("negative", "positive"), (values > 0).astype(np.int64), kept, why)


def emotions(labels: np.ndarray, asked: Asked) -> Target:
    """Return which of four emotions is present, or whether one is."""
    if labels.shape[1:] != (4, 2) or not one(labels):
        raise UnreadableError(f"has labels of shape {labels.shape}; expected (N, 4, 2), one-hot")
    allowed(asked, ("emotion", *EMOTIONS))
    present = labels.argmax(2)
    if asked in EMOTIONS:
        return classes((f"not {asked}", asked), present[:, EMOTIONS.index(asked)])
    kept = present.sum(1) == 1
    why = f"{(~kept).sum()} examples with no or several emotions left out"
    return Target(EMOTIONS, present.argmax(1), kept, "" if kept.all() else why)


def one(labels: np.ndarray) -> bool:
    """Whether labels are one-hot along their last axis."""
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(-1) == 1).all())


def classes(names: tuple[str, ...], labels: np.ndarray) -> Target:
    return Target(names, np.asarray(labels).astype(np.int64), np.ones(len(labels), bool))


def allowed(asked: Asked, known: Sequence[str]) -> None:
    if asked not in ("auto", *known):
        raise UnreadableError(f"has no labels for task={asked!r}; it allows {', '.join(known)}")
