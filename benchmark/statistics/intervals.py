"""The t interval of a mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import Floats, is_constant, share, vector
from .student import t_quantile
from .wording import count, interval, number


@dataclass(frozen=True)
class MeanInterval:
    """A mean, its standard deviation (n - 1) and its two-sided interval, in the units of x."""

    n: int
    mean: float
    sd: float
    low: float
    high: float
    confidence: float = 0.95

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if self.n == 0:
            return "There is no value, so that there is no mean."
        if self.n < 2:
            return (
                f"The mean of {count(self.n, 'value')} is {number(self.mean)}; it has no interval."
            )
        if math.isnan(self.low):
            return (
                f"All {count(self.n, 'value')} are {number(self.mean)}; without spread they have "
                "no interval."
            )
        return (
            f"The mean of {count(self.n, 'value')} is {number(self.mean)} "
            f"(standard deviation {number(self.sd)}, "
            f"{interval(self.low, self.high, self.confidence)})."
        )


def mean_interval(x: ArrayLike, confidence: float = 0.95) -> MeanInterval:
    """Return the mean of independent values with its t interval.

    Parameters
    ----------
    x
        Values, shape (n,), independent of each other: one per seed, or one per speaker, never one
        per clip where speakers repeat.
    confidence
        Share of samples whose interval covers the true mean.

    Returns
    -------
    MeanInterval
        With nan for what fewer than two values cannot tell, and no interval where all are equal.
    """
    share(confidence, "confidence")
    values = vector(x)
    n = len(values)
    if n < 2:
        mean = float(values[0]) if n else math.nan
        return MeanInterval(n, mean, math.nan, math.nan, math.nan, confidence)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    if is_constant(values):
        return MeanInterval(n, mean, 0.0, math.nan, math.nan, confidence)
    low, high = t_limits(values[None, :], confidence)
    return MeanInterval(n, mean, sd, float(low[0]), float(high[0]), confidence)


def t_limits(samples: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the t interval of the mean of every row of `samples`, shape (draws, n)."""
    n = samples.shape[1]
    errors = samples.std(axis=1, ddof=1) / np.sqrt(n)
    half = t_quantile(0.5 + confidence / 2, n - 1) * errors
    centre = samples.mean(axis=1)
    return centre - half, centre + half
