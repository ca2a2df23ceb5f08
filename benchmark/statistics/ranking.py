"""Ranks with intervals: how sure the order of the methods is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import Floats, matrix, share, tied_ranks
from .wording import count, number, percent


@dataclass(frozen=True)
class Ranking:
    """Each method's rank by mean score (1 is best, ties share a mean rank), in the order given.

    `low` and `high` bound the rank over resampled units; `best` is the share of resamples in
    which the method is first (shared first places are divided).
    """

    units: int
    methods: int
    ranks: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    best: tuple[float, ...]
    confidence: float

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if self.units < 2:
            return f"{count(self.units, 'unit')} cannot say how sure the ranks are."
        first = int(np.argmin(self.ranks))
        return (
            f"Of {count(self.methods, 'method')} number {first + 1} ranks best; over "
            f"{count(self.units, 'resampled unit')} its rank lies between "
            f"{number(self.low[first])} and {number(self.high[first])} "
            f"({percent(self.confidence)}), and it is first in "
            f"{percent(round(self.best[first], 3))} of resamples."
        )


def ranking(
    scores: ArrayLike,
    generator: np.random.Generator,
    draws: int = 2000,
    confidence: float = 0.95,
    by_rank: bool = False,
) -> Ranking:
    """Rank methods by mean score and bootstrap the ranks, paired across methods.

    Parameters
    ----------
    scores
        Shape (units, methods), higher is better; a unit is a seed, a speaker or a dataset, and
        whole rows are resampled.
    by_rank
        Order by the mean of the ranks within units, as over datasets, not by the mean score.

    Raises
    ------
    ValueError
        If the array is not two-dimensional, is empty or holds a value that is not finite.
    """
    share(confidence, "confidence")
    table = matrix(scores, "scores")
    units, methods = table.shape
    if table.size == 0:
        raise ValueError("scores are empty; expected at least one unit and one method")
    values: Floats = -_ranks(table) if by_rank else table
    ranks = _ranks(values.mean(axis=0))
    if units < 2:
        nan = (float("nan"),) * methods
        return Ranking(units, methods, tuple(ranks.tolist()), nan, nan, nan, confidence)
    weights = generator.multinomial(units, np.full(units, 1 / units), size=draws)
    drawn = _ranks(weights @ values / units)
    tail = (1 - confidence) / 2
    # Ranks are whole or half numbers: an interval ends on one that was drawn, outwards.
    low = np.quantile(drawn, tail, axis=0, method="lower")
    high = np.quantile(drawn, 1 - tail, axis=0, method="higher")
    first = drawn == drawn.min(axis=1, keepdims=True)
    best = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    return Ranking(
        units,
        methods,
        tuple(ranks.tolist()),
        tuple(low.tolist()),
        tuple(high.tolist()),
        tuple(best.tolist()),
        confidence,
    )


def _ranks(means: Floats) -> Floats:
    """Rank the last axis, 1 for the highest; means equal up to rounding share a rank."""
    return tied_ranks(-means, np.max(np.abs(means), axis=-1, keepdims=True))
