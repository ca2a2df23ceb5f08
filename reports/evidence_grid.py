"""The table of what holds for new seeds and new speakers, with its caption."""

from __future__ import annotations

import math
from collections.abc import Iterable

from . import captions
from .collect import Table
from .evidence import Evidence
from .formatting import NOTHING, count, difference, integer, number, p_value
from .grids import Column, Entry, Grid


def grid(table: Table) -> Grid | None:
    """The plan's family of comparisons; None where there is nothing to compare."""
    if not table.evidence:
        return None
    first = table.evidence[0]
    head = (*columns(first), Column("seeds needed"), Column("verdict", numeric=False))
    rows = tuple(row(found) for found in table.evidence)
    return Grid(f"{table.anchor}-evidence", caption(table), head, rows)


def columns(found: Evidence) -> tuple[Column, ...]:
    """The heads that every table of comparisons has."""
    labels = (f"difference, {found.metric.unit}", f"{100 * found.test.confidence:g} % interval",
              "p", "p (Holm)", "P(better)")  # fmt: skip
    return (
        Column("method", numeric=False),
        Column("against", numeric=False),
        *(Column(label) for label in labels),
    )


def row(found: Evidence) -> tuple[Entry, ...]:
    """Set one planned comparison's row."""
    needed = found.needed.n if found.needed else None
    return (
        *figures(found),
        Entry(integer(needed)),
        Entry(found.verdict, strong=found.separated),
    )


def figures(found: Evidence) -> tuple[Entry, ...]:
    """Set the names and figures of a comparison."""
    test, wins = found.test, found.superiority
    shown = NOTHING
    if found.withheld and not found.reason:
        shown = "withheld"
    elif math.isfinite(test.low):
        shown = " to ".join(difference(found.metric, end) for end in (test.low, test.high))
    between = NOTHING
    if math.isfinite(wins.low):
        between = f"{number(wins.low, 2)} to {number(wins.high, 2)}"
    return (
        Entry(found.method, name=True),
        Entry(found.other, name=True),
        Entry(difference(found.metric, test.difference)),
        Entry(shown),
        Entry(p_value(test.p, found.rules.alpha)),
        Entry(p_value(found.adjusted, found.rules.alpha)),
        Entry(number(wins.probability, 2), below=between),
    )


def caption(table: Table) -> str:
    """Say what was tested, on what, and which corrections were made."""
    first = max(table.evidence, key=lambda found: found.test.seeds)
    rules = first.rules
    compared = {
        "baseline": f"every method against the baseline {first.other}",
        "pairs": "every two methods",
    }[rules.family]
    text = (
        f"For new seeds and new speakers, {captions.head(table)}: {compared} "
        f"on their common seeds ({tested(first)}). {how(first)} Holm over "
        f"{count(len(table.evidence), 'comparison')}, the family that the plan fixed; the verdict "
        f"is at a corrected p < {rules.alpha:g}. {equal(first)}P(better): on a new speaker and a "
        "new seed, with its 95 % interval; .75 is a meaningful difference (Bouthillier et al., "
        "2021)."
    )
    if table.looks is not None:
        text += (
            " Seeds were added in looks: better and worse are said of what all looks together "
            "tell apart for new speakers at this level, and not of this p, whose time was chosen."
        )
    if any(found.needed for found in table.evidence):
        text += (
            " Seeds needed: for 80 % power at the effect that was seen, on these same speakers; "
            "more seeds never settle what other speakers would do."
        )
    return text + withheld(table.evidence)


def tested(found: Evidence) -> str:
    """On how many seeds and speakers, in which design."""
    design = {"crossed": "crossed", "redrawn": "re-drawn"}[found.design]
    seeds, speakers = count(found.test.seeds, "seed"), count(found.test.speakers, "test speaker")
    return f"{seeds}, {speakers}; {design} design"


def how(found: Evidence) -> str:
    """What is estimated, and by which test and interval."""
    what = {
        "crossed": "of each seed over all test examples, averaged over seeds",
        "redrawn": "of each speaker, averaged over the seeds that tested it and then over speakers",
    }[found.design]
    return (
        f"The difference is that in {found.metric.label} {what}; it is above zero where the method "
        "is the better one. p and interval are of one test: two-sided t on the two-way jackknife "
        f"variance of that difference, so that p < {found.rules.alpha:g} exactly where the "
        "interval, which is not corrected, leaves zero out."
    )


def equal(found: Evidence) -> str:
    """What practically equal means, where the metric has points."""
    if found.metric.scale != 100.0:
        return ""
    rules = found.rules
    return (
        f"Practically equal: the {100 - 200 * rules.alpha:g} % interval lies within "
        f"{100 * rules.margin:g} points of zero (two one-sided tests). "
    )


def withheld(found: Iterable[Evidence]) -> str:
    """Why intervals are withheld, if any are."""
    reasons = {one.withheld for one in found if not one.reason} - {None}
    return f" Withheld: {'; '.join(sorted(str(r) for r in reasons))}." if reasons else ""
