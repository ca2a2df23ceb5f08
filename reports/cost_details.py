"""What stands behind a cost's number: spread, repeats and throughput; the parts of a peak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..benchmark.cost.rows import Row
from .cost_grids import SHOWN, WORK, beside, by_length, entry, headed, ordered
from .cost_setting import Setting
from .costs import Costs
from .formatting import NOTHING, integer, number
from .grids import Column, Entry, Grid

PARTS = {
    "parameters": "parameters",
    "gradients": "gradients",
    "optimiser": "optimiser state",
    "inputs": "inputs",
    "activations": "activations",
    "predicted": "predicted peak",
}


@dataclass(frozen=True)
class Fold:
    """Tables of one quantity, the first of them the quantity itself."""

    summary: str
    grids: tuple[Grid, ...]


def folds(costs: Costs) -> Iterator[Fold]:
    """Yield the tables of each quantity, pass, batch and setting; at a single length one of all."""
    single = len(costs.lengths) == 1
    if single and not costs.dataset:
        yield Fold("All quantities", (beside(costs),))
    for quantity in SHOWN:
        for work in WORK:
            for batch in costs.batches:
                for setting in costs.settings(quantity):
                    if costs.find(quantity, work, batch, setting):
                        place = (costs, quantity, work, batch, setting)
                        behind = detail(*place)
                        whole = () if single else (by_length(*place),)
                        found = (*whole, *((behind,) if behind else ()))
                        if found:
                            yield Fold(headed(*place), found)


def detail(costs: Costs, quantity: str, work: str, batch: int, setting: Setting) -> Grid | None:
    """What stands behind a quantity; None where nothing does."""
    if quantity == "latency":
        return latencies(costs, work, batch, setting)
    return parts(costs, batch, setting) if (quantity, work) == ("predicted", "training") else None


def latencies(costs: Costs, work: str, batch: int, setting: Setting) -> Grid:
    """Median, p95, interquartile range, repeats, throughput, ratio and energy of each length."""
    ratios = sorted({r.quantity for r in costs.rows if r.quantity.startswith("ratio to ")})
    shown = {
        "latency": "median",
        "latency p95": "p95",
        "latency iqr": "interquartile range",
        "repeats": "repeats",
        "throughput": "examples a second",
        **{name: name for name in ratios},
        "energy": "energy of one example",
    }
    found = {
        label: each
        for quantity, label in shown.items()
        if (each := costs.find(quantity, work, batch, setting))
    }
    text = (
        f"Spread and throughput behind it: {headed(costs, 'latency', work, batch, setting)}. A "
        f"ratio is the median over rounds in which both took their turn, with its 95 % bootstrap "
        f"interval."
    )
    anchor = f"{costs.anchor}-spread-{work}-{batch}{setting.slug}"
    return long(costs, anchor, text, "median", found)


def parts(costs: Costs, batch: int, setting: Setting) -> Grid:
    """What a predicted peak of a training step consists of, and what was measured beside it."""
    found = {
        label: costs.find(quantity, "training", batch, setting) for quantity, label in PARTS.items()
    }
    alike = [s for s in costs.settings("memory") if s.alike(setting)]
    for measured in alike:
        after = f", {measured}" if len(alike) > 1 else ""
        peaks = costs.find("memory", "training", batch, measured)
        if peaks:
            found[f"measured peak{after}"] = peaks
            found[f"reserved{after}"] = costs.find("reserved", "training", batch, measured)
    text = (
        f"Parts of it: {headed(costs, 'predicted', 'training', batch, setting)}. Activations are "
        f"what a step needs at its peak beside all that is always there."
    )
    anchor = f"{costs.anchor}-parts-{batch}{setting.slug}"
    return long(costs, anchor, text, "predicted peak", {k: v for k, v in found.items() if v})


def long(
    costs: Costs, anchor: str, caption: str, first: str,
    columns: dict[str, dict[str, dict[int, Row]]],
) -> Grid:  # fmt: skip
    """Set several quantities of every method and length, a row each.

    Parameters
    ----------
    first
        The column that says which methods and lengths have a row.
    columns
        By label, rows by method and length.
    """
    head = [Column("method", numeric=False), Column("steps"), *map(Column, columns)]
    peak = "predicted peak" in columns and "measured peak" in columns
    if peak:
        head.append(Column("predicted over measured, %"))
    rows = []
    for method in ordered(costs, columns[first]):
        for length in sorted(columns[first][method]):
            own = {k: found.get(method, {}).get(length) for k, found in columns.items()}
            entries = [Entry(method, name=True), Entry(integer(length)), *map(entry, own.values())]
            if peak:
                entries.append(off(own["predicted peak"], own["measured peak"]))
            rows.append(tuple(entries))
    return Grid(anchor, caption, tuple(head), tuple(rows))


def off(predicted: Row | None, measured: Row | None) -> Entry:
    """Say by how much a prediction lies over what was measured."""
    if not predicted or not measured or not predicted.value or not measured.value:
        return Entry(NOTHING)
    return Entry(number(100 * (predicted.value / measured.value - 1), 2, sign=True))
