"""Cost against length: one panel a quantity, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from ..benchmark.cost.rows import Row
from .cost_panels import Panel, chosen
from .costs import Costs
from .drawing import decades, label_ends, logarithmic, looks
from .figures import WIDTH, Drawing
from .formatting import integer
from .palette import PAPER
from .svg import rendered, style

GAP = 0.95  # inches between two rows of panels, for an axis and a title
LINE = 0.16  # inches more for a title of two lines
BROKEN = ("memory", "timeout")


def against_length(costs: Costs) -> Drawing | None:
    """Draw every quantity that was counted or measured at two lengths or more."""
    panels = list(chosen(costs))
    if len(costs.lengths) < 2 or not panels:
        return None
    with style():
        styles = looks(costs.methods)
        down = math.ceil(len(panels) / 2)
        each = max(2.3, 0.16 * len(costs.methods))
        head = LINE if any("\n" in panel.title for panel in panels) else 0.0
        height = down * (each + GAP + head) + 0.1
        figure = Figure(figsize=(WIDTH, height))
        for i, panel in enumerate(panels):
            row, column = divmod(i, 2)
            left = (0.55 + column * WIDTH / 2) / WIDTH
            bottom = 1 - (row * (each + GAP + head) + 0.3 + head + each) / height
            axes = figure.add_axes((left, bottom, (WIDTH / 2 - 2.1) / WIDTH, each / height))
            axes.set_title(panel.title, loc="left", pad=6)
            draw(axes, costs, panel, styles)
        title = f"Cost against length, {costs.title}"
        return Drawing(f"{costs.anchor}-cost.svg", title, caption(costs), rendered(figure, title))


def draw(
    axes: Axes, costs: Costs, panel: Panel, styles: Mapping[str, Mapping[str, Any]]
) -> None:  # fmt: skip
    """Draw one panel: a line a method, and a cross at the first length that does not fit."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ends: dict[str, tuple[float, float]] = {}
    for method in costs.methods:
        look, own = styles[method], panel.lines.get(method, {})
        if points := known(own):
            x, y = zip(*points, strict=True)
            axes.plot(x, y, color=look["color"], ls=look["ls"], lw=1.3)
            if panel.quantity != "memory":
                axes.plot(x, y, look["marker"], color=look["color"], ms=2.8, mew=0)
            ends[method] = points[-1]
        dots = panel.dots.get(method, {})
        if beside := known(dots):
            axes.plot(
                *zip(*beside, strict=True), look["marker"], color=look["color"], ms=3.2, mew=0
            )
        if panel.quantity == "latency":
            band(axes, costs, method, panel, look["color"])
        for rows in (own, dots) if own is not dots else (own,):
            cross(axes, rows, look["color"])
    axes.set_xlim(costs.lengths[0] / 1.08, costs.lengths[-1] * 1.08)
    if ends:
        decades(axes, *axes.get_ylim())
    unit = {"flops": "FLOP", "memory": "B", "latency": "s"}[panel.quantity]
    logarithmic(axes.yaxis, *axes.get_ylim(), unit)
    if panel.quantity == "memory":
        axes.yaxis.set_major_locator(LogLocator(base=2, numticks=7))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xticks(costs.lengths, [integer(length) for length in costs.lengths])
    axes.xaxis.set_minor_locator(NullLocator())
    timed = all(costs.seconds.get(length) for length in costs.lengths)
    axes.set_xlabel(f"steps of {costs.lead}" + (" (seconds below)" if timed else ""))
    if timed:
        labels = [f"{n:,}\n{costs.seconds[n]:.3g}" for n in costs.lengths]
        axes.set_xticks(costs.lengths, labels)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    label_ends(axes, ends, styles)


def cross(axes: Axes, rows: Mapping[int, Row], colour: str) -> None:
    """Mark the first length that does not fit: filled where it was tried, hollow if predicted.

    It stands at its predicted value or at the last value before; without either at the foot.
    """
    length = min((n for n, row in rows.items() if breaks(row)), default=None)
    if length is None:
        return
    before = [y for x, y in known(rows) if x < length]
    value = rows[length].value or (before[-1] if before else None)
    axes.plot(
        [length], [0.0 if value is None else value], "X", ms=6, mew=0.9, mec=colour,
        color=colour if rows[length].mark == "" else PAPER.light, clip_on=False, zorder=3,
        transform=axes.get_xaxis_transform() if value is None else axes.transData,
    )  # fmt: skip


def breaks(row: Row) -> bool:
    """Whether a limit was broken, or is predicted to be; a mark says that it was not tried."""
    return row.status in BROKEN or row.mark == "over"


def known(rows: Mapping[int, Row]) -> list[tuple[float, float]]:
    """Return (length, value) in order where there is a value."""
    return [(float(n), float(row.value)) for n, row in sorted(rows.items()) if row.value]


def band(axes: Axes, costs: Costs, method: str, panel: Panel, colour: str) -> None:
    """Shade from the first to the third quartile of a method's repeated times."""
    setting = panel.setting
    place = (method, panel.work, setting.device, setting.dtype, setting.threads, panel.batch)
    quartiles = [
        (length, *np.quantile(times, [0.25, 0.75]))
        for length in costs.lengths
        if (times := costs.samples.get((*place, length)))
    ]
    if len(quartiles) > 1:
        x, low, high = zip(*quartiles, strict=True)
        axes.fill_between(x, low, high, color=colour, alpha=0.18, lw=0)


def caption(costs: Costs) -> str:
    """Say what is drawn, of what input, and where it was measured."""
    parts = [f"Input: {costs.inputs}. Both axes are logarithmic: a line of slope k grows as T^k."]
    quantities = {row.quantity for row in costs.rows}
    if "flops" in quantities:
        parts.append("FLOPs are counted (a multiply-add is two) and have no interval.")
    if {"predicted", "memory"} <= quantities:
        parts.append("Memory: the line is predicted, the dots are measured.")
    elif "predicted" in quantities:
        parts.append("Memory is predicted.")
    if "latency" in quantities:
        where = costs.where(*costs.settings("latency"))
        parts.append(f"Latency on {where}; the band is the interquartile range of the repeats.")
    crosses = {row.mark == "" for row in costs.rows if breaks(row)}
    if True in crosses:
        parts.append("A cross marks the first length that broke the memory or time limit.")
    if False in crosses:
        parts.append("A hollow cross marks the first length that is predicted to break it.")
    return " ".join(parts)
