"""What holds beyond these seeds and speakers, of every pair of methods, with Holm."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from ..benchmark.statistics import tabulate
from ..benchmark.statistics.coverage import reason_to_withhold
from ..benchmark.statistics.metric_t import metric_t
from ..benchmark.statistics.multiplicity import holm
from ..benchmark.statistics.power import SampleSize, pairs_needed
from ..benchmark.statistics.student import t_quantile
from ..benchmark.statistics.superiority import Superiority, superiority_over_cells
from ..benchmark.statistics.two_way import FEWEST, TwoWayT, two_way_t
from .formatting import difference, p_phrase, p_value
from .grouping import Row
from .metrics import Metric
from .predictions import SCORES, Design, Predictions

SCOPE = "seeds and speakers"


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
    design
        Whether all seeds are tested on the same speakers.
    test
        Two-sided, of the difference in the metric, in the method's favour; its interval, of
        confidence 1 - alpha, is the test's inversion. ``narrow`` is the interval of confidence
        1 - 2 alpha, which lies inside the margin where two one-sided tests say so.
    adjusted
        The test's p after Holm: over the family that the plan fixed, or over all other pairs.
    confirmatory
        Whether the plan fixed this comparison.
    superiority
        P(method beats the other) on a new speaker and a new seed.
    needed
        Seeds for 80 % power at the effect that was seen over seeds, on these speakers.
    looked
        Whether the two are told apart over all looks, where the run stopped when it was decided.
    """

    method: str
    other: str
    metric: Metric
    rules: Rules
    design: Design
    test: TwoWayT
    narrow: TwoWayT
    adjusted: float
    confirmatory: bool
    superiority: Superiority
    needed: SampleSize | None
    reason: str = ""
    looked: bool | None = None

    @property
    def withheld(self) -> str | None:
        """Why the interval is not printed, if so."""
        fewest = min((self.test.seeds, "seed"), (self.test.speakers, "speaker"))
        return reason_to_withhold("t", fewest[0], FEWEST, fewest[1])

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``practically equal``, ``not separated``, or why none is given."""
        if self.reason:
            return self.reason
        if math.isnan(self.adjusted):
            if self.withheld:
                return "cannot be tested: it takes four seeds and four speakers"
            same = self.test.difference == 0
            why = "no difference in any seed" if same else "the differences do not vary"
            return f"cannot be tested: {why}"
        if self.separated:
            return "better" if self.test.difference > 0 else "worse"
        return "practically equal" if self.inside else "not separated"

    @property
    def separated(self) -> bool:
        """Whether the corrected test tells the two apart."""
        return self.adjusted < self.rules.alpha if self.looked is None else self.looked

    @property
    def inside(self) -> bool:
        """Whether the narrow interval lies in the region of practical equivalence."""
        margin = self.rules.margin if self.metric.scale == 100.0 else math.nan
        return self.narrow.low > -margin and self.narrow.high < margin

    @property
    def sentence(self) -> str:
        """The comparison in one sentence, as plain text."""
        test = self.test
        if math.isnan(self.adjusted):
            return f"{self.method} against {self.other}: {self.verdict}."
        ends = " to ".join(difference(self.metric, end) for end in (test.low, test.high))
        family = "planned" if self.confirmatory else "exploratory"
        return (
            f"{self.method} against {self.other}: {self.verdict}; "
            f"{difference(self.metric, test.difference)} {self.metric.unit} "
            f"({100 * test.confidence:g} % interval {ends}), {p_phrase(test.p)}, "
            f"after Holm {p_value(self.adjusted, self.rules.alpha)} ({family})."
        )

    def reversed(self) -> Evidence:
        """The same comparison from the other method's side."""
        s = self.superiority
        turned = Superiority(
            s.n, 1 - s.probability, 1 - s.high, 1 - s.low, s.threshold, s.confidence, s.over
        )
        return replace(
            self,
            method=self.other,
            other=self.method,
            test=negated(self.test),
            narrow=negated(self.narrow),
            superiority=turned,
        )


def negated(test: TwoWayT) -> TwoWayT:
    """The two-sided test of the difference with its sign turned."""
    return replace(
        test,
        difference=-test.difference,
        low=-test.high,
        high=-test.low,
        statistic=-test.statistic,
    )


def compared(
    rows: Sequence[Row],
    baseline: Row | None,
    metric: Metric,
    rules: Rules,
    design: Design,
    said: Predictions,
) -> tuple[Evidence, ...]:
    """Compare every two methods over the seeds that both have done, with Holm.

    Two families are corrected apart: what the plan fixed, and all other pairs, which are
    exploratory. A pair with the baseline has the method first, another the better one.

    Empty where there are not two methods with a result, or the metric does not follow from sums.
    """
    measured = {row.label for row in rows if any(cell.ok for cell in row.cells)}
    if metric.key not in SCORES or not measured:
        return ()
    score = SCORES[metric.key].of
    found = []
    for row, other, planned in pairs(rows, measured, baseline, rules):
        pair = said.pair(row, other)
        if pair is None:
            # It stays in the family: what could not be tested makes the others no easier.
            found.append(untested(row, other, metric, rules, design, planned))
            continue
        a, b = (each.values for each in pair)
        d = said.scores(row, pair[0]) - said.scores(other, pair[1])
        if design == "crossed":
            test = metric_t(a, b, score, design, confidence=1 - rules.alpha)
        else:  # the same test, of cells that are there already
            test = two_way_t(d, confidence=1 - rules.alpha)
        found.append(
            Evidence(
                row.label,
                other.label,
                metric,
                rules,
                design,
                test,
                narrowed(test, rules.alpha),
                math.nan,
                planned,
                superiority_over_cells(d),
                needed(a, b, score, rules.alpha) if planned and design == "crossed" else None,
            )
        )
    return corrected(found, rules.alpha)


def corrected(found: Sequence[Evidence], alpha: float) -> tuple[Evidence, ...]:
    """Correct the planned comparisons among themselves, and the others among themselves."""
    adjusted: dict[int, float] = {}
    for planned in (True, False):
        places = [i for i, e in enumerate(found) if e.confirmatory == planned]
        values = holm([found[i].test.p for i in places], alpha).adjusted
        adjusted |= dict(zip(places, values, strict=True))
    return tuple(replace(e, adjusted=adjusted[i]) for i, e in enumerate(found))


def pairs(
    rows: Sequence[Row], measured: Container[str], baseline: Row | None, rules: Rules
) -> Iterator[tuple[Row, Row, bool]]:
    """Yield every two rows, and whether the plan fixed their comparison.

    A planned comparison without any result stays in its family; an exploratory one is no pair.
    """
    every = rules.family == "pairs"
    for row, other in combinations(rows, 2):
        planned = every or row is baseline or other is baseline
        if planned or (row.label in measured and other.label in measured):
            yield (other, row, planned) if row is baseline else (row, other, planned)


def narrowed(test: TwoWayT, alpha: float) -> TwoWayT:
    """The same test with the interval of two one-sided tests at alpha."""
    if not math.isfinite(test.low):
        return replace(test, confidence=1 - 2 * alpha)
    wide = t_quantile(0.5 + test.confidence / 2, test.df)
    error = (test.high - test.difference) / wide
    half = t_quantile(1 - alpha, test.df) * error
    return replace(
        test,
        low=test.difference - half,
        high=test.difference + half,
        confidence=1 - 2 * alpha,
    )


def untested(
    row: Row, other: Row, metric: Metric, rules: Rules, design: Design, planned: bool
) -> Evidence:
    """Return a comparison without figures, which says why there are none."""
    nan = math.nan
    test = TwoWayT(0, 0, nan, nan, nan, nan, nan, nan, "two-sided", 1 - rules.alpha)
    return Evidence(
        row.label,
        other.label,
        metric,
        rules,
        design,
        test,
        test,
        nan,
        planned,
        Superiority(0, nan, nan, nan, 0.75, 0.95, SCOPE),
        None,
        "cannot be tested: no common seed, or predictions that cannot be read, matched or scored",
    )


def needed(a: np.ndarray, b: np.ndarray, score: tabulate.Metric, alpha: float) -> SampleSize | None:
    """Return the seeds that would find the effect over seeds; None where it has no spread."""
    d = score(a.sum(1)) - score(b.sum(1))
    spread = float(d.std(ddof=1)) if len(d) > 1 else 0.0
    return pairs_needed(float(d.mean()) / spread, alpha=alpha) if spread > 1e-12 else None
