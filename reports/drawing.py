"""What the figures of costs and lengths share: one look for each method, labels that keep apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..benchmark.cost.units import prefixed
from .formatting import shortened
from .palette import LINE, SERIES

DASHES = ("-", (0, (4, 2)), (0, (1, 1.4)), (0, (5, 1.5, 1, 1.5)))
MARKERS = ("o", "s", "D", "^")


def looks(methods: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return each method's colour, dashes and marker, told apart by shape where colours repeat."""
    return {
        method: {
            "color": SERIES[i % len(SERIES)].light,
            "ls": DASHES[i // len(SERIES) % len(DASHES)],
            "marker": MARKERS[i // len(SERIES) % len(MARKERS)],
        }
        for i, method in enumerate(methods)
    }


def label_ends(
    axes: Axes, ends: Mapping[str, tuple[float, float]], styles: Mapping[str, Mapping[str, Any]],
    size: float = 7.5,
) -> None:  # fmt: skip
    """Write each line's name to the right of the panel, beside its last point, none over another.

    Fixes the panel's limits. A name that had to move is led to its point.

    Parameters
    ----------
    ends
        By method, its last point in the data's coordinates.
    """
    axes.set_xlim(axes.get_xlim())
    axes.set_ylim(axes.get_ylim())
    to_axes = axes.transData + axes.transAxes.inverted()
    at = {name: to_axes.transform(point) for name, point in ends.items()}
    height = axes.get_window_extent().height * 72 / axes.figure.dpi
    places = apart({name: float(y) for name, (_, y) in at.items()}, 1.25 * size / height)
    for name, (x, y) in at.items():
        axes.plot(
            [float(x), 1.015, 1.035], [float(y), places[name], places[name]], "-",
            color=LINE.light, lw=0.5, transform=axes.transAxes, clip_on=False, zorder=0,
        )  # fmt: skip
        axes.annotate(
            shortened(name, 26), (1.04, places[name]), xycoords="axes fraction", va="center",
            fontsize=size, color=styles[name]["color"], annotation_clip=False,
        )  # fmt: skip


def apart(wanted: Mapping[str, float], gap: float) -> dict[str, float]:
    """Move places between 0 and 1 as little as keeps them a gap apart, their order unchanged.

    Neighbours that are too close become a block about the mean of their wishes (the pool-adjacent
    -violators algorithm on places less their rank's gaps, which is the least-squares answer; cut
    at the limits it is the answer between them). Where there is no room they go on below 0.

    >>> apart({"a": 0.5, "b": 0.5, "c": 0.9}, 0.1)
    {'a': 0.45, 'b': 0.55, 'c': 0.9}
    >>> apart({"a": 0.98, "b": 0.99, "c": 0.1}, 0.1)
    {'c': 0.1, 'a': 0.9, 'b': 1.0}
    """
    order = sorted(wanted, key=lambda name: wanted[name])
    blocks: list[tuple[float, int]] = []  # mean of (wish - rank * gap), members
    for rank, name in enumerate(order):
        blocks.append((wanted[name] - rank * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (upper, n), (lower, m) = blocks.pop(), blocks.pop()
            blocks.append(((upper * n + lower * m) / (n + m), n + m))
    found, rank = {}, 0
    last = 1 - (len(order) - 1) * gap  # from where the rest still finds room
    for mean, members in blocks:
        for _ in range(members):
            found[order[rank]] = round(min(max(mean, 0.0), last) + rank * gap, 9)
            rank += 1
    return found


def logarithmic(axis: Axis, low: float, high: float, unit: str) -> None:
    """Label a logarithmic axis in a unit's prefixes, between the decades where it spans few."""
    subs = (1, 2, 5) if high / low < 100 else (1,)
    axis.set_major_locator(LogLocator(base=10, subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: prefixed(value, unit)))
    axis.set_minor_formatter(NullFormatter())


def decades(axes: Axes, low: float, high: float) -> None:
    """Give a logarithmic axis that spans less than a decade room for a labelled tick."""
    if high / low < 10:
        middle = math.sqrt(low * high)
        axes.set_ylim(min(low, middle / 3.4), max(high, middle * 3.4))
