"""Stopping when decided: several comparisons, several looks, one familywise error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .checking import Floats, one_of, share
from .graphical import AlphaGraph, holm_graph
from .spending import Bounds, Spending, group_sequential_bounds
from .wording import count, p_value

Status = Literal["decided", "futile", "open", "not separated"]


@dataclass(frozen=True)
class SequentialPlan:
    """What is fixed before the first look.

    `looks` are the numbers of seeds at which p-values are taken, the last one the most that will
    be run; `graph` shares alpha among the comparisons. A comparison whose predictive probability
    of ever being decided falls below `futility` may stop (None: never); that stop is non-binding,
    it costs power but no error.
    """

    looks: tuple[int, ...]
    graph: AlphaGraph
    alpha: float = 0.05
    two_sided: bool = True
    spending: Spending = "obrien-fleming"
    futility: float | None = 0.05

    def __post_init__(self) -> None:
        """Raise ValueError where the plan cannot be carried out."""
        share(self.alpha, "alpha")
        one_of(self.spending, ("obrien-fleming", "pocock"), "spending")
        if self.futility is not None:
            share(self.futility, "futility")
        if not self.looks or self.looks[0] < 2 or list(self.looks) != sorted(set(self.looks)):
            raise ValueError(f"looks are {self.looks}; expected rising numbers of seeds from 2 on")

    def bounds(self, level: float) -> Bounds:
        """Return the bounds of a comparison that has `level` of alpha for itself."""
        fractions = [n / self.looks[-1] for n in self.looks]
        return group_sequential_bounds(fractions, level, self.two_sided, self.spending)

    def sentence(self) -> str:
        """Say the plan in one sentence."""
        looks = ", ".join(str(n) for n in self.looks)
        return (
            f"{count(len(self.graph.weights), 'comparison')} looked at after {looks} seeds, "
            f"familywise error over comparisons and looks at most {self.alpha:g}."
        )


def holm_plan(looks: tuple[int, ...], comparisons: int, alpha: float = 0.05) -> SequentialPlan:
    """Return the plan in which all comparisons have equal parts of alpha."""
    return SequentialPlan(looks, holm_graph(comparisons), alpha)


@dataclass(frozen=True)
class Comparison:
    """Where one comparison stands.

    `look` is the index of the look at which it stopped (None while open), `seeds` the seeds it
    used, `p` its last p-value and `bound` the nominal p-value that it was held against.
    """

    status: Status
    look: int | None
    seeds: int
    p: float
    bound: float

    def sentence(self) -> str:
        """Say the result in one sentence."""
        where = f"after {count(self.seeds, 'seed')} ({p_value(self.p)}, bound {self.bound:.2g})"
        return {
            "decided": f"Decided {where}.",
            "futile": f"Stopped as futile {where}: not separated.",
            "open": f"Still open {where}.",
            "not separated": f"Not separated at the last look, {where}.",
        }[self.status]


@dataclass(frozen=True)
class SequentialState:
    """All comparisons after some looks."""

    plan: SequentialPlan
    looks_done: int
    comparisons: tuple[Comparison, ...]
    graph: AlphaGraph

    @property
    def finished(self) -> bool:
        """Whether no comparison needs another seed."""
        return all(c.status != "open" for c in self.comparisons)

    @property
    def seeds_saved(self) -> int:
        """Seeds not run for stopped comparisons, against running all to the last look."""
        most = self.plan.looks[-1]
        return sum(most - c.seeds for c in self.comparisons if c.status in ("decided", "futile"))

    def sentence(self) -> str:
        """Say the result in one sentence."""
        decided = sum(c.status == "decided" for c in self.comparisons)
        futile = sum(c.status == "futile" for c in self.comparisons)
        open_ = sum(c.status == "open" for c in self.comparisons)
        return (
            f"After {self.looks_done} of {count(len(self.plan.looks), 'look')}, of "
            f"{count(len(self.comparisons), 'comparison')} {decided} are decided, {futile} "
            f"stopped as futile and {open_} open; {count(self.seeds_saved, 'seed')} saved."
        )


def judge(plan: SequentialPlan, p: ArrayLike) -> SequentialState:
    """Say which comparisons are decided after the looks done so far.

    Each comparison is tested at its own share of alpha with its own spending function; a decided
    one passes its share on at once, and the others are tested again at the same look (Maurer and
    Bretz, Statistics in Biopharmaceutical Research 5, 2013). p-values of t, not t itself, are
    held against the bounds, because looks begin at few seeds. For a verdict on new speakers, whose
    variance more seeds do not shrink, successive p-values hang together more closely than the
    bounds assume, which makes them conservative.

    Parameters
    ----------
    plan
        Fixed before the first look.
    p
        p-values, shape (looks done, comparisons), sided as the plan is; nan where a comparison
        was already stopped, or could not be tested at that look.

    Raises
    ------
    ValueError
        If the shape does not fit the plan or a p-value lies outside 0 to 1.
    """
    table = np.asarray(p, dtype=np.float64)
    m = len(plan.graph.weights)
    if table.ndim != 2 or table.shape[1] != m or len(table) > len(plan.looks):
        raise ValueError(
            f"p has shape {table.shape}; expected up to {len(plan.looks)} looks by {m} comparisons"
        )
    if np.any((table < 0) | (table > 1)):
        raise ValueError("p holds a value outside 0 to 1")
    graph, stopped = plan.graph, dict[int, Comparison]()
    for look in range(len(table)):
        graph = _decide(plan, graph, look, table[look], stopped)
        _stop_futile(plan, graph, look, table[look], stopped)
    done = len(table)
    comparisons: list[Comparison] = []
    for i in range(m):
        if i in stopped:
            comparisons.append(stopped[i])
            continue
        last = done == len(plan.looks)
        bound = _bound(plan, graph.weights[i], max(done - 1, 0))[0]
        comparisons.append(
            Comparison(
                "not separated" if last else "open",
                done - 1 if last else None,
                plan.looks[done - 1] if done else 0,
                float(table[-1, i]) if done else math.nan,
                bound,
            )
        )
    return SequentialState(plan, done, tuple(comparisons), graph)


def _decide(
    plan: SequentialPlan,
    graph: AlphaGraph,
    look: int,
    p: Floats,
    stopped: dict[int, Comparison],
) -> AlphaGraph:
    """Reject what can be rejected at this look, passing alpha on until nothing more falls."""
    fell = True
    while fell:
        fell = False
        for i in range(len(p)):
            if i in stopped or math.isnan(p[i]):
                continue
            bound, _ = _bound(plan, graph.weights[i], look)
            if p[i] <= bound:
                stopped[i] = Comparison("decided", look, plan.looks[look], float(p[i]), bound)
                graph, fell = graph.reject(i), True
    return graph


def _stop_futile(
    plan: SequentialPlan,
    graph: AlphaGraph,
    look: int,
    p: Floats,
    stopped: dict[int, Comparison],
) -> None:
    """Stop comparisons that more seeds will hardly decide; their alpha stays with them."""
    if plan.futility is None or look + 1 >= len(plan.looks):
        return
    for i in range(len(p)):
        if i in stopped or math.isnan(p[i]):
            continue
        bound, final = _bound(plan, graph.weights[i], look)
        fraction = plan.looks[look] / plan.looks[-1]
        if predictive_power(float(p[i]), fraction, final, plan.two_sided) < plan.futility:
            stopped[i] = Comparison("futile", look, plan.looks[look], float(p[i]), bound)


def predictive_power(p: float, fraction: float, final_p: float, two_sided: bool = True) -> float:
    """Return the probability that the last look will decide, given the p-value at `fraction`.

    The effect has a flat prior, so that the final z is normal round z / sqrt(t) with variance
    (1 - t) / t (Spiegelhalter et al. 1986): Phi((z - sqrt(t) c) / sqrt(1 - t)) for the bound c.

    Parameters
    ----------
    p
        p-value now, sided as said; a two-sided one looks on in its own direction.
    fraction
        Share of the planned data seen, between 0 and 1.
    final_p
        Nominal p-value that the last look asks for.
    """
    share(fraction, "fraction")
    sides = 2 if two_sided else 1
    z, bound = -float(special.ndtri(p / sides)), -float(special.ndtri(final_p / sides))
    if math.isinf(z):
        return 1.0 if z > 0 else 0.0
    root, rest = math.sqrt(fraction), math.sqrt(1 - fraction)
    ahead = float(special.ndtr((z - root * bound) / rest))
    return ahead + float(special.ndtr((-z - root * bound) / rest)) if two_sided else ahead


def _bound(plan: SequentialPlan, weight: float, look: int) -> tuple[float, float]:
    """Return the nominal p-values of this look and of the last one for a share of alpha."""
    level = round(weight * plan.alpha, 12)
    if level <= 0:
        return 0.0, 0.0
    bounds = plan.bounds(level)
    return bounds.p[look], bounds.p[-1]
