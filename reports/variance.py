"""Where the spread of scores comes from, as far as the design can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..benchmark.statistics.variance import VarianceShares, variance_shares
from .grouping import Row
from .metrics import Metric
from .predictions import SCORES, Design, Predictions

FEWEST = 3  # seeds, and speakers, that a share of each takes


@dataclass(frozen=True)
class Spread:
    """One method's components of variance, over seeds, speakers and the rest.

    ``scores`` are the method's own, ``gains`` its differences to the baseline; None for the
    baseline and where they cannot be matched.
    """

    method: str
    scores: VarianceShares
    gains: VarianceShares | None


@dataclass(frozen=True)
class Variance:
    """The components of all methods, in one design."""

    design: Design
    metric: Metric
    baseline: str | None
    seeds: int
    speakers: int
    spreads: tuple[Spread, ...]

    @property
    def mean(self) -> tuple[float, float, float] | None:
        """Mean shares of seeds, speakers and the rest over methods whose scores vary."""
        shares = np.array([s.scores.shares for s in self.spreads])
        known = shares[np.isfinite(shares).all(1)] if len(shares) else shares
        if not len(known):
            return None
        seeds, speakers, rest = known.mean(0).tolist()
        return seeds, speakers, rest


def variance(
    rows: Sequence[Row], baseline: Row | None, metric: Metric, design: Design, said: Predictions
) -> Variance | None:
    """Part the variance of speakers' scores; None where seeds or speakers are too few."""
    if metric.key not in SCORES:
        return None
    spreads, most = [], (0, 0)
    for row in rows:
        stack = said.stacked(row)
        if stack is None or min(stack.values.shape[:2]) < FEWEST:
            continue
        own = parted(said.scores(row, stack))
        gains = None
        if baseline is not None and row is not baseline:
            pair = said.pair(row, baseline)
            if pair is not None and min(pair[0].values.shape[:2]) >= FEWEST:
                gains = parted(said.scores(row, pair[0]) - said.scores(baseline, pair[1]))
        spreads.append(Spread(row.label, own, gains))
        most = max(most, (len(stack.seeds), len(stack.speakers)))
    if not spreads:
        return None
    name = baseline.label if baseline is not None else None
    return Variance(design, metric, name, *most, tuple(spreads))


def parted(scores: np.ndarray) -> VarianceShares:
    """Part a table (seeds, speakers), nan where untested."""
    seed, speaker = np.nonzero(np.isfinite(scores))
    return variance_shares(scores[seed, speaker], {"seed": seed, "speaker": speaker})
