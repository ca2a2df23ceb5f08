"""Quality against cost: which methods no other beats on both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import captions
from .collect import Table
from .cost_setting import COUNTED, Setting
from .costs import Costs
from .drawing import label_ends, logarithmic, looks
from .figures import WIDTH, Drawing
from .formatting import count
from .palette import MUTED, PAPER
from .svg import rendered, style

AXES = (
    ("flops", "FLOP", "FLOPs of one inference"),
    ("latency", "s", "median latency of one inference"),
)


@dataclass(frozen=True)
class Point:
    """One method: its cost and its mean score, with the interval of the score."""

    method: str
    cost: float
    score: float
    low: float
    high: float


def front(points: Sequence[Point], higher: bool = True) -> tuple[Point, ...]:
    """Return the points that no other dominates, from the cheapest to the best.

    A point is dominated where another costs no more and scores no worse, and one of the two
    strictly so. Means alone decide: an interval that spans the front is not separated from it.
    """
    sign = 1 if higher else -1
    found: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -sign * p.score)):
        if not found or sign * point.score > sign * found[-1].score:
            found.append(point)
    return tuple(found)


def points(table: Table, costs: Costs, quantity: str, setting: Setting = COUNTED) -> list[Point]:
    """Return the methods that have both a score and a cost, at the longest length measured."""
    metric, found = table.primary, []
    rows = costs.find(quantity, "inference", costs.batches[0], setting)
    for standing in table.measured:
        estimate = standing.estimates[metric.key]
        own = rows.get(standing.label, {})
        row = own.get(max(own)) if own else None
        if row is None or not row.value or row.mark == "uncounted" or not estimate.known:
            continue
        low, high = metric.ends(estimate.interval.low, estimate.interval.high)
        scale = metric.scale
        found.append(
            Point(standing.label, row.value, estimate.mean * scale, low * scale, high * scale)
        )
    return found


def drawing(table: Table, costs: Costs) -> Drawing | None:
    """Draw the score against each cost that was measured; none with fewer than two methods."""
    panels = [
        (f"{label}, {setting}" if str(setting) else label, unit, found)
        for quantity, unit, label in AXES
        for setting in costs.settings(quantity)
        if len(found := points(table, costs, quantity, setting)) > 1
    ]
    if not panels:
        return None
    methods = [row.label for row in table.measured]
    with style():
        styles = looks(methods)
        tall = max(2.8, 0.165 * len(methods))
        height = tall + 0.75
        figure = Figure(figsize=(WIDTH, height))
        for i, (label, unit, found) in enumerate(panels):
            left = (0.55 + i * WIDTH / len(panels)) / WIDTH
            width = (WIDTH / len(panels) - 2.1) / WIDTH
            axes = figure.add_axes((left, 0.45 / height, width, tall / height))
            panel(axes, table, found, styles)
            axes.set_xlabel(label)
            logarithmic(axes.xaxis, *axes.get_xlim(), unit)
        title = f"{table.primary.label} against cost, {table.title}"
        text = (
            f"{table.primary.label} ({captions.drawn_over_seeds(table.crossed)}) against cost at "
            f"the longest example, {count(costs.batches[0], 'example')} at a time. The line is the "
            f"Pareto front: no method costs less and scores more, by the means."
        )
        if timed := costs.settings("latency"):
            text += f" Latency on {costs.where(*timed)}."
        return Drawing(f"{table.anchor}-pareto.svg", title, text, rendered(figure, title))


def panel(
    axes: Axes, table: Table, found: Sequence[Point], styles: Mapping[str, Mapping[str, Any]]
) -> None:
    """Draw one cost."""
    axes.set_xscale("log")
    best = front(found, table.primary.higher)
    # The front holds to the right of its last point and, at its first, down to the axis.
    x = [p.cost for p in best] + [max(p.cost for p in found)]
    y = [p.score for p in best] + [best[-1].score]
    axes.step(x, y, where="post", color=MUTED.light, lw=1.0, zorder=1)
    on_front = {p.method for p in best}
    for point in found:
        look = styles[point.method]
        if math.isfinite(point.low):
            axes.plot([point.cost] * 2, [point.low, point.high], "-", color=look["color"], lw=1,
                      alpha=0.6)  # fmt: skip
        hollow = point.method not in on_front
        axes.plot(
            [point.cost], [point.score], look["marker"], ms=5.5, mew=1.2, mec=look["color"],
            color=PAPER.light if hollow else look["color"],
        )  # fmt: skip
    unit = ", %" if table.primary.scale == 100 else ""
    axes.set_ylabel(f"{table.primary.label}{unit} ({table.primary.direction})")
    low, high = min(p.cost for p in found), max(p.cost for p in found)
    axes.set_xlim(low / (high / low) ** 0.06 / 1.05, high * (high / low) ** 0.06 * 1.05)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    label_ends(axes, {p.method: (p.cost, p.score) for p in found}, styles)
