"""The table of variance shares, and what this design cannot tell apart."""

from __future__ import annotations

import math

from . import captions
from .collect import Table
from .formatting import NOTHING, count, number
from .grids import Column, Entry, Grid
from .predictions import SCORES
from .variance import FEWEST, VarianceShares


def grid(table: Table) -> Grid | None:
    """Shares of each method's variance, and of its difference to the baseline's."""
    found = table.variance
    if found is None:
        return None
    gains = any(spread.gains is not None for spread in found.spreads)
    head = [Column("method", False), *columns("")]
    if gains:
        head += columns("difference: ")
    rows = []
    for spread in found.spreads:
        entries = [Entry(spread.method, name=True), *shares(spread.scores, found.metric.scale)]
        if gains:
            entries += shares(spread.gains, found.metric.scale)
        rows.append(tuple(entries))
    return Grid(f"{table.anchor}-variance", caption(table), tuple(head), tuple(rows))


def reason(table: Table) -> str:
    """Why there are no shares, where there are none."""
    if table.primary.key not in SCORES:
        return f"{table.primary.label} does not add up over speakers"
    return f"they take {FEWEST} seeds and {FEWEST} speakers with predictions that can be read"


def columns(what: str) -> list[Column]:
    """The heads of one set of components."""
    return [Column(f"{what}{name}") for name in ("sd", "seed, %", "speaker, %", "rest, %")]


def shares(found: VarianceShares | None, scale: float) -> list[Entry]:
    """Set standard deviation and shares; a share that is not identified is a dash."""
    if found is None:
        return [Entry(NOTHING)] * 4
    known = [x for x in found.estimates if math.isfinite(x)]
    total = math.sqrt(sum(max(x, 0.0) for x in known)) if known else math.nan
    percent = [Entry(number(100 * share, 0)) for share in found.shares]
    return [Entry(number(total * scale, 1 if scale == 100 else 3)), *percent]


def caption(table: Table) -> str:
    """Say what was parted, and what this design leaves together."""
    found = table.variance
    assert found is not None
    together = {
        "crossed": (
            "A seed draws initialisation, order of the data and dropout at once, so that this "
            "design does not tell them apart: each makes at most the seed's share, and what it "
            "does to single speakers is in the rest; the split is the same for every seed, so that "
            "its share is not in these figures at all."
        ),
        "redrawn": (
            "A seed draws initialisation, order of the data, dropout and the split at once, so "
            "that this design does not tell them apart: each makes at most the seed's share, and "
            "what it does to single speakers is in the rest; who was drawn to be tested is in the "
            "speaker's share."
        ),
    }[found.design]
    text = (
        f"Where the spread comes from, {captions.head(table)}: shares of the variance of the "
        f"{found.metric.label} of single speakers in single seeds (up to "
        f"{count(found.seeds, 'seed')} and {count(found.speakers, 'speaker')}), of each method"
    )
    if found.baseline is not None:
        text += f" and of its differences to the baseline {found.baseline}"
    return (
        f"{text}; sd is the standard deviation of such a score, in {found.metric.unit}. Rest: "
        "what seed and speaker do only together, and the chance of few examples. Unbiased "
        f"components (Rao, 1971), those below zero cut off; from {FEWEST} seeds and speakers on. "
        f"{together}"
    )
