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
from .costs import Costs
from .drawing import decades, label_ends, logarithmic, looks
from .figures import WIDTH, Drawing
from .formatting import count, integer
from .svg import rendered, style

PANELS = (("flops", "FLOPs"), ("memory", "Peak memory"), ("latency", "Median latency"))
GAP = 0.95  # inches between two rows of panels, for an axis and a title
WORK = {"inference": "inference", "training": "a training step"}
BROKEN = ("memory", "timeout")


def against_length(costs: Costs) -> Drawing | None:
    """Draw every quantity that was counted or measured at two lengths or more."""
    if len(costs.lengths) < 2:
        return None
    panels = [
        (quantity, f"{title} of {WORK[work]}", work, batch)
        for quantity, title in PANELS
        for work, batch in (("inference", costs.batches[0]), ("training", costs.batches[-1]))
        if costs.find(quantity, work, batch)
        or (quantity == "memory" and costs.find("predicted", work, batch))
    ]
    if not panels:
        return None
    with style():
        styles = looks(costs.methods)
        down = math.ceil(len(panels) / 2)
        each = max(2.3, 0.16 * len(costs.methods))
        height = down * (each + GAP) + 0.1
        figure = Figure(figsize=(WIDTH, height))
        for i, (quantity, title, work, batch) in enumerate(panels):
            row, column = divmod(i, 2)
            left = (0.55 + column * WIDTH / 2) / WIDTH
            bottom = 1 - (row * (each + GAP) + 0.3 + each) / height
            axes = figure.add_axes((left, bottom, (WIDTH / 2 - 2.1) / WIDTH, each / height))
            axes.set_title(f"{title}, {count(batch, 'example')}", loc="left", pad=6)
            panel(axes, costs, quantity, work, batch, styles)
        title = f"Cost against length, {costs.title}"
        return Drawing(f"{costs.anchor}-cost.svg", title, caption(costs), rendered(figure, title))


def panel(
    axes: Axes, costs: Costs, quantity: str, work: str, batch: int,
    styles: Mapping[str, Mapping[str, Any]],
) -> None:  # fmt: skip
    """Draw one quantity: a line a method, and a cross where a limit was broken."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    drawn = costs.find("predicted" if quantity == "memory" else quantity, work, batch)
    measured = costs.find("memory", work, batch) if quantity == "memory" else {}
    ends: dict[str, tuple[float, float]] = {}
    for method in costs.methods:
        look = styles[method]
        if points := known(drawn.get(method, {}) or measured.get(method, {})):
            x, y = zip(*points, strict=True)
            axes.plot(x, y, color=look["color"], ls=look["ls"], lw=1.3)
            if quantity != "memory":
                axes.plot(x, y, look["marker"], color=look["color"], ms=2.8, mew=0)
            ends[method] = points[-1]
        if dots := known(measured.get(method, {})):
            axes.plot(*zip(*dots, strict=True), look["marker"], color=look["color"], ms=3.2, mew=0)
        if quantity == "latency":
            band(axes, costs, method, work, batch, look["color"])
        for stopped in (drawn.get(method, {}), measured.get(method, {})):
            if (length := broken(stopped)) is not None:
                before = [y for x, y in known(stopped) if x < length]
                place = before[-1] if before else axes.get_ylim()[0]
                axes.plot([length], [place], "x", color=look["color"], ms=5, mew=1.4, clip_on=False)
    axes.set_xlim(costs.lengths[0] / 1.08, costs.lengths[-1] * 1.08)
    if ends:
        decades(axes, *axes.get_ylim())
    unit = {"flops": "FLOP", "memory": "B", "latency": "s"}[quantity]
    logarithmic(axes.yaxis, *axes.get_ylim(), unit)
    if quantity == "memory":
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


def known(rows: Mapping[int, Row]) -> list[tuple[float, float]]:
    """Return (length, value) in order where there is a value."""
    return [(float(n), float(row.value)) for n, row in sorted(rows.items()) if row.value]


def broken(rows: Mapping[int, Row]) -> int | None:
    """Return the first length that broke a limit."""
    return min((n for n, row in rows.items() if row.status in BROKEN), default=None)


def band(axes: Axes, costs: Costs, method: str, work: str, batch: int, colour: str) -> None:
    """Shade from the first to the third quartile of a method's repeated times."""
    quartiles = []
    for (name, done, _, _, examples, length), times in sorted(
        costs.samples.items(), key=lambda item: item[0][-1]
    ):
        if (name, done, examples) == (method, work, batch):
            quartiles.append((length, *np.quantile(times, [0.25, 0.75])))
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
        parts.append(
            f"Latency on {costs.machine}, {count(costs.threads, 'thread')}; the band is the "
            f"interquartile range of the repeats."
        )
    if any(row.status in BROKEN for row in costs.rows):
        parts.append("A cross marks the first length that broke the memory or time limit.")
    return " ".join(parts)
