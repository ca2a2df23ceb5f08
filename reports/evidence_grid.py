"""The table of what holds for new seeds and new speakers, with its caption."""

from __future__ import annotations

import math

from . import captions
from .collect import Table
from .evidence import Evidence
from .formatting import NOTHING, count, difference, number, p_value
from .grids import Column, Entry, Grid


def grid(table: Table) -> Grid | None:
    """The plan's family of comparisons; None where there is nothing to compare."""
    if not table.evidence:
        return None
    labels = (f"difference, {table.primary.unit}", "95 % interval", "p", "p (Holm)",
              "P(better)", "seeds needed")  # fmt: skip
    head = (
        Column("method", numeric=False),
        Column("against", numeric=False),
        *(Column(label) for label in labels),
        Column("verdict", numeric=False),
    )
    rows = tuple(row(found) for found in table.evidence)
    return Grid(f"{table.anchor}-evidence", caption(table), head, rows)


def row(found: Evidence) -> tuple[Entry, ...]:
    """Set one method's row."""
    interval, wins = found.interval, found.superiority
    shown = NOTHING
    if interval.withheld and not found.reason:
        shown = "withheld"
    elif math.isfinite(interval.low):
        ends = (difference(found.metric, end) for end in (interval.low, interval.high))
        shown = " to ".join(ends)
    between = NOTHING
    if math.isfinite(wins.low):
        between = f"{number(wins.low, 2)} to {number(wins.high, 2)}"
    needed = found.needed.n if found.needed else None
    return (
        Entry(found.method, name=True),
        Entry(found.other, name=True),
        Entry(difference(found.metric, interval.difference)),
        Entry(shown),
        Entry(p_value(found.test.p)),
        Entry(p_value(found.adjusted)),
        Entry(number(wins.probability, 2), below=between),
        Entry(NOTHING if needed is None else f"{needed:,}"),
        Entry(found.verdict, strong=found.verdict in ("better", "worse")),
    )


def caption(table: Table) -> str:
    """Say what was tested, on what, and which corrections were made."""
    first = max(table.evidence, key=lambda found: found.interval.seeds)
    metric, rules = table.primary, first.rules
    compared = {
        "baseline": f"every method against the baseline {first.other}",
        "pairs": "every two methods",
    }[rules.family]
    seeds, speakers = first.interval.seeds, first.interval.speakers
    how = {
        "t": "by t on the two-way jackknife",
        "percentile": "by the paired bootstrap of seeds and speakers",
    }[first.interval.kind]
    text = (
        f"For new seeds and new speakers, {captions.head(table)}: {compared} "
        f"on their common seeds ({count(seeds, 'seed')}, "
        f"{count(speakers, 'test speaker')}; {first.interval.design} design). The difference in "
        f"{metric.label}, above zero where the method is the better one, has an interval {how}. p: "
        f"two-sided t with both sources of chance, on the differences of each speaker's own "
        f"{metric.label}; Holm over {count(len(table.evidence), 'comparison')}, which is the "
        f"verdict's (p < {rules.alpha:g}). Practically equal: the "
        f"{100 - 200 * rules.alpha:g} % interval lies within {100 * rules.margin:g} points of zero "
        "(two one-sided tests). P(better): on a new speaker and a new seed, with its 95 % "
        "interval; .75 is a meaningful difference (Bouthillier et al., 2021)."
    )
    if any(found.needed for found in table.evidence):
        text += (
            " Seeds needed: for 80 % power at the effect that was seen, on these same speakers; "
            "more seeds never settle what other speakers would do."
        )
    reasons = {f.interval.withheld for f in table.evidence if not f.reason} - {None}
    if reasons:
        text += f" Withheld: {'; '.join(sorted(str(r) for r in reasons))}."
    return text
