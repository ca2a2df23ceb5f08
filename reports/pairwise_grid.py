"""The pairwise matrix and the long table below it."""

from __future__ import annotations

from dataclasses import dataclass

from . import captions
from .collect import Table
from .evidence import Evidence
from .evidence_grid import columns, correction, equal, figures, how, tested, withheld
from .formatting import NOTHING, value
from .grids import Column, Entry, Grid

MARKS = {"better": "▲", "worse": "▼", "practically equal": "=", "not separated": "·"}
MANY = 14  # methods from which the matrix is set narrowly


@dataclass(frozen=True)
class Cell:
    """One pair in the matrix: its row's method against its column's."""

    row: str
    column: str
    effect: str
    mark: str
    kind: str
    verdict: str
    sentence: str


@dataclass(frozen=True)
class Matrix:
    """The pairs of a table; ``rows`` hold None on the diagonal."""

    anchor: str
    caption: str
    methods: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]

    @property
    def dense(self) -> bool:
        """Whether there are too many methods for cells of the usual size."""
        return len(self.methods) > MANY


def matrix(table: Table) -> Matrix | None:
    """Set the matrix; None where there is no pair."""
    found = table.pairs
    if found is None:
        return None
    rows = tuple(
        (method, tuple(cell(found.pairs.get((method, other))) for other in found.methods))
        for method in found.methods
    )
    return Matrix(f"{table.anchor}-matrix", caption(table, found.first), found.methods, rows)


def cell(found: Evidence | None) -> Cell | None:
    """Set one pair."""
    if found is None:
        return None
    verdict = found.verdict
    kind = verdict.replace(" ", "-") if verdict in MARKS else "untested"
    effect = value(found.metric, found.test.difference, sign=True)
    return Cell(
        found.method,
        found.other,
        "" if effect == NOTHING else effect,
        MARKS.get(verdict, "?"),
        kind,
        f"{found.method} against {found.other}: {verdict}",
        found.sentence,
    )


def long(table: Table) -> Grid | None:
    """Every pair once, the better one first, the surest at the top."""
    found = table.pairs
    if found is None:
        return None
    listed = [
        found.pairs[a, b]
        for i, a in enumerate(found.methods)
        for b in found.methods[i + 1 :]
        if (a, b) in found.pairs
    ]
    listed.sort(key=lambda e: (e.test.p != e.test.p, e.test.p))
    head = (
        *columns(listed[0]),
        Column("family", numeric=False),
        Column("verdict", numeric=False),
    )
    rows = tuple(
        (
            *figures(one),
            Entry("planned" if one.confirmatory else "exploratory"),
            Entry(one.verdict, strong=one.separated),
        )
        for one in listed
    )
    text = (
        f"Every two methods, {captions.head(table)}, by p: the figures behind the matrix above, "
        "which says how they are made."
    )
    return Grid(f"{table.anchor}-pairs", text, head, rows)


def caption(table: Table, first: tuple[str, ...]) -> str:
    """Say what the cells hold, which test stands behind them, and how it is corrected."""
    assert table.pairs is not None
    pairs = [e for (a, b), e in table.pairs.pairs.items() if a < b]
    most = max(pairs, key=lambda found: found.test.seeds)
    rules = most.rules
    planned = sum(found.confirmatory for found in pairs)
    families = []
    if planned:
        families.append(correction(table))
    if planned < len(pairs):
        others = len(pairs) - planned
        apart = f"over the {others} others here" if planned else f"over {others} pairs"
        families.append(f"Holm {apart}, which are exploratory")
    spread = f" ({100 * (1 - len(families) * rules.alpha):g} % confidence for all ranks at once)"
    made = "Test as in the table above." if table.evidence else f"{how(most)} {equal(most)}".strip()
    text = (
        f"Every two methods, {captions.head(table)}: the row's method against the column's, in "
        f"{table.primary.label} ({most.metric.unit}), {most.holds_for} "
        f"({tested(most)}). ▲ the row is better, ▼ worse, = practically equal, · not separated, "
        f"? cannot be tested. {made} {'; apart from these '.join(families)}; verdicts at a "
        f"corrected p < {rules.alpha:g}. "
    )
    if table.pairs.tested:
        text += f"Not shown to be worse than any: {', '.join(first)}{spread}."
    return text.rstrip() + withheld(pairs)
