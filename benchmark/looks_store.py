"""Looks at a run's records: each comparison's test on the first seeds of the plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .looks import Pair, Result, result_for_seeds, result_for_speakers
from .store import Store
from .sums import SCORES, Tested, alike, stack, tested


class StoreSource:
    """The records that a plan asked for, read from its store.

    Parameters
    ----------
    store
        Where predictions are read, each file once.
    plan
        As ``plan.json`` holds it.
    records
        All records of the store.
    """

    def __init__(
        self, store: Store, plan: Mapping[str, Any], records: Sequence[Mapping[str, Any]]
    ) -> None:
        self.store, self.seeds = store, list(plan["seeds"])
        planned = set(plan["cells"])
        self.records: dict[tuple[str, str, int], list[Mapping[str, Any]]] = {}
        self.folds: dict[str, int] = {}
        self.known: dict[tuple[str, str, int], Tested | None] = {}
        for record in records:
            if record["id"] in planned and record["cell"]["kind"] == "quality":
                cell = record["cell"]
                key = cell["dataset"], cell["method"], cell["seed"]
                self.records.setdefault(key, []).append(record)
                known = (record.get("protocol") or {}).get("folds", cell["fold"] + 1)
                self.folds[key[0]] = max(known, self.folds.get(key[0], 1))

    def of(self, pair: Pair, method: str, seed: int) -> list[Mapping[str, Any]]:
        return self.records.get((pair.dataset, method, seed), [])

    def ready(self, pair: Pair, seeds: int) -> bool:
        """Say whether all of the first ``seeds`` seeds were run for both methods."""
        folds = self.folds.get(pair.dataset, 1)
        return all(
            len(self.of(pair, method, seed)) >= folds
            for method in (pair.method, pair.other)
            for seed in self.seeds[:seeds]
        )

    def result(self, pair: Pair, seeds: int) -> Result:
        """Test the pair on the first ``seeds`` seeds."""
        chosen = self.seeds[:seeds]
        broken = self.broken(pair, chosen)
        if broken:
            return Result(math.nan, reason=broken, stuck=True)
        first = self.of(pair, pair.method, chosen[0])[0]
        score = SCORES.get(pair.metric)
        if score is None:
            a, b = (self.measured(pair, method, chosen) for method in (pair.method, pair.other))
            if not (np.isfinite(a).all() and np.isfinite(b).all()):
                return Result(math.nan, reason=f"{pair.metric} is not finite", stuck=True)
            return result_for_seeds(a, b)
        read = [
            [self.sums(pair, method, seed) for seed in chosen]
            for method in (pair.method, pair.other)
        ]
        there = [[part for part in parts if part is not None] for parts in read]
        if any(len(parts) < len(chosen) for parts in there):
            reason = f"predictions of {pair.method} or {pair.other} cannot be read"
            return Result(math.nan, reason=reason, stuck=True)
        one, two = (stack(chosen, parts) for parts in there)
        if not alike(one, two):
            reason = "the two were not tested on the same examples"
            return Result(math.nan, reason=reason, stuck=True)
        if pair.scope == "seeds":
            return result_for_seeds(score.of(one.values.sum(1)), score.of(two.values.sum(1)))
        design = "crossed" if first["protocol"]["design"] == "crossed" else "redrawn"
        return result_for_speakers(one.values, two.values, score.of, design)

    def broken(self, pair: Pair, seeds: Sequence[int]) -> str:
        """Name the first cell that did not end well, if any.

        Leaving a failed seed out would flatter a method that diverged, and change the looks.
        """
        for method in (pair.method, pair.other):
            for seed in seeds:
                for record in self.of(pair, method, seed):
                    if record["status"] != "ok":
                        return f"{method}, seed {seed}: {record['status']}"
        return ""

    def sums(self, pair: Pair, method: str, seed: int) -> Tested | None:
        """Return one seed's sums by speaker."""
        key = pair.dataset, method, seed
        if key not in self.known:
            self.known[key] = tested(self.store, self.records[key])
        return self.known[key]

    def measured(self, pair: Pair, method: str, seeds: Sequence[int]) -> np.ndarray:
        """Return the metric that the records hold, more being better, shape (seeds,)."""
        found = [self.of(pair, method, seed)[0]["metrics"].get(pair.metric) for seed in seeds]
        sign = -1.0 if pair.metric in LOWER_IS_BETTER else 1.0
        return sign * np.array([math.nan if v is None else v for v in found], dtype=float)


METRICS: Mapping[str, tuple[str, ...]] = {
    "classification": (*(k for k, s in SCORES.items() if s.kind == "confusion"), "ece", "log_loss"),
    "regression": ("mae", "rmse", "r2", "pearson"),
}
"""Metrics of each kind of task, the one that stands in for another kind's first."""
LOWER_IS_BETTER = ("ece", "log_loss", "rmse")
"""Of those that do not follow from sums by speaker."""


def metric_on(asked: str, kind: str) -> str:
    """Return the plan's metric, or what stands in where a kind of task does not have it."""
    return asked if asked in METRICS[kind] else METRICS[kind][0]
