"""A comparison over common seeds: Bayesian correlated t, and Nadeau and Bengio's corrected t."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..benchmark.statistics.bayes import Posterior
from ..benchmark.statistics.bayes_correlated_t import bayes_correlated_t
from ..benchmark.statistics.resampled import ResampledT, resampled_t
from .comparisons import over_seeds
from .evidence import Rules
from .formatting import ranges
from .metrics import Metric
from .predictions import Design
from .protocol_effect import FEWEST, few
from .standings import Standing

ONE_SPLIT = "all seeds have one split, so that there is no resampling to correct for"


@dataclass(frozen=True)
class Matched:
    """Scores of two methods on their common seeds, (n,) each, in the metric's unit."""

    method: str
    other: str
    metric: Metric
    seeds: tuple[int, ...]
    a: np.ndarray
    b: np.ndarray

    @property
    def reason(self) -> str:
        """Why nothing is tested over these seeds; empty where it is."""
        wrong = [
            s for s, d in zip(self.seeds, self.a - self.b, strict=True) if not math.isfinite(d)
        ]
        if wrong:
            return f"{self.metric.label} is not finite at seed {ranges(wrong)}"
        return few(len(self.seeds), "seed") if len(self.seeds) < FEWEST else ""


def matched(row: Standing, other: Standing, metric: Metric) -> Matched:
    """Match two methods' scores by seed."""
    mine, theirs = over_seeds(row, metric), over_seeds(other, metric)
    common = tuple(sorted(mine.keys() & theirs.keys()))
    scale = metric.scale if metric.higher else -metric.scale
    a, b = (scale * np.array([each[seed] for seed in common]) for each in (mine, theirs))
    return Matched(row.label, other.label, metric, common, a, b)


def posterior(
    over: Matched, rules: Rules, design: Design, test_to_train: float | str
) -> Posterior | str:
    """Take the Bayesian correlated t, or say why not."""
    if over.metric.scale != 100.0:
        return f"the region of practical equivalence is in points, which {over.metric.label} is not"
    if over.reason:
        return over.reason
    correlation = 0.0
    if design != "crossed":
        if isinstance(test_to_train, str):
            return test_to_train
        correlation = test_to_train / (1 + test_to_train)
    return bayes_correlated_t(over.a, over.b, 100 * rules.margin, correlation)


def resampled(over: Matched, design: Design, test_to_train: float | str) -> ResampledT | str:
    """Take Nadeau and Bengio's test, or say why not."""
    if design == "crossed":
        return ONE_SPLIT
    if isinstance(test_to_train, str):
        return test_to_train
    if over.reason:
        return over.reason
    found = resampled_t(over.a, over.b, test_to_train)
    return "the differences do not vary" if math.isnan(found.p) else found
