"""What holds beyond these seeds and speakers, of the comparisons that the plan fixed, with Holm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np

from ..benchmark.statistics import tabulate
from ..benchmark.statistics.estimators import cell_differences
from ..benchmark.statistics.hierarchical import HierarchicalInterval, hierarchical_interval
from ..benchmark.statistics.multiplicity import holm
from ..benchmark.statistics.power import SampleSize, pairs_needed
from ..benchmark.statistics.superiority import Superiority, superiority_over_cells
from ..benchmark.statistics.two_way import TwoWayT, two_way_t
from ..benchmark.store import Store
from .cells import Cell
from .grouping import Row
from .metrics import Metric

SEED = 0  # of the bootstrap, which depends on nothing else: a report made twice says the same
SCORES: Mapping[str, tabulate.Metric] = {
    "macro_f1": tabulate.macro_f1,
    "accuracy": tabulate.accuracy,
    "micro_f1": tabulate.accuracy,
    "micro_precision": tabulate.accuracy,
    "micro_recall": tabulate.accuracy,
    "uar": tabulate.macro_recall,
    "macro_recall": tabulate.macro_recall,
    "macro_precision": tabulate.macro_precision,
}
"""Metrics that follow from confusions, which add up over speakers."""


@dataclass(frozen=True)
class Rules:
    """What the plan fixed: level, half-width of the region of practical equivalence, family."""

    alpha: float = 0.05
    margin: float = 0.01
    family: str = "baseline"

    @classmethod
    def of(cls, plan: Mapping[str, Any]) -> Rules:
        """Read them from a plan; the margin there is in points."""
        rules = cls()
        return cls(
            float(plan.get("alpha") or rules.alpha),
            float(plan.get("margin") or 100 * rules.margin) / 100,
            str(plan.get("family") or rules.family),
        )


@dataclass(frozen=True)
class Evidence:
    """A method against another, for new seeds and new speakers.

    Attributes
    ----------
    rules
        Level and margin that the verdict follows.
    interval
        Of the metric over all speakers' examples, in the method's favour.
    test
        Two-sided, on the differences of each speaker's own score; ``narrow`` is its interval of
        confidence 1 - 2 alpha, which lies inside the margin where two one-sided tests say so.
    adjusted
        The test's p after Holm over the methods that were compared.
    superiority
        P(method beats the other) on a new speaker and a new seed.
    needed
        Seeds for 80 % power at the effect that was seen over seeds, on these speakers.
    """

    method: str
    other: str
    metric: Metric
    rules: Rules
    interval: HierarchicalInterval
    test: TwoWayT
    narrow: TwoWayT
    adjusted: float
    superiority: Superiority
    needed: SampleSize | None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``practically equal``, ``not separated``, or why none is given."""
        if self.reason:
            return self.reason
        if math.isnan(self.adjusted):
            few = min(self.test.seeds, self.test.speakers)
            return (
                "cannot be tested: it takes three seeds and three speakers"
                if few < 3
                else "cannot be tested: the differences do not vary"
            )
        if self.adjusted < self.rules.alpha:
            return "better" if self.test.difference > 0 else "worse"
        margin = self.rules.margin
        inside = self.narrow.low > -margin and self.narrow.high < margin
        return "practically equal" if inside else "not separated"


def compared(
    rows: Sequence[Row], baseline: Row | None, metric: Metric, rules: Rules, store: Store
) -> tuple[Evidence, ...]:
    """Compare the pairs of the plan's family over the seeds that both have done, with Holm.

    Empty where the family has no pair, or the metric does not follow from confusions.
    """
    ended = [cell for row in rows for cell in row.cells if cell.ok]
    if metric.key not in SCORES or not ended:
        return ()
    design = "redrawn" if ended[0].record["protocol"]["design"] == "re-drawn" else "crossed"
    score, said = SCORES[metric.key], Predictions(store)
    found = []
    for row, other in family(rows, baseline, rules):
        pair = said.pair(row, other)
        if pair is None:
            # It stays in the family: what could not be tested makes the others no easier.
            found.append(untested(row, other, metric, rules, design))
            continue
        a, b = pair
        d = cell_differences(a, b, score)
        found.append(
            Evidence(
                row.label,
                other.label,
                metric,
                rules,
                hierarchical_interval(a, b, score, np.random.default_rng(SEED), design=design),
                two_way_t(d),
                two_way_t(d, confidence=1 - 2 * rules.alpha),
                math.nan,
                superiority_over_cells(d),
                needed(a, b, score) if design == "crossed" else None,
            )
        )
    adjusted = holm([e.test.p for e in found], rules.alpha).adjusted
    return tuple(replace(e, adjusted=p) for e, p in zip(found, adjusted, strict=True))


def untested(
    row: Row, other: Row, metric: Metric, rules: Rules, design: Literal["crossed", "redrawn"]
) -> Evidence:
    """Return a comparison without figures, which says why there are none."""
    nan, scope = math.nan, "seeds and speakers"
    test = TwoWayT(0, 0, nan, nan, nan, nan, nan, nan, "two-sided", 0.95)
    return Evidence(
        row.label,
        other.label,
        metric,
        rules,
        HierarchicalInterval(design, scope, 0, 0, nan, nan, nan, "t", 0.95, 0),
        test,
        test,
        nan,
        Superiority(0, nan, nan, nan, 0.75, 0.95, scope),
        None,
        "cannot be tested: no common seed whose predictions of both can be read and matched",
    )


def family(rows: Sequence[Row], baseline: Row | None, rules: Rules) -> Iterator[tuple[Row, Row]]:
    """Yield the pairs to compare: each method and the baseline, or every two, best first."""
    if rules.family == "pairs":
        yield from combinations(rows, 2)
    elif baseline is not None:
        yield from ((row, baseline) for row in rows if row is not baseline)


def needed(a: np.ndarray, b: np.ndarray, score: tabulate.Metric) -> SampleSize | None:
    """Return the seeds that would find the effect over seeds; None where it has no spread."""
    d = score(a.sum(1)) - score(b.sum(1))
    spread = float(d.std(ddof=1)) if len(d) > 1 else 0.0
    return pairs_needed(float(d.mean()) / spread) if spread > 1e-12 else None


class Predictions:
    """Confusions by seed and speaker of a store's rows, each file read once."""

    def __init__(self, store: Store):
        self.store = store
        self.known: dict[str, tuple[np.ndarray, ...] | None] = {}

    def pair(self, row: Row, baseline: Row) -> tuple[np.ndarray, np.ndarray] | None:
        """Return two methods' cells (seeds, speakers, classes, classes) on their common seeds.

        None where they have no seed in common, or one's predictions cannot be read.
        """
        both = [by_seed(r) for r in (row, baseline)]
        common = sorted(both[0].keys() & both[1].keys())
        cells = [self.confusions(each, common) for each in both]
        if not common or cells[0] is None or cells[1] is None:
            return None
        if (cells[0].seeds, cells[0].speakers) != (cells[1].seeds, cells[1].speakers):
            return None
        return cells[0].values, cells[1].values

    def confusions(
        self, cells: Mapping[int, Sequence[Cell]], seeds: Sequence[int]
    ) -> tabulate.Cells | None:
        """Count one method's confusions; None where a file cannot be read."""
        labels, said, seed_of, group_of = [], [], [], []
        classes = 0
        for seed in seeds:
            for cell in cells[seed]:
                read = self.read(cell)
                if read is None:
                    return None
                labels.append(read[0])
                said.append(read[1])
                group_of.append(read[2])
                seed_of.append(np.full(len(read[0]), seed))
                classes = len(cell.record["outputs"])
        if not labels:
            return None
        parts = (np.concatenate(x) for x in (labels, said, seed_of, group_of))
        return tabulate.confusion_cells(*parts, classes=classes)

    def read(self, cell: Cell) -> tuple[np.ndarray, ...] | None:
        """Read labels, decisions and speakers of a cell."""
        if cell.id not in self.known:
            try:
                stored = self.store.predictions(cell.id)
                decided = stored["probabilities"].argmax(1)
                self.known[cell.id] = (stored["labels"], decided, stored["groups"])
            except (OSError, KeyError, ValueError, BadZipFile):
                self.known[cell.id] = None
        return self.known[cell.id]


def by_seed(row: Row) -> dict[int, list[Cell]]:
    """Return a row's cells of every seed whose folds are all done."""
    folds = max((cell.folds for cell in row.cells), default=1)
    found: dict[int, list[Cell]] = {}
    for cell in row.cells:
        if cell.ok:
            found.setdefault(cell.seed, []).append(cell)
    return {seed: cells for seed, cells in found.items() if len(cells) == folds}
