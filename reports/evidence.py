"""What one method's results say against another's: test, interval, correction and verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..benchmark.statistics.coverage import reason_to_withhold
from ..benchmark.statistics.power import SampleSize
from ..benchmark.statistics.superiority import Superiority
from ..benchmark.statistics.two_way import FEWEST, TwoWayT
from .formatting import count, difference, p_phrase, p_value
from .metrics import Metric
from .predictions import Design

Scope = Literal["seeds", "speakers"]
HOLDS_FOR: Mapping[Scope, str] = {
    "seeds": "for new seeds on these test speakers",
    "speakers": "for new seeds and new speakers",
}


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
    """A method against another.

    Attributes
    ----------
    rules
        Level and margin that the verdict follows.
    design
        Whether all seeds are tested on the same speakers.
    scope
        Whom the test speaks about: ``speakers``, new seeds and new speakers; ``seeds``, new seeds
        on these speakers, where the metric does not add up over speakers.
    test
        Two-sided, of the difference in the metric, in the method's favour; its interval, of
        confidence 1 - alpha, is the test's inversion. ``narrow`` is the interval of confidence
        1 - 2 alpha, which lies inside the margin where two one-sided tests say so.
    adjusted
        The test's p after Holm: over the family that the plan fixed on all datasets, or over the
        other pairs of this table. nan until it is corrected (:mod:`.family`).
    confirmatory
        Whether the plan fixed this comparison.
    superiority
        P(method beats the other) on a new speaker and a new seed, or on a new seed.
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
    scope: Scope
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
        if self.scope == "seeds":
            return reason_to_withhold("t", self.test.seeds, 2, "seed")
        n, unit = min((self.test.seeds, "seed"), (self.test.speakers, "speaker"))
        if n >= FEWEST:
            return None
        return (
            f"with {count(n, unit)} this test may tell equal methods apart in more than 6.5 % of "
            f"cases at .05: it takes {FEWEST} of each"
        )

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``practically equal``, ``not separated``, or why none is given."""
        if self.reason:
            return self.reason
        if math.isnan(self.adjusted):
            if self.withheld:
                few = "two seeds" if self.scope == "seeds" else "four seeds and four speakers"
                return f"cannot be tested: it takes {few}"
            same = self.test.difference == 0
            why = "no difference in any seed" if same else "the differences do not vary"
            return f"cannot be tested: {why}"
        if self.separated:
            return "better" if self.test.difference > 0 else "worse"
        return "practically equal" if self.inside else "not separated"

    @property
    def holds_for(self) -> str:
        """Whom the verdict speaks about."""
        return HOLDS_FOR[self.scope]

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
            f"({100 * test.confidence:g} % interval {ends}), {p_phrase(test.p, self.rules.alpha)}, "
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
