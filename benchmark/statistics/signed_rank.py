"""Wilcoxon's signed-rank test, exact also where there are ties and zeros."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .checking import Alternative, Floats, alternative_of, differences, pair, tied_ranks
from .wording import SIDED, count, number, p_value

EXACT_UP_TO = 200
"""Number of non-zero differences up to which the null distribution is enumerated."""


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test of a against b.

    `zeros` of the n differences are zero; `difference` is their median; `statistic` the sum of the
    positive ranks; `smallest_p` what the test could say at best with so many differences.
    """

    n: int
    zeros: int
    difference: float
    statistic: float
    p: float
    smallest_p: float
    exact: bool
    alternative: Alternative

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if self.n == self.zeros:
            return f"Of {count(self.n, 'pair')} none differs: the difference cannot be tested."
        text = (
            f"The median difference over {count(self.n, 'pair')} is {number(self.difference)}; "
            f"Wilcoxon signed rank {'exact' if self.exact else 'normal'} "
            f"{SIDED[self.alternative]} {p_value(self.p)}"
        )
        if self.smallest_p > 0.05:
            return f"{text}, and with so few pairs it cannot fall below {number(self.smallest_p)}."
        return f"{text}."


def signed_rank(a: ArrayLike, b: ArrayLike, alternative: Alternative = "two-sided") -> SignedRank:
    """Test whether the differences a - b lie symmetrically round zero.

    Zeros are ranked with the others and then left out (Pratt 1959), ties share their mean rank,
    up to rounding of the scores, and the null distribution given those ranks is enumerated, so
    that the p-value is exact with ties too; above 200 non-zero differences it is normal.

    Parameters
    ----------
    a, b
        Scores, shape (n,), matched by position: one per seed, speaker or dataset.
    alternative
        ``greater`` (a above b), ``less`` or ``two-sided``.

    Raises
    ------
    ValueError
        If the lengths differ or a score is not finite.
    """
    alternative_of(alternative)
    d = differences(a, b)
    n, zeros = len(d), int(np.count_nonzero(d == 0))
    median = float(np.median(d)) if n else math.nan
    if n == zeros:
        return SignedRank(n, zeros, median, math.nan, math.nan, math.nan, True, alternative)
    scale = max(float(np.max(np.abs(x))) for x in pair(a, b))
    ranks = tied_ranks(np.abs(d), scale)[d != 0]
    positive = float(ranks[d[d != 0] > 0].sum())
    exact = len(ranks) <= EXACT_UP_TO
    upper = _exact_upper if exact else _normal_upper
    above, below = upper(ranks, positive), upper(ranks, float(ranks.sum()) - positive)
    p, smallest = above, 0.5 ** len(ranks)
    if alternative == "less":
        p = below
    elif alternative == "two-sided":
        p, smallest = min(1.0, 2.0 * min(above, below)), 2.0 * smallest
    return SignedRank(n, zeros, median, positive, p, smallest, exact, alternative)


def _exact_upper(ranks: Floats, statistic: float) -> float:
    """P(sum of positive ranks >= statistic) when every sign is a fair coin.

    Mean ranks are multiples of one half, so that twice the ranks are whole numbers and the
    distribution is a product of polynomials.
    """
    doubled = np.rint(2 * ranks).astype(int)
    weights = np.zeros(int(doubled.sum()) + 1)
    weights[0], top = 1.0, 0
    for rank in doubled:
        weights[rank : top + rank + 1] += weights[: top + 1].copy()
        top += int(rank)
        weights *= 0.5
    return float(min(1.0, weights[round(2 * statistic) :].sum()))


def _normal_upper(ranks: Floats, statistic: float) -> float:
    """Return the normal tail with continuity correction; the ranks' squares carry the ties."""
    mean, sd = float(ranks.sum()) / 2, math.sqrt(float(np.sum(ranks**2))) / 2
    return float(special.ndtr(-(statistic - 0.5 - mean) / sd))
