"""The table of looks, with its caption, and what it says in a sentence."""

from __future__ import annotations

from . import captions
from .collect import Table
from .formatting import NOTHING, clean, count, integer, number, p_value
from .grids import Column, Entry, Grid
from .looks import Looks
from .metrics import Metric
from .wording import Sentence, sentence

SPENDING = {"obrien-fleming": "O'Brien-Fleming-type", "pocock": "Pocock-type"}


def grid(table: Table) -> Grid | None:
    """What every look found of every comparison; None where the run took no looks."""
    shown = table.looks
    if shown is None:
        return None
    heads = [f"p after {n} seeds" for n in shown.course.plan.looks]
    columns = (
        Column("method", numeric=False),
        Column("against", numeric=False),
        *(Column(head) for head in heads),
        Column("seeds used"),
        Column("verdict", numeric=False),
    )
    rows = tuple(row(shown, i) for i in shown.places)
    return Grid(anchor(table), caption(table, shown, table.primary), columns, rows)


def anchor(table: Table) -> str:
    return f"{table.anchor}-looks"


def row(shown: Looks, i: int) -> tuple[Entry, ...]:
    """Set one comparison's row."""
    course, pair = shown.course, shown.course.pairs[i]
    verdict = clean(course.verdict(i))
    return (
        Entry(clean(pair.method), name=True),
        Entry(clean(pair.other), name=True),
        *(look(shown, i, k) for k in range(len(course.plan.looks))),
        Entry(integer(course.used(i))),
        Entry(verdict, strong=verdict in ("better", "worse")),
    )


def look(shown: Looks, i: int, k: int) -> Entry:
    """Set what one look found of one comparison: p, its t and the bound it was held against."""
    course = shown.course
    found = course.looks[k][i] if k < len(course.looks) else None
    if found is None:
        return Entry(NOTHING)
    if found.reason:
        return Entry("withheld")
    bound = course.until(k + 1).state.comparisons[i].bound
    return Entry(
        p_value(found.p, bound), below=f"t = {number(found.statistic, 2)}, bound {bound:.2g}"
    )


def caption(table: Table, shown: Looks, metric: Metric) -> str:
    """Say what was looked at, when, with which bounds, and for what a verdict holds."""
    plan, pairs = shown.course.plan, shown.pairs
    both = pairs[0].scope == "speakers"
    test = "t on the two-way jackknife variance, as below" if both else "paired t over the seeds"
    saved, most = shown.saved
    text = (
        f"Looks while seeds were added, {captions.head(table)}: {metric.label}, two-sided {test}. "
        f"A comparison is decided when p is at most the bound under it: "
        f"{SPENDING[plan.spending]} spending of alpha = {plan.alpha:g}, shared by all "
        f"{count(len(shown.course.pairs), 'comparison')} of the plan; a decided one passes its "
        f"share on, so that the familywise error over comparisons and looks is at most "
        f"{plan.alpha:g}."
    )
    if plan.futility is not None:
        text += (
            f" Futile: the chance of a decision by the last look fell under "
            f"{100 * plan.futility:g} %."
        )
    text += (
        f" Verdicts hold {pairs[0].holds_for}. {saved} of {count(most, 'training')} on this "
        f"dataset were not needed. The difference of a comparison that stopped early tends to be "
        f"overestimated."
    )
    return text + withheld(shown)


def withheld(shown: Looks) -> str:
    """Say why looks were withheld, if any were."""
    found = [(k, look[i]) for k, look in enumerate(shown.course.looks) for i in shown.places]
    reasons: dict[str, list[str]] = {}
    for k, one in found:
        if one is not None and one.reason:
            seeds = str(shown.course.plan.looks[k])
            reasons.setdefault(clean(one.reason), []).append(seeds)
    said = [
        f"after {', '.join(dict.fromkeys(seeds))} seeds, {reason}"
        for reason, seeds in reasons.items()
    ]
    return f" Withheld: {'; '.join(said)}." if said else ""


def finding(table: Table) -> Sentence | None:
    """Say how the looks ended."""
    shown = table.looks
    if shown is None:
        return None
    saved, most = shown.saved
    taken = len(shown.course.looks)
    tally = shown.course.tally(shown.places)
    parts = ", ".join(f"{n} {what}" for what, n in tally.items() if n)
    text = (
        f"Seeds were added in looks, {taken} of {len(shown.course.plan.looks)} taken: of "
        f"{count(len(shown.places), 'planned comparison')} {parts}, "
        f"{shown.pairs[0].holds_for}; {saved} of {count(most, 'training')} saved."
    )
    return sentence(text, anchor=anchor(table))
