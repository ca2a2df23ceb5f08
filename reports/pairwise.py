"""Every two methods of a table: verdicts in both directions, and the ranks that they leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..benchmark.statistics.groups import TieGroups, tie_groups
from .evidence import Evidence
from .metrics import Metric
from .standings import Standing


@dataclass(frozen=True)
class Pairwise:
    """All pairs of a table's methods.

    Attributes
    ----------
    methods
        Those with a mean, best first.
    pairs
        By row and column, in both directions.
    ranks
        Groups of methods of which no two are separated, and the ranks that the verdicts leave to
        each, by place in ``methods``.
    """

    methods: tuple[str, ...]
    pairs: Mapping[tuple[str, str], Evidence]
    ranks: TieGroups

    @property
    def first(self) -> tuple[str, ...]:
        """The methods that no other is shown to be better than."""
        pairs = zip(self.methods, self.ranks.low, strict=True)
        return tuple(method for method, low in pairs if low == 1)

    def rank(self, method: str) -> tuple[int, int] | None:
        """Return the ranks that a method may have, or None where it was not compared."""
        if method not in self.methods:
            return None
        place = self.methods.index(method)
        return self.ranks.low[place], self.ranks.high[place]

    @property
    def tested(self) -> bool:
        """Whether any pair could be tested at all."""
        return any(not found.verdict.startswith("cannot") for found in self.pairs.values())


def pairwise(
    standings: Sequence[Standing], found: Sequence[Evidence], metric: Metric
) -> Pairwise | None:
    """Put the pairs of a table in order; None where there are none."""
    known = [row for row in standings if row.estimates[metric.key].known]
    pairs = {(e.method, e.other): e for e in found}
    pairs |= {(e.other, e.method): e.reversed() for e in found}
    methods = tuple(row.label for row in known)
    if len(methods) < 2 or not found:
        return None
    means = [row.estimates[metric.key].mean * (1 if metric.higher else -1) for row in known]
    apart = np.zeros((len(methods), len(methods)), dtype=bool)
    better = np.zeros_like(apart)
    for i, method in enumerate(methods):
        for j, other in enumerate(methods):
            pair = pairs.get((method, other))
            if pair is not None and pair.separated:
                apart[i, j] = True
                better[i, j] = pair.test.difference > 0
    groups = tie_groups(means, apart)
    # The verdict's own direction counts: in re-drawn splits it may differ from that of the means.
    low = tuple((1 + better.sum(0)).tolist())
    high = tuple((len(methods) - better.sum(1)).tolist())
    return Pairwise(methods, pairs, TieGroups(groups.groups, low, high))
