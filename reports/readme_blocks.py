"""What a README shows of a store: a short leaderboard, several datasets, lengths, or costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..benchmark.contract.errors import UserError
from . import break_even, series_grids
from .captions import head, over_seeds, warnings
from .collect import Table, collect
from .figures import published_levels
from .formatting import integer, number, value
from .grids import Column, Entry, Grid, estimated, leaders
from .markdown import escaped, lines, say
from .series import Series, conclusion, series
from .verdicts import verdicts
from .wording import sentence


def block(store: Path) -> str:
    """Return what a README shows of a store.

    Of several lengths of one dataset the scores and what they say; of several datasets one table
    with a column each; else the short leaderboard with its paired tests. Of a store that holds
    costs alone, where its methods' costs cross.

    Raises
    ------
    UserError
        No such store, or one without a complete seed.
    """
    report = collect(store)
    tables = [table for table in report.tables if table.measured]
    if tables:
        several = series(report.tables, report.costs, report.lengths)
        if several:
            return "\n\n".join("\n\n".join(at_lengths(each)) for each in several)
        shown = datasets(tables) if len(tables) > 1 else paragraphs(tables[0])
        return "\n\n".join(shown)
    grid = break_even.grid(report.crossings) if report.crossings else None
    if grid is None:
        raise UserError(f"{store.name!r} holds no complete seed, so there is no table to show")
    return f"{escaped(grid.caption)}\n\n{lines(grid)}"


def paragraphs(table: Table) -> Iterator[str]:
    """Yield the caption, the table and what its tests say."""
    low, high = table.seeds
    seeds = f"{high} seeds" if low == high else f"{low} to {high} seeds"
    text = table.protocol.text if table.protocol else ""
    beside = over_seeds(table, seeds).removesuffix(".")
    parts = [head(table), beside[:1].lower() + beside[1:], text]
    yield f"{escaped('; '.join(filter(None, parts)))}."
    yield lines(short(table))
    for warning in warnings(table):
        yield f"**{escaped(warning)}**"
    for entry in published_levels(table):
        level = value(table.levelled, entry.metrics[table.levelled.key])
        said = f"{entry.system}: {table.levelled.label} {level} ({entry.protocol}; {entry.source})."
        yield escaped(said[0].upper() + said[1:])
    if any(row.estimates[table.primary.key].known for row in table.standings):
        said = " ".join(say(sentence(*each.parts)) for each in verdicts(table))
        yield from [said] if said else []


def short(table: Table) -> Grid:
    """Return the leaderboard's first measure, accuracy, parameters and seeds."""
    shown = list(dict.fromkeys((table.primary, table.levelled)))
    best = {metric.key: leaders(table, metric) for metric in shown}
    columns = ["method", *(metric.label for metric in shown), "parameters", "seeds"]
    rows = tuple(
        (
            Entry(row.label, name=True),
            *(estimated(m, row.estimates[m.key], row.label in best[m.key]) for m in shown),
            Entry(integer(row.parameters)),
            Entry(str(row.done)),
        )
        for row in table.measured
    )
    return Grid("", "", tuple(Column(c, numeric=c != "method") for c in columns), rows)


def datasets(tables: list[Table]) -> Iterator[str]:
    """Yield one table over several datasets: a method's score, and its share of the ceiling."""
    parts = []
    for table in tables:
        chance = f"chance {number(100 * table.chance.mean, 1)}" if table.chance.known else ""
        ceiling = f"ceiling {number(100 * table.ceiling, 1)}" if table.has_ceiling else ""
        levels = ", ".join(filter(None, (chance, ceiling)))
        low, high = table.seeds
        seeds = f"{low} seeds" if low == high else f"{low} to {high} seeds"
        parts.append(f"{table.title} ({'; '.join(filter(None, (levels, seeds)))})")
    size, metric = tables[0].size, tables[0].levelled
    yield escaped(
        f"{metric.label}, mean ± standard deviation over seeds, size {size}: {', '.join(parts)}."
    )
    columns = [Column("method", numeric=False)]
    for table in tables:
        columns.append(Column(table.title))
        if table.has_ceiling:
            columns.append(Column("share of ceiling, %"))
    order = list(dict.fromkeys(row.label for table in tables for row in table.measured))
    by_label = [{row.label: row for row in table.measured} for table in tables]

    def mean(label: str) -> float:
        found = [rows[label].estimates[metric.key].mean for rows in by_label if label in rows]
        return sum(found) / len(found)

    rows = []
    for label in sorted(order, key=mean, reverse=metric.higher):
        entries = [Entry(label, name=True)]
        for table, known in zip(tables, by_label, strict=True):
            row = known.get(label)
            entry = Entry("–") if row is None else estimated(metric, row.estimates[metric.key])
            entries.append(Entry(entry.text, entry.beside))
            if table.has_ceiling:
                entries.append(Entry("–" if row is None else number(100 * row.share_all, 1)))
        rows.append(tuple(entries))
    yield lines(Grid("", "", tuple(columns), tuple(rows)))


def at_lengths(shown: Series) -> Iterator[str]:
    """Yield scores and comparisons at every length, and what they say of each method."""
    scores, contrasts = series_grids.scores(shown), series_grids.contrasts(shown)
    yield escaped(scores.caption)
    yield lines(scores)
    if contrasts is not None:
        yield escaped(contrasts.caption)
        yield lines(contrasts)
    said = [conclusion(shown, method) for method in shown.contrasts]
    yield "\n".join(f"- {say(sentence(*each.parts))}" for each in said)
