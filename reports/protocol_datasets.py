"""The Bayesian signed-rank test of every method against the baseline, over several datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..benchmark.statistics.bayes import Posterior
from ..benchmark.statistics.bayes_signed_rank import bayes_signed_rank
from ..benchmark.statistics.nemenyi import SMALLEST_POOL
from .across import SEED, Across
from .formatting import count

if TYPE_CHECKING:
    from .collect import Table


@dataclass(frozen=True)
class SignedRanks:
    """By method the posterior over datasets, in points; ``reason`` says why there is none."""

    found: Across
    baseline: str
    posteriors: tuple[tuple[str, Posterior], ...]
    reason: str = ""


def signed_ranks(found: Across, tables: Sequence[Table]) -> SignedRanks:
    """Compare methods with the baseline over the tables that were put together.

    Below six datasets none is given: with one sign on all of five, which chance does in one of 16
    cases, the posterior is beyond .95 already.
    """
    shown = [t for t in tables if t.size == found.size and t.title in found.datasets]
    baseline = shown[0].further.baseline
    metrics, n = {t.primary for t in shown}, len(found.datasets)
    reason = ""
    if baseline not in found.methods:
        reason = "there is no baseline with a mean on every dataset"
    elif len(found.methods) < 2:
        reason = "no other method has a mean on every dataset"
    elif len(metrics) > 1 or shown[0].primary.scale != 100.0:
        reason = "the region of practical equivalence takes one metric, in points, on all datasets"
    elif n < SMALLEST_POOL:
        reason = (
            f"{count(n, 'dataset')}, on all of which one method is ahead by chance in "
            f"{100 * 2 ** (1 - n):.3g} % of cases, so that it cannot hold a level of 5 %: it takes "
            f"{SMALLEST_POOL}"
        )
    if reason:
        return SignedRanks(found, baseline, (), reason)
    metric, rules = shown[0].primary, shown[0].further.rules
    scores = found.means * (metric.scale if metric.higher else -metric.scale)
    base = scores[:, found.methods.index(baseline)]
    return SignedRanks(
        found,
        baseline,
        tuple(
            (
                method,
                bayes_signed_rank(
                    scores[:, i], base, 100 * rules.margin, np.random.default_rng(SEED)
                ),
            )
            for i, method in enumerate(found.methods)
            if method != baseline
        ),
    )
