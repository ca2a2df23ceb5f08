"""Looks at the results while seeds are added: which comparisons are decided, which go on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np

from .statistics.estimators import Design
from .statistics.metric_t import metric_t
from .statistics.paired import paired_t
from .statistics.sequential import SequentialPlan, SequentialState, holm_graph, judge
from .statistics.tabulate import Metric

Scope = Literal["seeds", "speakers"]
FEWEST = 8
"""Seeds and speakers that a look at both sources of chance needs.

At the deep levels of early looks and of many comparisons the two-way t rejects too often on fewer.
Simulated with ten comparisons at a familywise .05: first look at 5 seeds of 91 speakers 8.9 %, four
looks at 5 speakers 6.9 %, at 6 speakers 6.2 %; with 8 of either at most 5.7 %.
"""


@dataclass(frozen=True)
class Pair:
    """One comparison of the plan's family, in the metric that its dataset has.

    ``scope`` is what its verdict speaks about: ``seeds``, new seeds on these speakers, or
    ``speakers``, new seeds and new speakers.
    """

    dataset: str
    method: str
    other: str
    metric: str
    scope: Scope

    @property
    def holds_for(self) -> str:
        both = self.scope == "speakers"
        return "for new speakers and new seeds" if both else "for new seeds on these speakers"


@dataclass(frozen=True)
class Result:
    """A comparison's test at one look.

    Attributes
    ----------
    p
        Two-sided; nan where the look is withheld, for the ``reason`` given.
    difference
        Mean difference in the metric, above zero where the method is the better one.
    statistic
        Its t.
    stuck
        Whether more seeds will not help, because some of these have failed.
    """

    p: float
    difference: float = math.nan
    statistic: float = math.nan
    reason: str = ""
    stuck: bool = False


class Source(Protocol):
    """Where a look's tests come from."""

    def ready(self, pair: Pair, seeds: int) -> bool:
        """Say whether all of the first ``seeds`` seeds were run for both methods."""
        ...

    def result(self, pair: Pair, seeds: int) -> Result:
        """Test the pair on the first ``seeds`` seeds."""
        ...


@dataclass(frozen=True)
class Course:
    """The looks taken so far.

    ``looks`` has a result for every comparison that was still open, and None for the others.
    """

    plan: SequentialPlan
    pairs: tuple[Pair, ...]
    looks: tuple[tuple[Result | None, ...], ...] = ()

    @cached_property
    def state(self) -> SequentialState:
        """What follows from the p-values by the plan."""
        table = np.full((len(self.looks), len(self.pairs)), math.nan)
        for k, look in enumerate(self.looks):
            table[k] = [math.nan if found is None else found.p for found in look]
        return judge(self.plan, table)

    def until(self, looks: int) -> Course:
        """Return the course as it stood after so many looks."""
        return replace(self, looks=self.looks[:looks])

    def last(self, i: int) -> Result | None:
        """Return a comparison's last result."""
        return next((look[i] for look in reversed(self.looks) if look[i] is not None), None)

    def stuck(self, i: int) -> bool:
        """Say whether a comparison cannot go on."""
        found = self.last(i)
        return found is not None and found.stuck

    @property
    def open(self) -> tuple[int, ...]:
        """Comparisons that need more seeds."""
        states = enumerate(self.state.comparisons)
        return tuple(i for i, c in states if c.status == "open" and not self.stuck(i))

    @property
    def next_seeds(self) -> int | None:
        """Seeds of the next look; None when nothing is open."""
        return self.plan.looks[len(self.looks)] if self.open else None

    def used(self, i: int) -> int:
        """Return the seeds on which a comparison's last test stands."""
        taken = [n for n, look in zip(self.plan.looks, self.looks, strict=False) if look[i]]
        return taken[-1] if taken else 0

    def verdict(self, i: int) -> str:
        """``better``, ``worse``, ``futile``, ``open``, ``not separated``, or why there is none."""
        status, found = self.state.comparisons[i].status, self.last(i)
        if status == "decided" and found is not None:
            return "better" if found.difference > 0 else "worse"
        if found is not None and (found.stuck or (status == "not separated" and found.reason)):
            return f"cannot be tested: {found.reason}"
        return status

    def tally(self, places: Sequence[int] | None = None) -> dict[str, int]:
        """Count the comparisons, or some of them, by how they stand."""
        chosen = range(len(self.pairs)) if places is None else places
        verdicts = [self.verdict(i) for i in chosen]
        counts = {
            "decided": sum(v in ("better", "worse") for v in verdicts),
            "stopped as futile": verdicts.count("futile"),
            "not separated": verdicts.count("not separated"),
            "open": verdicts.count("open"),
        }
        return {**counts, "that cannot be tested": len(verdicts) - sum(counts.values())}

    def asked(self) -> dict[tuple[str, str], int]:
        """Return the seeds that each (dataset, method) has to be run for by now."""
        needed: dict[tuple[str, str], int] = {}
        for i, pair in enumerate(self.pairs):
            seeds = self.next_seeds if i in self.open else self.used(i)
            for method in (pair.method, pair.other):
                key = pair.dataset, method
                needed[key] = max(needed.get(key, 0), seeds or 0)
        return needed

    def saved(self) -> tuple[int, int]:
        """Return how many trainings (method, dataset and seed) were not needed, and of how many."""
        asked, most = self.asked(), self.plan.looks[-1]
        return sum(most - n for n in asked.values()), most * len(asked)

    def taken(self, source: Source) -> Course:
        """Take the next look at what is open."""
        seeds, still = self.next_seeds, set(self.open)
        assert seeds is not None
        look = tuple(
            source.result(pair, seeds) if i in still else None for i, pair in enumerate(self.pairs)
        )
        return replace(self, looks=(*self.looks, look))

    def followed(self, source: Source) -> Course:
        """Take all looks whose results are there."""
        course = self
        while (seeds := course.next_seeds) is not None:
            if not all(source.ready(course.pairs[i], seeds) for i in course.open):
                break
            course = course.taken(source)
        return course


def start(looks: Mapping[str, Any], alpha: float, pairs: Sequence[Pair]) -> Course:
    """Return a course before its first look.

    Parameters
    ----------
    looks
        ``at``, ``spending`` and ``futility`` as a plan has them.
    alpha
        Familywise error over all comparisons and looks.
    """
    plan = SequentialPlan(
        looks=tuple(looks["at"]),
        graph=holm_graph(len(pairs)),
        alpha=alpha,
        spending=looks["spending"],
        futility=looks["futility"] or None,
    )
    return Course(plan, tuple(pairs))


def decided_in_passing(course: Course, source: Source) -> tuple[bool, ...]:
    """Say which comparisons are decided for new speakers, whatever made the run stop.

    The same looks, levels and bounds hold for any statistic at all times that a look may end the
    run, so that a verdict for new speakers keeps its level in a run that stopped on one for new
    seeds. Looks that were not taken are passed over.
    """
    pairs = [replace(pair, scope="speakers") for pair in course.pairs]
    table = np.full((len(course.looks), len(pairs)), math.nan)
    for k, look in enumerate(course.looks):
        for i, pair in enumerate(pairs):
            if look[i] is not None:
                table[k, i] = source.result(pair, course.plan.looks[k]).p
    state = judge(replace(course.plan, futility=None), table)
    return tuple(c.status == "decided" for c in state.comparisons)


def result_for_seeds(a: np.ndarray, b: np.ndarray) -> Result:
    """Test two methods' scores, shape (seeds,), for new seeds on the same speakers."""
    test = paired_t(a, b, "two-sided")
    if math.isnan(test.p):
        return Result(math.nan, test.difference, reason="the differences do not vary")
    return Result(test.p, test.difference, test.statistic)


def result_for_speakers(
    a: np.ndarray, b: np.ndarray, metric: Metric, design: Design, fewest: int = FEWEST
) -> Result:
    """Test two methods' sums, shape (seeds, speakers, ...), for new seeds and new speakers."""
    test = metric_t(a, b, metric, design)
    if min(test.seeds, test.speakers) < fewest:
        reason = f"it takes {fewest} seeds and {fewest} speakers"
        return Result(math.nan, test.difference, reason=reason)
    if math.isnan(test.p):
        return Result(math.nan, test.difference, reason="the differences do not vary")
    return Result(test.p, test.difference, test.statistic)
