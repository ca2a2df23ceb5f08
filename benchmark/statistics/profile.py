"""Performance profiles: the share of runs above each score (Agarwal et al. 2021)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import Floats, matrix, share, vector
from .interquartile import stratified
from .wording import count, number, percent


@dataclass(frozen=True)
class PerformanceProfile:
    """Share of runs whose score exceeds each threshold, with a pointwise bootstrap band."""

    runs: int
    tasks: int
    thresholds: tuple[float, ...]
    above: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    confidence: float

    def sentence(self) -> str:
        """Say the result in one sentence."""
        half = [t for t, y in zip(self.thresholds, self.above, strict=True) if y >= 0.5]
        where = f"half of them exceed {number(max(half))}" if half else "half exceed no threshold"
        return (
            f"Profile of {count(self.runs, 'run')} on {count(self.tasks, 'dataset')}: {where} "
            f"(pointwise {percent(self.confidence)} band)."
        )


def performance_profile(
    scores: ArrayLike,
    thresholds: ArrayLike,
    generator: np.random.Generator,
    draws: int = 1000,
    confidence: float = 0.95,
) -> PerformanceProfile:
    """Return the share of runs above each threshold, averaged over datasets.

    Parameters
    ----------
    scores
        Shape (runs, datasets), normalised so that datasets compare.
    thresholds
        Rising scores at which the profile is read, shape (m,).
    generator
        Resamples runs within each dataset. A band from fewer than two runs is nan.

    Raises
    ------
    ValueError
        If scores are empty, thresholds do not rise, or a value is not finite.
    """
    share(confidence, "confidence")
    table, levels = matrix(scores, "scores"), vector(thresholds, "thresholds")
    runs, tasks = table.shape
    if table.size == 0:
        raise ValueError("scores are empty; expected at least one run on one dataset")
    if np.any(np.diff(levels) <= 0):
        raise ValueError("thresholds do not rise; sort them and drop repeated ones")
    above = _above(table.reshape(1, -1), levels)[0]
    if runs < 2:
        low = high = np.full(len(levels), math.nan)
    else:
        drawn = _above(stratified(table, generator, draws).reshape(draws, -1), levels)
        tail = (1 - confidence) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return PerformanceProfile(
        runs,
        tasks,
        tuple(levels.tolist()),
        tuple(above.tolist()),
        tuple(low.tolist()),
        tuple(high.tolist()),
        confidence,
    )


def _above(values: Floats, levels: Floats) -> Floats:
    """Return the share of each row above each level, (draws, n) and (m,) to (draws, m)."""
    ordered = np.sort(values, axis=1)
    below = np.stack([np.searchsorted(row, levels, side="right") for row in ordered])
    return 1.0 - below / values.shape[1]
