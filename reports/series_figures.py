"""Quality against length and against compute, in one figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from . import captions
from .drawing import label_ends, logarithmic, looks
from .figures import WIDTH, Drawing
from .formatting import integer
from .palette import PAPER
from .series import Series
from .svg import rendered, style

DODGE = 0.035  # between two methods' intervals at one length, in doublings


def drawing(shown: Series) -> Drawing:
    """Draw the score against length and, where FLOPs were counted, against them."""
    counted = any(
        math.isfinite(shown.flops(method, length))
        for method in shown.methods
        for length in shown.lengths
    )
    with style():
        styles = looks(shown.methods)
        tall = max(2.9, 0.17 * len(shown.methods))
        height = tall + 0.75
        figure = Figure(figsize=(WIDTH, height))
        across = 2 if counted else 1
        for i in range(across):
            left = (0.55 + i * WIDTH / 2) / WIDTH
            width = (WIDTH / across - 2.1) / WIDTH
            axes = figure.add_axes((left, 0.45 / height, width, tall / height))
            if i == 0:
                against_length(axes, shown, styles)
            else:
                against_flops(axes, shown, styles)
        title = f"{shown.metric.label} against length and compute, {shown.title}"
        text = (
            f"{shown.metric.label} of methods trained and tested at each length: "
            f"{captions.drawn_over_seeds(shown.crossed)}."
        )
        if counted:
            text += (
                " Right: the same against counted FLOPs of one inference with the longest example; "
                "a line joins a method's lengths in order."
            )
        return Drawing(f"{shown.anchor}-length.svg", title, text, rendered(figure, title))


def against_length(axes: Axes, shown: Series, styles: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw the score against length, intervals side by side."""
    axes.set_xscale("log", base=2)
    middle = (len(shown.methods) - 1) / 2
    shift = {m: 2 ** (DODGE * (i - middle)) for i, m in enumerate(shown.methods)}
    ends = lines(axes, shown, styles, lambda method, length: length * shift[method])
    axes.set_xlim(shown.lengths[0] / 1.25, shown.lengths[-1] * 1.25)
    axes.set_xticks(shown.lengths, [integer(length) for length in shown.lengths])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"{shown.unit}, longest example")
    finish(axes, shown, ends, styles)


def against_flops(axes: Axes, shown: Series, styles: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw the score against FLOPs of one inference."""
    axes.set_xscale("log")
    ends = lines(axes, shown, styles, shown.flops)
    logarithmic(axes.xaxis, *axes.get_xlim(), "FLOP")
    axes.set_xlabel("FLOPs of one inference, longest example")
    finish(axes, shown, ends, styles)


def lines(
    axes: Axes, shown: Series, styles: Mapping[str, Mapping[str, Any]],
    place: Callable[[str, int], float],
) -> dict[str, tuple[float, float]]:  # fmt: skip
    """Draw a line a method and return its last points."""
    ends, scale = {}, shown.metric.scale
    for method in shown.methods:
        look, points = styles[method], []
        for length in shown.lengths:
            estimate, x = shown.estimate(method, length), place(method, length)
            if estimate is None or not math.isfinite(x):
                continue
            points.append((x, estimate.mean * scale))
            interval = estimate.interval
            if math.isfinite(interval.low):
                low, high = shown.metric.ends(interval.low, interval.high)
                span = [low * scale, high * scale]
                axes.plot([x, x], span, "-", color=look["color"], lw=1.2, alpha=0.6)
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, ls=look["ls"], color=look["color"], lw=1.3)
            axes.plot(x, y, look["marker"], color=look["color"], ms=4.2, mec=PAPER.light, mew=0.6)
            ends[method] = points[-1]
    return ends


def finish(
    axes: Axes, shown: Series, ends: Mapping[str, tuple[float, float]],
    styles: Mapping[str, Mapping[str, Any]],
) -> None:  # fmt: skip
    unit = ", %" if shown.metric.scale == 100 else ""
    axes.set_ylabel(f"{shown.metric.label}{unit}")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.margins(y=0.06)
    label_ends(axes, ends, styles)
