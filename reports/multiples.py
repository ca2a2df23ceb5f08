"""Small multiples in one pair of axes: a panel for each method, all on the same scales.

Axes of their own for every panel take most of the time of a report of twenty methods.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import ArrayLike

from .palette import LINE, MUTED

ACROSS = 4
LEFT, RIGHT, BOTTOM, TOP = 0.5, 0.1, 0.42, 0.22  # inches round the panels
GAP, TITLE = 0.17, 0.33  # inches between panels


@dataclass(frozen=True)
class Panel:
    """A part of the axes, in inches, with a scale of its own."""

    axes: Axes
    left: float
    bottom: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, values: ArrayLike) -> np.ndarray:
        """Return places of values on the horizontal scale."""
        low, high = self.x
        return self.left + (np.asarray(values, float) - low) / (high - low) * self.width

    def up(self, values: ArrayLike) -> np.ndarray:
        """Return places of values on the vertical scale."""
        low, high = self.y
        return self.bottom + (np.asarray(values, float) - low) / (high - low) * self.height

    def line(self, x: ArrayLike, y: ArrayLike, **look: Any) -> None:
        """Draw a line or marks."""
        self.axes.plot(self.across(x), self.up(y), **look)

    def band(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str) -> None:
        """Draw a band."""
        ends = self.up(low), self.up(high)
        self.axes.fill_between(self.across(x), *ends, color=colour, alpha=0.2, lw=0)

    def title(self, text: str) -> None:
        """Name the panel."""
        self.axes.text(self.left, self.bottom + self.height + 0.05, text, va="bottom", fontsize=8.5)


def multiples(
    count: int, width: float, tall: float, x: tuple[float, float], y: tuple[float, float],
    names: tuple[str, str],
) -> tuple[Figure, list[Panel]]:  # fmt: skip
    """Lay out panels with shared scales, gridlines and labelled ticks.

    Parameters
    ----------
    width, tall
        Of the figure, and of one panel, in inches.
    x, y
        The least and the greatest value of each scale.
    names
        What the scales measure.
    """
    down = math.ceil(count / ACROSS)
    height = BOTTOM + TOP + down * tall + (down - 1) * TITLE
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    wide = (width - LEFT - RIGHT - (ACROSS - 1) * GAP) / ACROSS
    panels = [
        Panel(
            axes,
            LEFT + i % ACROSS * (wide + GAP),
            BOTTOM + (down - 1 - i // ACROSS) * (tall + TITLE),
            wide,
            tall,
            x,
            y,
        )
        for i in range(count)
    ]
    rows, columns = ticks(y, 3), ticks(x, 5)
    for i, panel in enumerate(panels):
        frame(panel, rows, columns, last=i + ACROSS >= count, first=i % ACROSS == 0, names=names)
    return figure, panels


def ticks(limits: tuple[float, float], most: int) -> dict[float, str]:
    """Choose round values inside the limits, with their labels."""
    whole = limits[1] - limits[0] >= 2  # there is no half epoch
    values = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(*limits)
    inside = [v for v in values if limits[0] - 1e-9 <= v <= limits[1] + 1e-9]
    formatter = ScalarFormatter(useOffset=False)
    formatter.create_dummy_axis()
    formatter.set_locs(inside)
    return {value: formatter(value) for value in inside}


def frame(
    panel: Panel, rows: dict[float, str], columns: dict[float, str], last: bool, first: bool,
    names: tuple[str, str],
) -> None:  # fmt: skip
    """Draw a panel's gridlines and axes, and the labels that are its own to carry."""
    axes, right = panel.axes, panel.left + panel.width
    up, across = panel.up(list(rows)), panel.across(list(columns))
    small: dict[str, Any] = {"fontsize": 7.5}
    for place in up:
        axes.plot([panel.left, right], [place] * 2, "-", color=LINE.light, lw=0.6, zorder=0.5)
    edge = {"color": MUTED.light, "lw": 0.6, "zorder": 0.6}
    corner = [panel.bottom + panel.height, panel.bottom, panel.bottom]
    axes.plot([panel.left, panel.left, right], corner, "-", **edge)
    for place in across:
        axes.plot([place] * 2, [panel.bottom - 0.035, panel.bottom], "-", **edge)
    if last:
        for place, text in zip(across, columns.values(), strict=True):
            axes.text(place, panel.bottom - 0.07, text, ha="center", va="top", **small)
        middle = panel.left + panel.width / 2
        axes.text(middle, panel.bottom - 0.22, names[0], ha="center", va="top", fontsize=8.5)
    if first:
        for place, text in zip(up, rows.values(), strict=True):
            axes.text(panel.left - 0.06, place, text, ha="right", va="center", **small)
        middle = panel.bottom + panel.height / 2
        axes.text(0.04, middle, names[1], ha="left", va="center", rotation=90, **small)
