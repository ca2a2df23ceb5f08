"""The interval of an effect that was looked at more than once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import differences, is_constant
from .intervals import mean_interval
from .wording import count, number


@dataclass(frozen=True)
class RepeatedInterval:
    """A repeated confidence interval of a paired mean difference, in the units of a.

    It covers the true difference at all looks at once with the plan's confidence, whatever made
    the run stop; it is wider than the interval of a single look.
    """

    n: int
    difference: float
    low: float
    high: float
    nominal_p: float

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if math.isnan(self.low):
            return f"After {count(self.n, 'pair')} the bounds give no interval yet."
        return (
            f"The mean difference after {count(self.n, 'pair')} is {number(self.difference)} "
            f"(repeated confidence interval {number(self.low)} to {number(self.high)})."
        )


def repeated_interval(a: ArrayLike, b: ArrayLike, nominal_p: float) -> RepeatedInterval:
    """Return the differences that the bound of this look would not reject (Jennison, Turnbull).

    Parameters
    ----------
    a, b
        Scores up to this look, shape (n,), matched by position.
    nominal_p
        The two-sided p-value that this look asks for (`Bounds.p`).

    Returns
    -------
    RepeatedInterval
        With nan limits for fewer than two pairs, for pairs whose differences are all equal, or
        where the bound can never be reached.

    Raises
    ------
    ValueError
        If the lengths differ, a score is not finite or `nominal_p` is no probability below 1.
    """
    if not 0 <= nominal_p < 1:
        raise ValueError(f"nominal_p is {nominal_p}; expected 0 or more and below 1")
    d = differences(a, b)
    mean = float(d.mean()) if len(d) else math.nan
    size = float(np.max(np.abs(np.asarray([a, b], dtype=np.float64)), initial=0.0))
    if len(d) < 2 or 1 - nominal_p == 1.0 or is_constant(d, size):
        return RepeatedInterval(len(d), mean, math.nan, math.nan, nominal_p)
    inner = mean_interval(d, 1 - nominal_p)
    return RepeatedInterval(len(d), mean, inner.low, inner.high, nominal_p)
