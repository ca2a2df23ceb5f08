"""The forest plot: every planned difference with its interval and the region of equivalence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from .collect import Table
from .evidence import Evidence
from .evidence_grid import points, test
from .figures import WIDTH, Drawing
from .formatting import shortened
from .palette import BLUE, INK, LINE, MUTED, PAPER, VERMILLION, Colour
from .svg import rendered, style

MOST = 40  # comparisons that a figure holds


def forest(table: Table) -> Drawing | None:
    """Draw a table's planned comparisons; None where none has an interval."""
    known = [e for e in table.evidence if math.isfinite(e.test.low)]
    if not known:
        return None
    found = sorted(known, key=lambda e: -e.test.difference)[:MOST]
    with style():
        figure = drawn(found, name_of(table))
        first = found[0]
        title = f"Differences with their intervals, {table.title}"
        svg = rendered(figure, title)
    return Drawing(f"{table.anchor}-forest.svg", title, caption(table, first, len(known)), svg)


def name_of(table: Table) -> bool:
    """Whether a row must name both methods: where not all are held against one baseline."""
    return len({e.other for e in table.evidence}) > 1


def drawn(found: Sequence[Evidence], both: bool) -> Figure:
    """Draw one row a comparison: interval, point, and what stands on the right in figures."""
    metric, rules = found[0].metric, found[0].rules
    labels = [
        f"{shortened(e.method, 22)} against {shortened(e.other, 22)}" if both else
        shortened(e.method) for e in found
    ]  # fmt: skip
    height = 0.85 + 0.24 * len(found)
    left = (0.25 + 0.072 * max(map(len, labels))) / WIDTH
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((left, 0.48 / height, 1 - left - 1.3 / WIDTH, 1 - 0.68 / height))
    if metric.scale == 100.0:
        edge = rules.margin * metric.scale
        axes.axvspan(-edge, edge, color=LINE.light, alpha=0.5, lw=0)
    axes.axvline(0, color=INK.light, lw=0.8)
    for y, one in enumerate(found):
        colour, test = colour_of(one), one.test
        ends = [test.low * metric.scale, test.high * metric.scale]
        axes.plot(ends, [y, y], "-", lw=1.6, color=colour.light)
        face = colour.light if one.separated else PAPER.light
        point = test.difference * metric.scale
        axes.plot([point], [y], "o", ms=5.5, mew=1.3, mfc=face, mec=colour.light)
        axes.annotate(
            one.verdict, (1, y), (6, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", fontsize=7.5, color=colour.light,
            annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(range(len(found)), labels)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    to = "the other" if both else f"the baseline, {shortened(found[0].other, 40)}"
    axes.set_xlabel(f"difference to {to}, in {metric.label} ({metric.unit}; right is better)")
    return figure


def colour_of(found: Evidence) -> Colour:
    """Better, worse, or not separated."""
    if not found.separated:
        return MUTED
    return BLUE if found.test.difference > 0 else VERMILLION


def caption(table: Table, first: Evidence, known: int) -> str:
    """Say what marks, bands and the test are."""
    text = (
        f"Differences {first.holds_for}, figures in the table above: point and "
        f"{100 * first.test.confidence:g} % interval of {test(first)}, not corrected. Filled: "
        "separated after Holm, blue better, orange worse; hollow: not."
    )
    if first.metric.scale == 100.0:
        text += f" Shaded: ±{points(first.rules.margin)}, practically equal."
    if known > MOST:
        text += f" The {MOST} greatest of {known}."
    untested = len(table.evidence) - known
    if untested:
        text += f" Without an interval and left out: {untested}."
    return text
