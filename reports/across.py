"""Methods over several datasets: ranks, Friedman's test, pairs, profiles, interquartile means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..benchmark.statistics.friedman import Friedman, friedman
from ..benchmark.statistics.groups import TieGroups, tie_groups
from ..benchmark.statistics.interquartile import InterquartileMean, interquartile_mean
from ..benchmark.statistics.nemenyi import CriticalDistance, critical_distance
from ..benchmark.statistics.pairwise import Pairwise, pairwise_signed_rank
from ..benchmark.statistics.profile import PerformanceProfile, performance_profile
from .standings import Standing

if TYPE_CHECKING:
    from .collect import Table

SEED = 0  # of permutations and bootstraps: a report made twice says the same
STEPS = 101  # scores at which a profile is read


@dataclass(frozen=True)
class Order:
    """Ranks over datasets, with the gate (Friedman) and the pairs (Wilcoxon, Holm)."""

    friedman: Friedman
    pairs: Pairwise
    groups: TieGroups
    nemenyi: CriticalDistance


@dataclass(frozen=True)
class Profile:
    """One method's runs over datasets."""

    method: str
    baseline: bool
    profile: PerformanceProfile
    middle: InterquartileMean


@dataclass(frozen=True)
class Across:
    """What the tables of one size say together.

    Attributes
    ----------
    size, metric
        Of all the tables.
    datasets
        Titles of the tables, one of each dataset.
    methods
        Those with a mean on all of them, best mean rank first.
    means
        (datasets, methods) on the metric's own scale.
    left_out
        Methods without a mean on some of them.
    order
        None with fewer than two methods.
    profiles
        Empty where the metric has no common scale, or a method has no seed that is done on all.
    """

    anchor: str
    size: str
    metric: str
    datasets: tuple[str, ...]
    methods: tuple[str, ...]
    means: np.ndarray
    left_out: tuple[str, ...]
    order: Order | None
    profiles: tuple[Profile, ...]

    @property
    def whole(self) -> bool:
        """Whether there are datasets enough for a critical-difference diagram."""
        return self.order is not None and self.order.nemenyi.drawable


def across(tables: Sequence[Table], alpha: float) -> tuple[Across, ...]:
    """Put the tables of each size together, where they are of two datasets or more.

    Of several tables of one dataset, which are no independent datasets, the first counts.
    """
    found = []
    for size in dict.fromkeys(table.size for table in tables):
        first = {}
        for table in tables:
            if table.size == size and any(known(table, row) for row in table.standings):
                first.setdefault(table.dataset, table)
        if len(first) > 1:
            found.append(together(f"a{len(found) + 1}", tuple(first.values()), alpha))
    return tuple(found)


def known(table: Table, row: Standing) -> bool:
    """Whether a method has a mean of the primary metric."""
    return row.estimates[table.primary.key].known


def together(anchor: str, tables: Sequence[Table], alpha: float) -> Across:
    """Compare the methods that every table has."""
    rows = [{r.label: r for r in t.standings if known(t, r)} for t in tables]
    every = list(dict.fromkeys(label for each in rows for label in each))
    methods = [label for label in every if all(label in each for each in rows)]
    left_out = tuple(label for label in every if label not in methods)
    means = np.array(
        [
            [each[label].estimates[table.primary.key].mean for label in methods]
            for table, each in zip(tables, rows, strict=True)
        ]
    ).reshape(len(tables), len(methods))
    signs = np.array([[1.0 if table.primary.higher else -1.0] for table in tables])
    order = ordered(signs * means, alpha) if len(methods) > 1 else None
    if order is not None:
        places = np.argsort(order.friedman.mean_ranks, kind="stable")
        methods, means = [methods[i] for i in places], means[:, places]
        order = ordered(signs * means, alpha)
    metrics = {table.primary for table in tables}
    return Across(
        anchor=anchor,
        size=tables[0].size,
        metric=tables[0].primary.label if len(metrics) == 1 else "each dataset's primary metric",
        datasets=tuple(table.title for table in tables),
        methods=tuple(methods),
        means=means,
        left_out=left_out,
        order=order,
        profiles=profiles(tables, rows, methods),
    )


def ordered(scores: np.ndarray, alpha: float) -> Order:
    """Rank methods over datasets, (datasets, methods), higher is better."""
    gate = friedman(scores, np.random.default_rng(SEED))
    pairs = pairwise_signed_rank(scores, alpha)
    # The gate: where Friedman's test does not tell the methods apart, no pair is.
    passed = gate.p < alpha
    apart = pairs.is_separated() & passed
    groups = tie_groups(-np.array(gate.mean_ranks), apart)
    return Order(gate, pairs, groups, critical_distance(scores.shape[1], len(scores), alpha))


def profiles(
    tables: Sequence[Table], rows: Sequence[dict[str, Standing]], methods: Sequence[str]
) -> tuple[Profile, ...]:
    """Profile every method over the seeds that it has done on all datasets.

    Only shares between 0 and 1 are on one scale as they are; errors have units of their own.
    """
    metrics = {table.primary for table in tables}
    if len(metrics) > 1 or (metric := tables[0].primary).greatest != 1.0 or not metric.higher:
        return ()
    runs = {}
    for label in methods:
        by_table = [
            {o.seed: o.metrics.get(metric.key, np.nan) for o in each[label].outcomes}
            for each in rows
        ]
        seeds = sorted(set.intersection(*(set(each) for each in by_table)))
        if not seeds:
            return ()
        runs[label] = np.array([[each[seed] for each in by_table] for seed in seeds])
    if not runs:
        return ()
    low = min(float(scores.min()) for scores in runs.values())
    high = max(float(scores.max()) for scores in runs.values())
    margin = 0.02 * (high - low) or 0.01
    levels = np.linspace(max(low - margin, 0.0), min(high + margin, 1.0), STEPS)
    return tuple(
        Profile(
            label,
            rows[0][label].baseline,
            performance_profile(scores, levels, np.random.default_rng(SEED)),
            interquartile_mean(scores, np.random.default_rng(SEED)),
        )
        for label, scores in runs.items()
    )
