"""Two one-sided tests: as good, within a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import is_constant, pair, share
from .student import t_p, t_quantile
from .wording import count, interval, number, p_value


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided paired t-tests of a against b.

    `p` is the larger of `p_not_below` (a is not below b by the margin or more: non-inferiority)
    and `p_not_above`. (`low`, `high`) is the interval of confidence 1 - 2 alpha, which lies inside
    the margin exactly when `p` < alpha.
    """

    n: int
    margin: float
    alpha: float
    difference: float
    low: float
    high: float
    p_not_below: float
    p_not_above: float
    p: float

    @property
    def equivalent(self) -> bool:
        """Whether the two are equal within the margin at level alpha."""
        return self.p < self.alpha

    @property
    def not_worse(self) -> bool:
        """Whether a is not worse than b by the margin or more, at level alpha."""
        return self.p_not_below < self.alpha

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if math.isnan(self.p):
            return (
                f"Over {count(self.n, 'pair')} without spread, equality within "
                f"{number(self.margin)} cannot be tested."
            )
        verdict = "practically equal" if self.equivalent else "not shown to be practically equal"
        return (
            f"Within a margin of {number(self.margin)} the two are {verdict}: mean difference "
            f"{number(self.difference)} "
            f"({interval(self.low, self.high, 1 - 2 * self.alpha)}), two one-sided t-tests over "
            f"{count(self.n, 'pair')}, {p_value(self.p)}."
        )


def equivalence(a: ArrayLike, b: ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """Test whether the mean of a - b lies within plus or minus `margin` (Schuirmann 1987).

    Parameters
    ----------
    a, b
        Scores, shape (n,), matched by position.
    margin
        Half-width of the region of practical equivalence, in the units of a; positive.
    alpha
        Level of each of the two one-sided tests, and of the verdict.

    Raises
    ------
    ValueError
        If the lengths differ, a score is not finite, or margin or alpha are out of range.
    """
    if not margin > 0 or math.isinf(margin):
        raise ValueError(f"margin is {margin}; expected a positive number")
    share(alpha, "alpha")
    first, second = pair(a, b)
    d, n, nan = first - second, len(first), math.nan
    mean = float(d.mean()) if n else nan
    scale = float(np.max(np.abs(np.concatenate([first, second])))) if n else 0.0
    if n < 2 or is_constant(d, scale):
        return Equivalence(n, margin, alpha, mean, nan, nan, nan, nan, nan)
    error = float(d.std(ddof=1)) / math.sqrt(n)
    half = t_quantile(1 - alpha, n - 1) * error
    below = t_p((mean + margin) / error, n - 1, "greater")
    above = t_p((mean - margin) / error, n - 1, "less")
    return Equivalence(
        n, margin, alpha, mean, mean - half, mean + half, below, above, max(below, above)
    )
