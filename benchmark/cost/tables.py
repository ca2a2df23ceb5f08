"""Results as tables for the terminal, and the lengths from which one method is cheaper."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from .crossing import break_even, interpolated
from .rows import Growth, Row
from .units import prefixed

SIGNS = {"extended": "*", "uncounted": "!", "unsettled": "~", "over": "^"}
LEGEND = {
    "extended": "* counted at short lengths and continued by the recurrence",
    "uncounted": "! operators without a formula: too small by an unknown amount, not ranked",
    "over": "^ over the memory limit",
    "unsettled": "~ interquartile range over a tenth of the median",
}
BROKEN = {
    "timeout": "timeout: a prediction over --call-limit, a training step over three times that, or "
    "the work on it over --time-limit",
    "memory": "memory: over --memory-limit, or more than the machine has",
}
SHOWN = {"flops": "FLOPs", "predicted": "predicted peak memory", "memory": "measured peak memory",
         "latency": "median latency"}  # fmt: skip
TIMES = (10.0, 30.0, 60.0)
"""Seconds at which two methods' costs are compared."""


@dataclass(frozen=True)
class Comparison:
    """From which length on a method counts fewer FLOPs than the baseline.

    Parameters
    ----------
    length, seconds
        Shortest such length in the sweep, with the time it lasts; None where there is none.
    always
        It is cheaper at every length of the sweep.
    exact
        Whether costs between the sweep's lengths come from formulas that agree with every count,
        or from straight lines on logarithmic axes.
    factors
        By seconds, the baseline's FLOPs over the method's.
    """

    method: str
    baseline: str
    work: str
    batch: int
    length: int | None
    seconds: float | None
    always: bool
    exact: bool
    factors: Mapping[float, float]


def pivot(table: Sequence[Row], growths: Sequence[Growth]) -> list[Table]:
    """Make a table for each quantity, pass, device, type and batch: methods by lengths."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in table:
        if row.quantity in SHOWN:
            key = (row.quantity, row.work, row.device, row.dtype, row.batch)
            groups.setdefault(key, []).append(row)
    slopes = {(g.method, g.quantity, g.work, g.device, g.dtype, g.batch): g for g in growths}
    made = []
    for (quantity, work, device, dtype, batch), members in groups.items():
        lengths = sorted({row.length for row in members})
        place = f", {device} {dtype}" if device else ""
        title = f"{SHOWN[quantity]}, {work}, batch {batch}{place}"
        drawn = Table(
            title=title, box=None, header_style="bold", pad_edge=False, title_justify="left"
        )
        drawn.add_column("method")
        for length in lengths:
            drawn.add_column(f"{length}", justify="right")
        drawn.add_column("slope", justify="right")
        drawn.add_column("local", justify="right")
        drawn.add_column("declared", overflow="fold")
        for method in ranked(members):
            own = {row.length: row for row in members if row.method == method}
            growth = slopes.get((method, quantity, work, device, dtype, batch))
            cells = [said(own.get(length)) for length in lengths]
            drawn.add_row(*map(Text, (method, *cells, *said_growth(growth))))
        made.append(drawn)
    return made


def ranked(members: Sequence[Row]) -> list[str]:
    """Order methods by their value at the longest length that all have; not ranked ones last."""
    by_method: dict[str, dict[int, Row]] = {}
    for row in members:
        by_method.setdefault(row.method, {})[row.length] = row

    def place(method: str) -> tuple[bool, tuple[float, ...]]:
        own = by_method[method]
        unranked = any(row.mark == "uncounted" for row in own.values())
        longest = sorted(own, reverse=True)
        return unranked, tuple(
            math.inf if own[length].value is None else float(own[length].value or 0.0)
            for length in longest
        )

    return sorted(by_method, key=place)


def said(row: Row | None) -> str:
    """Return a number with its unit's prefix and its mark; or the limit that was broken."""
    if row is None:
        return ""
    if row.value is None:
        return row.status
    return prefixed(row.value, row.unit) + SIGNS.get(row.mark, "")


def said_growth(growth: Growth | None) -> tuple[str, str, str]:
    """Return slope, local slope and declared order as text."""
    if growth is None:
        return "", "", ""
    interval = "" if growth.low is None else f" [{growth.low:.2f}, {growth.high:.2f}]"
    local = "" if growth.local is None else f"{growth.local:.2f}"
    return f"{growth.slope:.2f}{interval}", local, growth.declared


def legend(table: Sequence[Row]) -> list[str]:
    """Explain the marks that occur, and the limits that were broken."""
    marks, ends = {row.mark for row in table}, {row.status for row in table}
    return [
        *(text for mark, text in LEGEND.items() if mark in marks),
        *(text for end, text in BROKEN.items() if end in ends),
    ]


def agreement(table: Sequence[Row]) -> list[str]:
    """Say how far predicted memory lies from what was measured on the CPU."""
    found: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in table:
        if row.quantity in ("predicted", "memory") and row.device == "cpu" and row.value:
            key = (row.method, row.work, row.dtype, row.batch, row.length)
            found.setdefault(key, {})[row.quantity] = row.value
    lines = []
    for work in dict.fromkeys(key[1] for key in found):
        both = [v for key, v in found.items() if key[1] == work and len(v) == 2]
        off = [v["predicted"] / v["memory"] - 1 for v in both]
        if off:
            lines.append(
                f"predicted memory of {work} lies {min(off):+.2%} to {max(off):+.2%} from what was "
                f"measured, over {len(off)} cells"
            )
    return lines


def comparisons(
    table: Sequence[Row], baseline: str, rate: float | None,
    formulas: Mapping[tuple[str, str, int], Callable[[int], int]],
) -> list[Comparison]:  # fmt: skip
    """Compare every method's FLOPs with the baseline's.

    Parameters
    ----------
    rate
        Steps a second of the sweep's modality, where it has one.
    formulas
        By method, pass and batch, FLOPs at any length, where a formula agrees with every count.
    """
    series: dict[tuple[str, str, int], dict[int, float]] = {}
    for row in table:
        if row.quantity == "flops" and row.value and row.mark != "uncounted":
            series.setdefault((row.method, row.work, row.batch), {})[row.length] = row.value
    found = []
    for (method, work, batch), own in series.items():
        other = series.get((baseline, work, batch))
        lengths = sorted(set(own) & set(other or ()))
        if method == baseline or other is None or len(lengths) < 2:
            continue
        keys = (method, work, batch), (baseline, work, batch)
        exact = all(key in formulas for key in keys)
        cost, base = (
            formulas.get(key) or interpolated(lengths, [values[length] for length in lengths])
            for key, values in zip(keys, (own, other), strict=True)
        )
        result = break_even(lengths, cost, base)
        length = result.length
        seconds = length / rate if length is not None and rate else None
        factors = {}
        for time in TIMES if rate else ():
            steps = round(time * (rate or 0.0))
            if exact or lengths[0] <= steps <= lengths[-1]:
                factors[time] = base(steps) / cost(steps)
        found.append(
            Comparison(
                method, baseline, work, batch, length, seconds, result.always, exact, factors
            )
        )
    return found


def comparison_tables(found: Sequence[Comparison]) -> list[Table]:
    """Make a table for each pass and batch: break-even lengths and factors."""
    made = []
    for work, batch in dict.fromkeys((c.work, c.batch) for c in found):
        members = [c for c in found if (c.work, c.batch) == (work, batch)]
        title = f"FLOPs against {members[0].baseline}, {work}, batch {batch}"
        drawn = Table(
            title=title, box=None, header_style="bold", pad_edge=False, title_justify="left"
        )
        drawn.add_column("method")
        drawn.add_column("cheaper from", justify="right")
        times = sorted({time for each in members for time in each.factors})
        for time in times:
            drawn.add_column(f"{time:g} s: times fewer", justify="right")
        for each in sorted(members, key=lambda c: (c.length is None, c.length or 0, c.method)):
            when = "never in the sweep"
            if each.length is not None:
                after = f" ({each.seconds:.3g} s)" if each.seconds is not None else ""
                when = f"{'' if each.exact else 'about '}{each.length}{after}"
            when = "always" if each.always else when
            factors = [f"{each.factors[t]:.3g}" if t in each.factors else "" for t in times]
            drawn.add_row(*map(Text, (each.method, when, *factors)))
        made.append(drawn)
    return made
