"""The difference of two methods as a function of how often each seed and speaker is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from .checking import Floats
from .tabulate import Metric, tested
from .two_way import TwoWayVariance, combine, two_way_variance

Design = Literal["crossed", "redrawn"]

BLOCK = 4_000_000
"""Numbers held at a time while resamples are scored."""


class Estimator(Protocol):
    """A paired difference that can be computed anew with other weights."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of seeds and speakers."""
        ...

    def of(self, seed_weights: Floats, speaker_weights: Floats) -> Floats:
        """Return the difference for weights of shapes (draws, seeds) and (draws, speakers)."""
        ...

    def variance(self) -> TwoWayVariance:
        """Return the jackknife variance for new seeds, new speakers and both."""
        ...


def crossed_differences(a: Floats, b: Floats, metric: Metric, weights: Floats) -> Floats:
    """Score every seed with weighted speakers, (draws, speakers) to (draws, seeds)."""
    seeds, speakers = a.shape[:2]
    rest = a.shape[2:]
    size = int(np.prod(rest)) * seeds
    step = max(1, BLOCK // size)
    parts: list[Floats] = []
    for start in range(0, len(weights), step):
        w = weights[start : start + step]
        scores = [
            metric((w @ x.reshape(seeds, speakers, -1)).reshape(seeds, len(w), *rest))
            for x in (a, b)
        ]
        parts.append((scores[0] - scores[1]).T)
    return np.concatenate(parts)


@dataclass(frozen=True)
class Crossed:
    """One split, many seeds: the metric of each seed over all speakers, averaged over seeds.

    `a` and `b` are cells, shape (seeds, speakers, *statistic).
    """

    a: Floats
    b: Floats
    metric: Metric

    @property
    def shape(self) -> tuple[int, int]:
        """Number of seeds and speakers."""
        return self.a.shape[0], self.a.shape[1]

    def of(self, seed_weights: Floats, speaker_weights: Floats) -> Floats:
        """Return the difference for weights of shapes (draws, seeds) and (draws, speakers)."""
        d = crossed_differences(self.a, self.b, self.metric, speaker_weights)
        return np.sum(d * seed_weights, axis=1) / seed_weights.sum(axis=1)

    def variance(self) -> TwoWayVariance:
        """Return the jackknife variance for new seeds, new speakers and both."""
        seeds, speakers = self.shape
        whole = crossed_differences(self.a, self.b, self.metric, np.ones((1, speakers)))[0]
        without = crossed_differences(self.a, self.b, self.metric, 1.0 - np.eye(speakers))
        of_seeds = float(whole.var(ddof=1)) / seeds
        means = without.mean(axis=1)
        of_speakers = (speakers - 1) / speakers * float(np.sum((means - means.mean()) ** 2))
        # What a single cell does beyond its seed and its speaker, in units of a cell's own value.
        values = (speakers - 1) * (whole - without)
        values = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
        df = (seeds - 1) * (speakers - 1)
        of_cells = float(np.sum(values**2)) / df / (seeds * speakers)
        return combine(seeds, speakers, of_speakers, of_seeds, of_cells, df)


@dataclass(frozen=True)
class Redrawn:
    """A new split per seed: each speaker's mean difference over its seeds, averaged over speakers.

    `d` is the difference for every cell, shape (seeds, speakers), nan where untested.
    """

    d: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Number of seeds and speakers."""
        return self.d.shape[0], self.d.shape[1]

    def of(self, seed_weights: Floats, speaker_weights: Floats) -> Floats:
        """Return the difference for weights of shapes (draws, seeds) and (draws, speakers).

        Speakers that none of the drawn seeds tested are left out of that draw; a draw without
        any tested speaker is nan.
        """
        held = ~np.isnan(self.d)
        sums = seed_weights @ np.where(held, self.d, 0.0)
        counts = seed_weights @ held
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
        weights = speaker_weights * (counts > 0)
        total = weights.sum(axis=1)
        return np.divide(
            np.sum(means * weights, axis=1),
            total,
            out=np.full(len(total), np.nan),
            where=total > 0,
        )

    def variance(self) -> TwoWayVariance:
        """Return the jackknife variance for new seeds, new speakers and both."""
        return two_way_variance(self.d)


def cell_differences(a: Floats, b: Floats, metric: Metric) -> Floats:
    """Return the metric's difference in every cell, (seeds, speakers), nan where untested."""
    both = tested(a) & tested(b)
    return np.where(both, metric(a) - metric(b), np.nan)
