"""Tables as any kind of page can set them: a caption, columns, and rows of formatted entries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from . import captions
from .collect import Table
from .comparisons import Comparison
from .details import PerClass
from .formatting import NOTHING, difference, integer, number, p_value, ranges, value
from .gaps import Gaps
from .metrics import Metric
from .provenance import Built, Fact
from .standings import Estimate


@dataclass(frozen=True)
class Entry:
    """One entry: a text, perhaps its spread beside it and an interval or remark below it.

    ``sort`` is the number that a page sorts by, where the text is not a formatted
    :class:`.formatting.Number`, which knows it.
    """

    text: str = ""
    beside: str = ""
    below: str = ""
    strong: bool = False
    name: bool = False
    sort: float | None = None

    @property
    def order(self) -> str:
        """The number to sort by as a page holds it; empty where none is known."""
        known = getattr(self.text, "value", None) if self.sort is None else self.sort
        return f"{known:.6g}" if known is not None and math.isfinite(known) else ""


@dataclass(frozen=True)
class Column:
    """A column's head; the first column of a grid heads its rows.

    ``choice`` says by what a reader may leave the column out: ``metric`` or ``method``.
    """

    label: str
    numeric: bool = True
    choice: str = ""


@dataclass(frozen=True)
class Grid:
    """A table that is ready to be set; ``foot`` rows stand apart from the others."""

    anchor: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    foot: tuple[tuple[Entry, ...], ...] = ()

    @property
    def spreads(self) -> tuple[bool, ...]:
        """Which columns have something beside a number, for which the others leave room."""
        return tuple(any(row[i].beside for row in self.rows) for i in range(len(self.columns)))


def estimated(metric: Metric, estimate: Estimate, strong: bool = False) -> Entry:
    """Set a mean with standard deviation and interval, where it has one; of one seed the value."""
    interval = estimate.interval
    if not math.isfinite(interval.sd):
        return Entry(value(metric, estimate.mean), strong=strong)
    ends = ""
    if math.isfinite(interval.low):
        ends = " to ".join(value(metric, x) for x in metric.ends(interval.low, interval.high))
    return Entry(value(metric, estimate.mean), f"± {value(metric, interval.sd)}", ends, strong)


def leaderboard(table: Table) -> Grid:
    """All methods, best first, with the levels that need no method at the foot."""
    best = {metric.key: leaders(table, metric) for metric in table.metrics}
    head = [Column("method", numeric=False)]
    ranks = {row.label: rank_of(table, row.label) for row in table.standings}
    if any(ranks.values()):
        head.append(Column("rank"))
    head.append(Column("seeds"))
    at = len(head)
    head += [Column(metric.label, choice="metric") for metric in table.metrics]
    if table.has_ceiling:
        head += [Column("share of own ceiling, %"), Column("share of full ceiling, %")]
    head.append(Column("parameters"))
    rows = []
    for row in table.standings:
        remark = "baseline" if row.baseline else ""
        entries = [Entry(row.label, below=remark, name=True)]
        if any(ranks.values()):
            first = table.pairs.rank(row.label) if table.pairs else None
            entries.append(Entry(ranks[row.label] or NOTHING, sort=first[0] if first else None))
        entries.append(Entry(f"{row.done}/{row.asked}", sort=row.done))
        entries += [
            estimated(m, row.estimates[m.key], row.label in best[m.key]) for m in table.metrics
        ]
        if table.has_ceiling:
            entries += [Entry(number(100 * s, 1)) for s in (row.share_own, row.share_all)]
        entries.append(Entry(integer(row.parameters)))
        rows.append(tuple(entries))
    at += table.metrics.index(table.levelled)
    foot = tuple(level(name, text, at, len(head)) for name, text in levels(table))
    anchor = f"{table.anchor}-leaderboard"
    return Grid(anchor, captions.leaderboard(table), tuple(head), tuple(rows), foot)


def leaders(table: Table, metric: Metric) -> set[str]:
    """Return the methods with the best mean, where there is more than one to choose from."""
    known = [row for row in table.standings if row.estimates[metric.key].known]
    if len(known) < 2:
        return set()
    means = [row.estimates[metric.key].mean for row in known]
    best = max(means) if metric.higher else min(means)
    return {row.label for row, mean in zip(known, means, strict=True) if mean == best}


def levels(table: Table) -> Iterable[tuple[str, Entry]]:
    """Yield chance and ceiling with their names."""
    metric = table.levelled
    if table.chance.known:
        constant = "one constant answer" if table.kind == "classification" else "the training mean"
        yield f"chance: {constant}", Entry(value(metric, table.chance.mean))
    if table.has_ceiling:
        exact = value(metric, table.ceiling_exact)
        closed = "" if exact == NOTHING else f" (in closed form {exact})"
        yield f"ceiling: oracle of all modalities{closed}", Entry(value(metric, table.ceiling))


def rank_of(table: Table, method: str) -> str:
    """The ranks that the pairwise tests leave to a method: ``1``, ``2–5``; empty without tests."""
    if table.pairs is None or not table.pairs.tested:
        return ""
    ranks = table.pairs.rank(method)
    return "" if ranks is None else ranges(range(ranks[0], ranks[1] + 1))


def level(name: str, entry: Entry, at: int, width: int) -> tuple[Entry, ...]:
    """Put a level under the measure that it speaks about."""
    return (Entry(name), *(entry if i == at else Entry() for i in range(1, width)))


def tests(table: Table) -> Grid | None:
    """The papers' tests against the baseline, and of the best fusion against one modality."""
    single = table.single
    shown = [*table.comparisons]
    if single and (single.method, single.other) not in {(c.method, c.other) for c in shown}:
        shown.append(single)
    if not shown:
        return None
    labels = ("against", "n", f"difference, {table.primary.unit}", "95 % interval", "t", "p")
    head = (
        Column("method", numeric=False),
        *(Column(label, numeric=label != "against") for label in labels),
        Column("p < .05, not corrected", numeric=False),
    )
    rows = tuple(tested(comparison, comparison is single) for comparison in shown)
    return Grid(f"{table.anchor}-tests", captions.tests(table), head, rows)


def tested(comparison: Comparison, best: bool) -> tuple[Entry, ...]:
    """Set one test's row."""
    test, metric = comparison.test, comparison.metric
    interval = "withheld" if comparison.withheld else NOTHING
    if math.isfinite(test.low):
        interval = f"{difference(metric, test.low)} to {difference(metric, test.high)}"
    return (
        Entry(comparison.method, below="best fusion" if best else "", name=True),
        Entry(comparison.other, below="best single modality" if best else "", name=True),
        Entry(integer(test.n)),
        Entry(difference(metric, test.difference)),
        Entry(interval),
        Entry(number(test.statistic, 2)),
        Entry(p_value(test.p)),
        Entry(comparison.outcome),
    )


def absences(table: Table) -> Grid | None:
    """The score with each modality absent, and what its absence costs."""
    if not table.absences:
        return None
    metric = table.levelled
    names = list(dict.fromkeys(m for row in table.absences for m in row.absent))
    head = (Column("method", numeric=False), Column("all present"))
    rows = []
    for row in table.absences:
        entries = [Entry(row.method, name=True), replace(estimated(metric, row.whole), below="")]
        for name in names:
            estimate = row.absent.get(name)
            if estimate is None:
                entries.append(Entry(NOTHING))
                continue
            change = value(metric, estimate.mean - row.whole.mean, sign=True)
            entries.append(replace(estimated(metric, estimate), below=change))
        rows.append(tuple(entries))
    columns = (*head, *(Column(f"without {name}") for name in names))
    return Grid(f"{table.anchor}-absent", captions.absences(table), columns, tuple(rows))


def per_class(table: Table) -> tuple[Grid, ...]:
    """F1 and recall of each class, a column for each method."""
    found = table.classes
    if found is None:
        return ()
    return tuple(
        Grid(
            f"{table.anchor}-{key}",
            captions.per_class(table, what),
            (
                Column("class", numeric=False),
                Column("examples"),
                *(Column(method, choice="method") for method in found.methods),
            ),
            class_rows(found, shares),
        )
        for key, what, shares in (("f1", "F1", found.f1), ("recall", "Recall", found.recall))
    )


def class_rows(found: PerClass, shares: np.ndarray) -> tuple[tuple[Entry, ...], ...]:
    """A row for each class, its best method in bold."""
    rows = []
    for i, name in enumerate(found.classes):
        column = shares[:, i]
        known = column[np.isfinite(column)]
        best = known.max() if len(column) > 1 and len(known) else math.inf
        support = found.support[i]
        digits = 0 if float(support).is_integer() else 1
        entries = [Entry(name, name=True), Entry(number(support, digits))]
        entries += [Entry(number(100 * s, 1), strong=bool(s == best)) for s in column]
        rows.append(tuple(entries))
    return tuple(rows)


def worst(table: Table) -> Grid | None:
    """The most frequent confusions of the best method."""
    if not table.confusions or not table.confusions[0].worst:
        return None
    first = table.confusions[0]
    head = (Column("true class", False), Column("answer", False), Column("share, %"))
    rows = tuple(
        (Entry(true, name=True), Entry(said, name=True), Entry(number(100 * share, 1)))
        for true, said, share in first.worst
    )
    caption = (
        f"The most frequent confusions of {first.method}, {captions.head(table)}: share of the "
        "true class's examples, averaged over seeds."
    )
    return Grid(f"{table.anchor}-worst", caption, head, rows)


def missing(gaps: Gaps) -> Grid | None:
    """Planned seeds without a record."""
    if not gaps.missing:
        return None
    head = (Column("method", False), Column("dataset", False), Column("seeds"))
    rows = tuple(
        (Entry(m.method, name=True), Entry(m.dataset, name=True), Entry(ranges(m.seeds)))
        for m in gaps.missing
    )
    caption = (
        f"Planned and not there: {gaps.missing_cells} of {gaps.planned_cells} cells have no "
        "record. Another run of the same plan does them."
    )
    if gaps.unnamed_cells:
        caption += f" {gaps.unnamed_cells} of them are of methods without any record."
    return Grid("missing-table", caption, head, rows)


def failures(gaps: Gaps) -> Grid | None:
    """Cells that did not end well, alike ones together."""
    if not gaps.failures:
        return None
    labels = ("method", "dataset", "where", "what happened", "error")
    rows = tuple(
        (
            Entry(f.method, name=True),
            Entry(f.dataset, name=True),
            Entry(f.where),
            Entry(f.reason),
            Entry(f.error),
        )
        for f in gaps.failures
    )
    caption = "Cells that did not end well; those of a method that ended in the same way together."
    return Grid(
        "failures-table", caption, tuple(Column(label, numeric=False) for label in labels), rows
    )


def methods(built: Sequence[Built]) -> Grid | None:
    """Each method's whole configuration and the digest of its code."""
    if not built:
        return None
    head = (Column("method", False), Column("code", False), Column("configuration", False))
    rows = tuple(
        (
            Entry(one.method, name=True),
            Entry(", ".join(one.digests)),
            Entry(one.settings),
        )
        for one in built
    )
    caption = (
        "Methods: digests of the code, which includes the dataset's (one for each dataset), and "
        "the whole configuration."
    )
    return Grid(
        "provenance-methods",
        caption,
        head,
        rows,
    )


def facts(anchor: str, caption: str, shown: Sequence[Fact]) -> Grid | None:
    """Properties of the records; where a property has several values, in how many records each."""
    if not shown:
        return None
    rows = tuple(
        (
            Entry(fact.name),
            Entry(
                "; ".join(
                    f"{text} ({n} records)" if fact.mixed else text for text, n in fact.values
                ),
                strong=fact.mixed,
            ),
        )
        for fact in shown
    )
    return Grid(anchor, caption, (Column("property", False), Column("value", False)), rows)
