"""The table of published results beside ours."""

from __future__ import annotations

from . import captions
from .collect import Table
from .formatting import NOTHING, value
from .grids import Column, Entry, Grid
from .published import Published


def grid(table: Table) -> Grid | None:
    """Published results of the table's dataset; None where none is known."""
    if not table.published:
        return None
    keys = {key for entry in table.published for key in entry.metrics}
    metrics = [metric for metric in table.metrics if metric.key in keys]
    if not metrics:
        return None
    head = [Column("system", False)]
    for metric in metrics:
        head += [Column(metric.label), Column("ours")]
    head += [Column("comparable", False), Column("protocol", False), Column("source", False)]
    rows = []
    for entry in table.published:
        ours = next((row for row in table.measured if row.label == entry.method), None)
        entries = [Entry(entry.system, below=f"here {entry.method}" if ours else "")]
        for metric in metrics:
            estimate = ours.estimates[metric.key] if ours else None
            entries.append(Entry(value(metric, entry.metrics.get(metric.key))))
            entries.append(Entry(value(metric, estimate.mean) if estimate else NOTHING))
        rows.append((*entries, verdict(entry, table), Entry(entry.protocol), Entry(entry.source)))
    text = (
        f"Published results on {table.dataset}, and ours of the same method, {captions.head(table)}"
        f"{' in per cent' if metrics[0].scale == 100 else ''}. Where the protocol or the inputs "
        "differ a comparison says nothing; where they do not, splits, features and machines are "
        "still others'."
    )
    return Grid(f"{table.anchor}-published", text, tuple(head), tuple(rows))


def verdict(entry: Published, table: Table) -> Entry:
    """Say whether ours compare with a published result."""
    why = entry.apart(table.settings)
    return Entry(f"not comparable: {why}", strong=True) if why else Entry("same protocol")
