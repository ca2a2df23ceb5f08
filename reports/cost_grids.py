"""Costs as tables: every quantity at every length, how each grows, and costs beside one result."""

from __future__ import annotations

from collections.abc import Iterator

from ..benchmark.cost.rows import Row
from ..benchmark.cost.units import prefixed
from .cost_setting import Setting
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
    "over": "predicted to break the memory limit",
    "foreseen": "predicted to break the limit, and not tried",
    "skipped": "not tried, for a shorter length broke the limit",
}
STATUS = {"memory": "memory limit", "timeout": "time limit", "failed": "failed",
          "crashed": "crashed"}  # fmt: skip
NO_METER = {
    "cpu": "meters are read through NVML alone, which knows NVIDIA GPUs",
    "cuda": "NVML could not be read: nvidia-ml-py is not installed, or the GPU has no meter",
}


def by_length(costs: Costs, quantity: str, work: str, batch: int, setting: Setting) -> Grid:
    """One quantity: methods by lengths, the slope over the upper half, and the declared order."""
    found = costs.find(quantity, work, batch, setting)
    head = [Column("method", numeric=False)]
    for length in costs.lengths:
        seconds = costs.seconds.get(length)
        after = f" ({seconds:.3g} s)" if seconds else ""
        head.append(Column(f"{integer(length)}{after}"))
    head += [Column("slope"), Column("slope at the longest")]
    place = (quantity, work, batch, setting)
    grown = {
        g.method: g for g in costs.growths if (g.quantity, g.work, g.batch, Setting.of(g)) == place
    }
    declared = any(growth.declared for growth in grown.values())
    if declared:
        head.append(Column("declared order", numeric=False))
    rows = []
    for method in ordered(costs, found):
        growth = grown.get(method)
        own = found[method]
        entries = [Entry(method, name=True), *(entry(own.get(n)) for n in costs.lengths)]
        if growth is None:
            entries += [Entry("no slope"), Entry(NOTHING)]
        else:
            spread = (
                "" if growth.low is None else f"{number(growth.low, 2)} to {number(growth.high, 2)}"
            )
            entries += [
                Entry(number(growth.slope, 2), below=spread),
                Entry(number(growth.local, 2)),
            ]
        if declared:
            entries.append(Entry((growth.declared if growth else "") or NOTHING))
        rows.append(tuple(entries))
    text = (
        f"{headed(costs, quantity, work, batch, setting)}, {costs.title}. Slope: exponent of the "
        f"length over the upper half of the lengths"
        + (", with its 95 % bootstrap interval." if quantity == "latency" else ".")
        + remarks(row for own in found.values() for row in own.values())
    )
    anchor = f"{costs.anchor}-{quantity}-{work}-{batch}{setting.slug}"
    return Grid(anchor, text, tuple(head), tuple(rows))


def headed(costs: Costs, quantity: str, work: str, batch: int, setting: Setting) -> str:
    """Name a quantity with its place: pass, batch, and where it was measured."""
    where = costs.where(setting)
    return f"{SHOWN[quantity]} of {WORK[work]}, {count(batch, 'example')}" + (
        f", {where}" if where else ""
    )


def ordered(costs: Costs, found: dict[str, dict[int, Row]]) -> list[str]:
    """Order methods by their value at the longest length; what has none there comes last."""

    def place(method: str) -> tuple[bool, bool, float]:
        row = found[method].get(costs.lengths[-1])
        missing = row is None or row.value is None
        uncounted = any(r.mark == "uncounted" for r in found[method].values())
        return uncounted, missing, 0.0 if row is None else float(row.value or 0.0)

    return sorted(found, key=place)


def entry(row: Row | None) -> Entry:
    """Set a value with its mark, or the limit that was broken and whether it was tried."""
    if row is None:
        return Entry(NOTHING)
    remark = row.mark if row.mark in MARKS else ""
    if row.value is None:
        return Entry(STATUS.get(row.status, row.status), below=remark)
    if remark == "over":
        remark = "over the limit"
    interval = ""
    if row.low is not None and row.high is not None:
        interval = f"{number(row.low, 2)} to {number(row.high, 2)}"
    return Entry(said(row), below="; ".join(filter(None, (interval, remark))), sort=row.value)


def said(row: Row) -> str:
    """Write a value with its unit; a ratio and a rate without a prefix."""
    value = row.value or 0.0
    if row.quantity == "repeats":
        return integer(value)
    return number(value, 2) if row.unit in ("", "examples/s") else prefixed(value, row.unit)


def remarks(rows: Iterator[Row]) -> str:
    """Explain the marks that occur."""
    seen = {row.mark for row in rows}
    return "".join(f" {mark.capitalize()}: {text}." for mark, text in MARKS.items() if mark in seen)


def beside(costs: Costs) -> Grid:
    """All quantities at one length: a row a method, and no number of two settings in a column."""
    first, last = costs.batches[0], costs.batches[-1]
    several = [
        ("flops", "inference", "FLOPs, inference"),
        ("flops", "training", "FLOPs, training step"),
        ("predicted", "training", "predicted memory, training step"),
        ("memory", "training", "measured memory, training step"),
        ("latency", "inference", "median latency, inference"),
        ("latency p95", "inference", "p95, inference"),
        ("latency", "training", "median latency, training step"),
    ]
    ratios = sorted({r.quantity for r in costs.rows if r.quantity.startswith("ratio to ")})
    several += [(name, "inference", f"latency {name}") for name in ratios]
    several.append(("energy", "inference", "energy of one example, inference"))
    shown = []
    for quantity, work, label in several:
        settings = costs.settings(quantity)
        for setting in settings:
            found = costs.find(quantity, work, costs.batch(work), setting)
            if found:
                shown.append((f"{label}, {setting}" if len(settings) > 1 else label, found))
    length = costs.lengths[0]
    rows = [
        (
            Entry(method, name=True),
            *(entry(found.get(method, {}).get(length)) for _, found in shown),
        )
        for method in costs.methods
    ]
    what = f"Cost beside the results, {costs.title}" if costs.dataset else costs.title
    text = (
        f"{what}: inference on {count(first, 'example')}, a training step on {last}. Input"
        f"{', at the longest example' if costs.dataset else ''}: {costs.inputs}."
    )
    if costs.machines:
        text += f" Measured on {costs.where(*costs.machines)}."
    text += remarks(row for row in iter(costs.rows))
    if costs.dataset:
        text += "".join(f" {note}" for note in notes(costs))
    head = (Column("method", numeric=False), *(Column(label) for label, _ in shown))
    return Grid(f"{costs.anchor}-beside", text, head, tuple(rows))


def notes(costs: Costs) -> Iterator[str]:
    """Say what is not shown or not measured, and where one setting has several machines."""
    if costs.left_out:
        yield costs.left_out
    for setting, machines in costs.machines.items():
        if len(machines) > 1:
            yield (
                f"{setting} was measured on {count(len(machines), 'machine')}; slopes and ratios "
                f"over their lengths mix them."
            )
    metered = costs.settings("energy")
    for device in dict.fromkeys(setting.device for setting in costs.settings("latency")):
        if device not in {setting.device for setting in metered}:
            why = NO_METER.get(device, "no meter")
            yield f"Energy was not measured on {device.upper()}: {why}."
