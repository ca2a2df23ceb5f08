"""Nemenyi's critical distance: reported for comparison with older papers, decides nothing here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from .checking import share
from .wording import count, number

SMALLEST_POOL = 6
"""Datasets from which a critical-difference diagram is worth drawing."""


@dataclass(frozen=True)
class CriticalDistance:
    """By how much two mean ranks must differ, in ranks, in Nemenyi's test."""

    methods: int
    datasets: int
    alpha: float
    distance: float

    @property
    def drawable(self) -> bool:
        """Whether there are datasets enough for a critical-difference diagram."""
        return self.datasets >= SMALLEST_POOL

    def sentence(self) -> str:
        """Say the result in one sentence."""
        text = (
            f"Nemenyi's critical distance for {count(self.methods, 'method')} over "
            f"{count(self.datasets, 'dataset')} at {self.alpha:g} is {number(self.distance)} ranks"
        )
        if self.distance >= self.methods - 1:
            return f"{text}, more than any two methods can lie apart: it can separate nothing."
        if not self.drawable:
            return f"{text}; a diagram is drawn from {SMALLEST_POOL} datasets on."
        return f"{text}."


def critical_distance(methods: int, datasets: int, alpha: float = 0.05) -> CriticalDistance:
    """Return q_alpha sqrt(k (k + 1) / (6 N)), q from the studentised range over sqrt 2.

    Its verdict on a pair depends on which other methods are in the pool (Benavoli et al., JMLR
    17(5), 2016); `pairwise_signed_rank` decides instead.

    Raises
    ------
    ValueError
        With fewer than two methods or one dataset.
    """
    share(alpha, "alpha")
    if methods < 2 or datasets < 1:
        raise ValueError(f"{methods} methods and {datasets} datasets; expected at least 2 and 1")
    q = float(stats.studentized_range.ppf(1 - alpha, methods, math.inf)) / math.sqrt(2)
    distance = q * math.sqrt(methods * (methods + 1) / (6 * datasets))
    return CriticalDistance(methods, datasets, alpha, distance)
