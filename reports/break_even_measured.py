"""From which length on one method takes less memory or time than another, where it was measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from ..benchmark.cost.crossing import BreakEven, measured_break_even, ratio_break_even
from .cost_grids import SHOWN, WORK
from .cost_setting import COUNTED, Setting
from .costs import Costs
from .formatting import NOTHING, count, integer
from .grids import Column, Entry, Grid

HEADS = {
    "flops": "fewer FLOPs from",
    "predicted": "less predicted memory from",
    "memory": "less measured memory from",
    "latency": "less time from",
}


def grid(costs: Costs, work: str) -> Grid | None:
    """Each method against the baseline, a row for each setting, a column for each quantity.

    FLOPs among them where no ``cost.json`` has them with its formulas.
    """
    found = {
        (quantity, setting): compared(costs, quantity, work, setting)
        for quantity in SHOWN
        if quantity != "flops" or not costs.study.get("break_even")
        for setting in costs.settings(quantity)
    }
    found = {place: own for place, own in found.items() if own}
    quantities = [q for q in SHOWN if any(q == quantity for quantity, _ in found)]
    if not quantities:
        return None
    settings = rows_of(found)
    several = len(settings) > 1
    rows = []
    for method in costs.methods:
        for setting in settings:
            own = {q: found.get((q, source(costs, q, setting)), {}).get(method) for q in quantities}
            if any(own.values()):
                entries = (entry(costs, own[quantity]) for quantity in quantities)
                middle = (Entry(str(setting)),) if several else ()
                rows.append((Entry(method, name=True), *middle, *entries))
    head = [Column("method", numeric=False)]
    head += [Column("measured on", numeric=False)] if several else []
    head += [Column(HEADS[quantity]) for quantity in quantities]
    return Grid(
        f"{costs.anchor}-less-{work}",
        caption(costs, work, [] if several else settings, "latency" in quantities),
        tuple(head),
        tuple(rows),
    )


def caption(costs: Costs, work: str, settings: Sequence[Setting], timed: bool) -> str:
    """Say what is compared and how."""
    where = "".join(f", {setting}" for setting in settings if str(setting))
    text = (
        f"The length from which on {WORK[work]} costs less than with {costs.baseline}, "
        f"{count(costs.batch(work), 'example')} at a time{where}; between the lengths that were "
        f"taken, costs are straight lines on logarithmic axes."
    )
    if not timed:
        return text
    return (
        f"{text} Latency: by the median of the ratios of each round, with the 95 % bootstrap "
        f"interval of the length."
    )


def rows_of(found: Iterable[tuple[str, Setting]]) -> list[Setting]:
    """Return the settings that have a row: what was measured, and predictions of nothing else."""
    there = list(dict.fromkeys(setting for _, setting in found if str(setting)))
    measured = sorted((s for s in there if s.threads is not None), key=str)
    alone = [
        s for s in there if s.threads is None and not any(s.alike(other) for other in measured)
    ]
    return [*measured, *alone] or [COUNTED]


def source(costs: Costs, quantity: str, setting: Setting) -> Setting:
    """Return the setting in which a quantity of a row was taken."""
    if quantity == "flops":
        return COUNTED
    if quantity == "predicted":
        return next((s for s in costs.settings(quantity) if s.alike(setting)), setting)
    return setting


def compared(
    costs: Costs, quantity: str, work: str, setting: Setting
) -> dict[str, tuple[BreakEven, int]]:
    """Return by method where it crosses the baseline, and the longest length of both."""
    batch, found = costs.batch(work), {}
    table = costs.find(quantity, work, batch, setting)
    base = table.pop(costs.baseline, {}) if costs.baseline else {}
    for method, own in table.items():
        if any(row.mark == "uncounted" for row in (*own.values(), *base.values())):
            continue
        ratios = {}
        for length in sorted(own.keys() & base.keys()):
            one, other = own[length].value, base[length].value
            if not one or not other:
                continue
            ratios[length] = np.asarray([one / other])
            if quantity == "latency":
                ratios[length] = rounds(costs, method, work, setting, batch, length)
        lengths = [length for length, each in ratios.items() if len(each)]
        if len(lengths) < 2:
            continue
        several = [ratios[length] for length in lengths]
        if quantity == "latency":
            crossed = measured_break_even(lengths, several)
        else:
            crossed = ratio_break_even(lengths, [float(each[0]) for each in several])
        found[method] = crossed, lengths[-1]
    return found


def rounds(
    costs: Costs, method: str, work: str, setting: Setting, batch: int, length: int
) -> np.ndarray:
    """Return a method's times over the baseline's, round by round; none from two blocks."""
    place = (work, setting.device, setting.dtype, setting.threads, batch, length)
    own, base = (costs.samples.get((name, *place), ()) for name in (method, costs.baseline))
    return np.asarray(own) / np.asarray(base) if len(own) == len(base) else np.empty(0)


def entry(costs: Costs, found: tuple[BreakEven, int] | None) -> Entry:
    """Set the length with its interval, and how far both methods could be measured."""
    if found is None:
        return Entry(NOTHING)
    crossed, last = found
    first = costs.lengths[0]
    text, place = "no length", math.inf
    if crossed.always:
        text, place = "every length", 0.0
    elif crossed.length is not None:
        text, place = f"about {integer(crossed.length)}", float(crossed.length)
    remarks = []
    if crossed.low is not None and crossed.high is not None and crossed.low < crossed.high:
        low = "every length" if crossed.low <= first else integer(math.ceil(crossed.low))
        high = "no length" if math.isinf(crossed.high) else integer(math.ceil(crossed.high))
        remarks.append(f"{low} to {high}")
    if last < costs.lengths[-1]:
        remarks.append(f"compared up to {integer(last)}")
    return Entry(text, below="; ".join(remarks), sort=place)
