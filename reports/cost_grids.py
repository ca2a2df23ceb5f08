"""Costs as tables: every quantity at every length, how each grows, and costs beside one result."""

from __future__ import annotations

from collections.abc import Iterator

from ..benchmark.cost.rows import Row
from ..benchmark.cost.units import prefixed
from .costs import Costs
from .formatting import NOTHING, count, integer, number
from .grids import Column, Entry, Grid

SHOWN = {
    "flops": "FLOPs",
    "predicted": "Predicted peak memory",
    "memory": "Measured peak memory",
    "latency": "Median latency",
}
WORK = {"inference": "inference", "training": "a training step"}
MARKS = {
    "extended": "counted at short lengths and continued by the recurrence",
    "uncounted": "operators without a formula: too small, not ranked",
    "unsettled": "interquartile range over a tenth of the median",
}
STATUS = {"memory": "memory limit", "timeout": "time limit", "failed": "failed",
          "crashed": "crashed"}  # fmt: skip


def grids(costs: Costs) -> Iterator[Grid]:
    """Yield a table for each quantity and pass; at a single length one for all of them."""
    if len(costs.lengths) == 1:
        yield beside(costs)
        return
    for quantity, title in SHOWN.items():
        for work, what in WORK.items():
            for batch in costs.batches:
                found = costs.find(quantity, work, batch)
                if found:
                    caption = f"{title} of {what}, {count(batch, 'example')}, {costs.title}."
                    anchor = f"{costs.anchor}-{quantity}-{work}-{batch}"
                    yield by_length(costs, quantity, work, batch, anchor, caption)


def by_length(
    costs: Costs, quantity: str, work: str, batch: int, anchor: str, caption: str
) -> Grid:
    """One quantity: methods by lengths, and the slope over the upper half of the lengths."""
    found = costs.find(quantity, work, batch)
    head = [Column("method", numeric=False)]
    for length in costs.lengths:
        seconds = costs.seconds.get(length)
        after = f" ({seconds:.3g} s)" if seconds else ""
        head.append(Column(f"{integer(length)}{after}"))
    head += [Column("slope"), Column("slope at the longest")]
    place = (quantity, work, batch)
    grown = {g.method: g for g in costs.growths if (g.quantity, g.work, g.batch) == place}
    rows = []
    for method in ordered(costs, quantity, work, batch):
        growth = grown.get(method)
        own = found.get(method, {})
        entries = [Entry(method, name=True), *(entry(own.get(n)) for n in costs.lengths)]
        if growth is None:
            entries += [Entry(NOTHING), Entry(NOTHING)]
        else:
            spread = (
                "" if growth.low is None else f"{number(growth.low, 2)} to {number(growth.high, 2)}"
            )
            entries += [
                Entry(number(growth.slope, 2), below=spread),
                Entry(number(growth.local, 2)),
            ]
        rows.append(tuple(entries))
    text = (
        f"{caption} Slope: exponent of the length over the upper half of the lengths"
        + (", with its 95 % bootstrap interval." if quantity == "latency" else ".")
        + remarks(row for own in found.values() for row in own.values())
    )
    return Grid(anchor, text, tuple(head), tuple(rows))


def ordered(costs: Costs, quantity: str, work: str, batch: int) -> list[str]:
    """Order methods by their value at the longest length; what has none there comes last."""
    found = costs.find(quantity, work, batch)

    def place(method: str) -> tuple[bool, bool, float]:
        row = found[method].get(costs.lengths[-1])
        missing = row is None or row.value is None
        uncounted = any(r.mark == "uncounted" for r in found[method].values())
        return uncounted, missing, 0.0 if row is None else float(row.value or 0.0)

    return sorted(found, key=place)


def entry(row: Row | None) -> Entry:
    """Set a value with its mark, or the limit that was broken."""
    if row is None:
        return Entry(NOTHING)
    if row.value is None:
        return Entry(STATUS.get(row.status, row.status))
    interval = ""
    if row.low is not None and row.high is not None:
        interval = f"{number(row.low, 2)} to {number(row.high, 2)}"
    remark = row.mark if row.mark in MARKS else ""
    return Entry(said(row), below="; ".join(filter(None, (interval, remark))), sort=row.value)


def said(row: Row) -> str:
    """Write a value with its unit; a ratio and a rate without a prefix."""
    value = row.value or 0.0
    return number(value, 2) if row.unit in ("", "examples/s") else prefixed(value, row.unit)


def remarks(rows: Iterator[Row]) -> str:
    """Explain the marks that occur."""
    seen = {row.mark for row in rows}
    return "".join(f" {mark.capitalize()}: {text}." for mark, text in MARKS.items() if mark in seen)


def beside(costs: Costs) -> Grid:
    """All quantities at one length: a row a method."""
    first, last = costs.batches[0], costs.batches[-1]
    several = [
        ("flops", "inference", first, "FLOPs, inference"),
        ("flops", "training", last, "FLOPs, training step"),
        ("predicted", "training", last, "predicted memory, training step"),
        ("memory", "training", last, "measured memory, training step"),
        ("latency", "inference", first, "median latency, inference"),
        ("latency p95", "inference", first, "p95"),
        ("latency", "training", last, "median latency, training step"),
    ]
    ratios = sorted({r.quantity for r in costs.rows if r.quantity.startswith("ratio to ")})
    several += [(name, "inference", first, f"latency {name}") for name in ratios]
    several.append(("energy", "inference", first, "energy, inference"))
    shown = [
        (label, costs.find(quantity, work, batch))
        for quantity, work, batch, label in several
        if costs.find(quantity, work, batch)
    ]
    length = costs.lengths[0]
    rows = [
        (
            Entry(method, name=True),
            *(entry(found.get(method, {}).get(length)) for _, found in shown),
        )
        for method in costs.methods
    ]
    text = (
        f"Cost beside the results, {costs.title}: inference on {count(first, 'example')}, a "
        f"training step on {last}. Input, at the longest example: {costs.inputs}."
    )
    if costs.machine:
        text += f" Measured on {costs.machine}, {count(costs.threads, 'thread')}."
    text += remarks(row for row in iter(costs.rows))
    head = (Column("method", numeric=False), *(Column(label) for label, _ in shown))
    return Grid(f"{costs.anchor}-beside", text, head, tuple(rows))
