"""What a sequence's truncation keeps: an excerpt, or every n-th step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

Keep = Callable[[int], np.ndarray]
"""From the length of a sequence to what is kept of it, (length,) bool."""


def crop(steps: int, where: Literal["start", "centre", "end"] = "centre") -> Keep:
    """Keep an excerpt of a fixed number of steps, or the whole of a shorter sequence."""
    if steps < 1:
        raise ValueError(f"crop keeps {steps} steps; expected 1 or more")

    def keep(length: int) -> np.ndarray:
        spare = max(0, length - steps)
        first = {"start": 0, "centre": spare // 2, "end": spare}[where]
        step = np.arange(length)
        return (step >= first) & (step < first + steps)

    return keep


def frame_discard(every: int) -> Keep:
    """Keep the first step and every ``every``-th one after it."""
    if every < 1:
        raise ValueError(f"frame_discard keeps every {every}-th step; expected 1 or more")
    return lambda length: np.arange(length) % every == 0


def whole(length: int) -> np.ndarray:
    """Keep everything."""
    return np.ones(length, bool)


def touched(kept: np.ndarray, lasts: int, starts: np.ndarray) -> np.ndarray:
    """Whether a step is kept of events that begin at ``starts`` and last so many steps."""
    before = np.concatenate([[0], np.cumsum(kept)])
    return before[starts + lasts] > before[starts]
