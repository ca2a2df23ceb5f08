"""P(A > B): how often a run of A beats a run of B, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .checking import Floats, differences, share
from .two_way import TwoWayVariance, speaker_means, two_way_variance
from .wording import interval, number

FEWEST = 5
"""Seeds, and speakers, that an interval over both needs: with four of either it covers down to
89 %, from five on 93 % or more (``tests/statistics/study.py``)."""

Verdict = Literal["not separated", "separated, not meaningfully", "meaningfully better", "worse"]


@dataclass(frozen=True)
class Superiority:
    """P(A > B) with its interval, beside the threshold of a meaningful difference.

    `n` is the number of independent comparisons that the interval counts on, whole or not.
    """

    n: float
    probability: float
    low: float
    high: float
    threshold: float
    confidence: float
    over: str

    @property
    def verdict(self) -> Verdict:
        """Bouthillier et al.'s three zones (2021), and one for an A that is worse."""
        if math.isnan(self.low) or self.low <= 0.5 <= self.high:
            return "not separated"
        if self.high < 0.5:
            return "worse"
        # Their criterion: above chance, and the threshold not excluded from above.
        return (
            "meaningfully better" if self.high > self.threshold else "separated, not meaningfully"
        )

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if math.isnan(self.probability):
            return "Without comparisons P(A > B) is unknown."
        if math.isnan(self.low):
            return (
                f"A beat B with relative frequency {number(self.probability)}; so few seeds or "
                "speakers do not tell how often it would on new ones."
            )
        return (
            f"On a new {self.over} A beats B with probability {number(self.probability)} "
            f"({interval(self.low, self.high, self.confidence)}, threshold "
            f"{number(self.threshold)}): {self.verdict}."
        )


def superiority(
    a: ArrayLike,
    b: ArrayLike,
    threshold: float = 0.75,
    confidence: float = 0.95,
    over: str = "seed",
) -> Superiority:
    """Estimate P(A > B) from independent pairs; a tie counts one half.

    The interval is the exact one (Clopper and Pearson 1934), so that two equal methods are told
    apart at most as often as it says; it does not collapse to a point when A wins every time, as
    the percentile bootstrap does.

    Parameters
    ----------
    a, b
        Scores, shape (n,), matched by position.
    threshold
        Probability from which a difference is meaningful (.75, Bouthillier et al. 2021).
    over
        What a pair is one of, for the sentence.

    Raises
    ------
    ValueError
        If the lengths differ or a score is not finite.
    """
    share(confidence, "confidence")
    share(threshold, "threshold")
    d = differences(a, b)
    n = len(d)
    if n == 0:
        return Superiority(0, math.nan, math.nan, math.nan, threshold, confidence, over)
    p = float(_wins(d).mean())
    low, high = clopper_pearson(p * n, n, confidence)
    return Superiority(n, p, low, high, threshold, confidence, over)


def superiority_over_cells(
    differences: ArrayLike, threshold: float = 0.75, confidence: float = 0.95
) -> Superiority:
    """Estimate P(A > B) on a new speaker and a new seed.

    The share of speakers' cells that A wins is a mean like any other: its two-way clustered
    variance says how many independent comparisons it is worth, and Wilson's interval is taken at
    that number, widened by Student's t (after Korn and Graubard 1998). It is worth no more than
    the seeds and speakers of which all is won, or all lost, allow.

    Parameters
    ----------
    differences
        Speaker scores of a minus those of b, shape (seeds, speakers), nan where a speaker was not
        tested in that seed.

    Returns
    -------
    Superiority
        With nan limits where there are fewer than five seeds or five speakers.
    """
    share(confidence, "confidence")
    share(threshold, "threshold")
    d = np.asarray(differences, dtype=np.float64)
    wins = np.where(np.isnan(d), np.nan, _wins(d))
    variance = two_way_variance(wins)
    over = "speaker and seed"
    if not np.any(~np.isnan(wins)):
        return Superiority(0, math.nan, math.nan, math.nan, threshold, confidence, over)
    p = float(speaker_means(wins).mean())
    n = min(_worth(p, variance, confidence), _most(wins))
    few = min(variance.seeds, variance.speakers) < FEWEST
    low, high = (math.nan, math.nan) if few else wilson(p, n, confidence)
    return Superiority(n, p, low, high, threshold, confidence, over)


def _most(wins: Floats) -> float:
    """Return the most comparisons that cells (seeds, speakers) can be worth.

    A seed whose cells are all won, or all lost, may be one comparison: where a share u of K seeds
    is so, they are taken to be worth K / u at most, and speakers likewise. The variance does not
    see it: where all but one cell is won, it says that hardly anything varies.
    """
    most = math.inf
    for axis in (1, 0):
        tested = ~np.isnan(wins).all(axis)
        shares = np.nanmean(wins[tested] if axis else wins[:, tested], axis)
        alike = np.mean((shares == 0.0) | (shares == 1.0))
        most = min(most, len(shares) / alike) if alike else most
    return most


def _worth(p: float, variance: TwoWayVariance, confidence: float) -> float:
    """Return how many independent comparisons a clustered share is worth.

    Where every cell is won nothing is known of the spread, and the fewer of seeds and speakers
    are counted as the independent comparisons.
    """
    fewest = min(variance.seeds, variance.speakers)
    if math.isnan(variance.total):
        return 0.0 if fewest < 2 else float(fewest)
    if variance.total <= 0 or p in (0.0, 1.0):
        return float(fewest)
    z = float(special.ndtri(0.5 + confidence / 2))
    t = float(special.stdtrit(variance.df, 0.5 + confidence / 2))
    return p * (1 - p) / variance.total * (z / t) ** 2


def clopper_pearson(wins: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval (1934) of a share of n; ties make `wins` a multiple of one half."""
    tail = (1 - confidence) / 2
    low = float(special.betaincinv(wins, n - wins + 1, tail)) if wins > 0 else 0.0
    high = float(special.betaincinv(wins + 1, n - wins, 1 - tail)) if wins < n else 1.0
    return low, high


def wilson(p: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval (1927) of a share p of n; n need not be whole."""
    z = float(special.ndtri(0.5 + confidence / 2))
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _wins(d: Floats) -> Floats:
    """Return 1 where a wins, 0 where b does and 1/2 for a tie, up to rounding.

    What rounding leaves of a tie is far below the largest difference.
    """
    rounding = 1e-12 * np.max(np.abs(d), initial=0.0, where=~np.isnan(d))
    return (np.sign(np.where(np.abs(d) <= rounding, 0.0, d)) + 1) / 2
