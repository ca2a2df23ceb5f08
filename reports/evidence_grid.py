"""The table of the comparisons that the plan fixed, with its caption."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..benchmark.statistics.coverage import LEAST_COVERAGE
from ..benchmark.statistics.superiority import FEWEST
from ..benchmark.statistics.wording import percent
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
    between = "withheld" if math.isfinite(wins.probability) else NOTHING
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
    new = "a new seed" if first.scope == "seeds" else "a new speaker and a new seed"
    verdict = "" if table.looks else f"; the verdict is at a corrected p < {rules.alpha:g}"
    fewer = len({found.test.seeds for found in table.evidence if not found.reason}) > 1
    seeds = f"{'up to ' if fewer else ''}{tested(first)}"
    text = (
        f"{capital(first.holds_for)}, {captions.head(table)}: {compared} "
        f"on their common seeds ({seeds}). {how(first)} {correction(table)}{verdict}. "
        f"{equal(first)}P(better): on {new}, with its "
        "95 % interval; .75 is a meaningful difference (Bouthillier et al., 2021)."
    )
    if table.looks is not None:
        text += (
            " Seeds were added in looks: better and worse are said of what all looks together "
            f"tell apart {first.holds_for} at {rules.alpha:g}, and not of this p, whose time was "
            "chosen; the interval is that of a single look."
        )
    if any(found.needed for found in table.evidence):
        text += (
            f" Seeds needed: for 80 % power at p < {rules.alpha:g}, not corrected, if the effect "
            "on these same speakers is the one that was seen, which these few seeds leave "
            "uncertain; more seeds never settle what other speakers would do."
        )
    return text + withheld(table.evidence)


def capital(text: str) -> str:
    """Begin a sentence."""
    return text[:1].upper() + text[1:]


def correction(table: Table) -> str:
    """Say what the p-values of the plan's comparisons are corrected over."""
    family, here = table.family, len(table.evidence)
    if family.tests == here:
        text = f"Holm over {count(here, 'comparison')}, the family that the plan fixed"
    else:
        text = (
            f"Holm over {count(family.tests, 'comparison')}, the family that the plan fixed on "
            f"{count(family.datasets, 'dataset')}, of which {here} {are(here)} here"
        )
    if family.unrecorded:
        text += f" and {family.unrecorded} {are(family.unrecorded)} without any record of a method"
    untested = sum(math.isnan(found.adjusted) for found in table.evidence)
    return text + (f"; {untested} here cannot be tested, and count" if untested else "")


def are(number: int) -> str:
    return "is" if number == 1 else "are"


def tested(found: Evidence) -> str:
    """On how many seeds and speakers, in which design."""
    design = {"crossed": "crossed", "redrawn": "re-drawn"}[found.design]
    parts = [count(found.test.seeds, "seed")]
    if found.scope == "speakers":
        parts.append(count(found.test.speakers, "test speaker"))
    return f"{', '.join(parts)}; {design} design"


def how(found: Evidence) -> str:
    """What is estimated, and by which test and interval."""
    what = {
        "crossed": "of each seed over all test examples, averaged over seeds",
        "redrawn": "of each speaker, averaged over the seeds that tested it and then over speakers",
    }[found.design]
    why = ""
    if found.scope == "seeds":
        what = "of each seed over all test examples, averaged over seeds"
        why = f"{found.metric.label} does not add up over speakers: other speakers are not tested. "
    return (
        f"The difference is that in {found.metric.label} {what}; it is above zero where the method "
        f"is the better one. {why}p and interval are of one test: two-sided {test(found)}, so that "
        f"p < {found.rules.alpha:g} exactly where the interval, which is not corrected, leaves "
        "zero out."
    )


def test(found: Evidence) -> str:
    """Name the test."""
    if found.scope == "seeds":
        return "paired t over seeds"
    return "t on the two-way jackknife variance of that difference"


def equal(found: Evidence) -> str:
    """What practically equal means, where the metric has points."""
    if found.metric.scale != 100.0:
        return ""
    rules = found.rules
    return (
        f"Practically equal: the {100 - 200 * rules.alpha:g} % interval lies within "
        f"{points(rules.margin)} of zero (two one-sided tests, "
        "not corrected). "
    )


def points(margin: float) -> str:
    """Write half the width of the region of practical equivalence."""
    return f"{100 * margin:g} point{'' if margin == 0.01 else 's'}"


def withheld(found: Iterable[Evidence]) -> str:
    """Why intervals are withheld, if any are."""
    shown = [one for one in found if not one.reason]
    reasons = {one.withheld for one in shown} - {None}
    wins = [one.superiority for one in shown if math.isfinite(one.superiority.probability)]
    if any(math.isnan(one.low) for one in wins):
        reasons.add(
            f"the interval of P(better) covers less than {percent(LEAST_COVERAGE)} where there are "
            f"fewer than {FEWEST} seeds or speakers"
        )
    return f" Withheld: {'; '.join(sorted(str(r) for r in reasons))}." if reasons else ""
