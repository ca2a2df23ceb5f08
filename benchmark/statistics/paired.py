"""The paired t-test: the mean difference of matched results."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import Alternative, alternative_of, is_constant, pair
from .student import t_p, t_quantile
from .wording import SIDED, count, interval, number, p_value


@dataclass(frozen=True)
class PairedT:
    """A paired t-test of a against b.

    `difference` is mean(a - b) and (`low`, `high`) its two-sided 95 % interval, in the units of a;
    `statistic` is t on n - 1 degrees of freedom. What cannot be computed is nan.
    """

    n: int
    difference: float
    low: float
    high: float
    statistic: float
    p: float
    alternative: Alternative

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if self.n < 2:
            return f"With {count(self.n, 'pair')} the difference cannot be tested."
        if math.isnan(self.statistic):
            where = "zero" if self.difference == 0 else f"exactly {number(self.difference)}"
            return (
                f"All {self.n} differences are {where}: without any spread the difference "
                f"cannot be tested."
            )
        return (
            f"The mean difference over {count(self.n, 'pair')} is {number(self.difference)} "
            f"({interval(self.low, self.high)}); paired t({self.n - 1}) = "
            f"{number(self.statistic)}, {SIDED[self.alternative]} {p_value(self.p)}."
        )


def paired_t(a: ArrayLike, b: ArrayLike, alternative: Alternative = "greater") -> PairedT:
    """Test whether a is above b on average, result by matched result.

    With ``alternative="greater"`` over 20 seeds this is the test of Goncalves and Busso (2023).
    Where every seed draws a new speaker split, the pairs are not independent and the test is
    anti-conservative for new speakers: see `redrawn_test` in `redrawn.py`.

    Parameters
    ----------
    a, b
        Scores, shape (n,), matched by position.
    alternative
        ``greater`` (a above b), ``less`` or ``two-sided``. The interval is two-sided always.

    Returns
    -------
    PairedT
        With nan for what fewer than two pairs, or differences without spread, cannot tell.

    Raises
    ------
    ValueError
        If the lengths differ or a score is not finite.
    """
    alternative_of(alternative)
    first, second = pair(a, b)
    n, nan = len(first), math.nan
    if n < 2:
        difference = float(first[0] - second[0]) if n else nan
        return PairedT(n, difference, nan, nan, nan, nan, alternative)
    d = first - second
    scale = max(float(np.max(np.abs(first))), float(np.max(np.abs(second))))
    if is_constant(d, scale):
        difference = float(d.mean()) if abs(d.mean()) > 1e-12 * scale else 0.0
        return PairedT(n, difference, nan, nan, nan, nan, alternative)
    mean, error = float(d.mean()), float(d.std(ddof=1)) / math.sqrt(n)
    half = t_quantile(0.975, n - 1) * error
    statistic = mean / error
    p = t_p(statistic, n - 1, alternative)
    return PairedT(n, mean, mean - half, mean + half, statistic, p, alternative)
