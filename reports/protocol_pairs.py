"""All exploratory pairs of a table with Benjamini and Hochberg's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..benchmark.statistics.multiplicity import Adjusted, benjamini_hochberg
from .evidence import Evidence


@dataclass(frozen=True)
class Discoveries:
    """Pairs that the plan did not fix, by p, the better method first, and their correction."""

    pairs: tuple[Evidence, ...]
    correction: Adjusted

    @property
    def found(self) -> tuple[tuple[Evidence, float], ...]:
        """The pairs that the false discovery rate separates, with their adjusted p."""
        kept = zip(self.pairs, self.correction.adjusted, self.correction.rejected, strict=True)
        return tuple((pair, p) for pair, p, rejected in kept if rejected)

    @property
    def beyond(self) -> tuple[tuple[Evidence, float], ...]:
        """Those of them that Holm does not separate."""
        return tuple((pair, p) for pair, p in self.found if pair.adjusted >= pair.rules.alpha)


def discoveries(compared: Sequence[Evidence]) -> Discoveries | str:
    """Correct the exploratory pairs of a table, or say why there is nothing to correct."""
    pairs = [one for one in compared if not one.confirmatory]
    if not pairs:
        return "no two methods with a result beside the comparisons that the plan fixed"
    if all(math.isnan(one.test.p) for one in pairs):
        return f"no exploratory pair can be tested ({pairs[0].verdict})"
    pairs = [one.reversed() if one.test.difference < 0 else one for one in pairs]
    pairs.sort(key=lambda one: (math.isnan(one.test.p), one.test.p))
    p = [one.test.p for one in pairs]
    return Discoveries(tuple(pairs), benjamini_hochberg(p, pairs[0].rules.alpha))
