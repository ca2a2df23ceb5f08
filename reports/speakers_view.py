"""Figure and table of the speakers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import captions
from .collect import Table
from .figures import WIDTH, Drawing, colour_of
from .formatting import integer, number, shortened, value
from .grids import Column, Entry, Grid
from .palette import INK, PAPER, Colour
from .svg import rendered, style

HARDEST = 8  # speakers that are listed
FEW = 15  # speakers whose ticks do not hide each other
BOX = 5  # speakers from which quartiles mean something


def drawing(table: Table) -> Drawing | None:
    """Draw each method's scores on the speakers; None where there are not two."""
    found = table.speakers
    if found is None:
        return None
    colours = {row.label: colour_of(row) for row in table.standings}
    metric = table.primary
    height = 0.75 + 0.25 * len(found.methods)
    left = (0.25 + 0.072 * max(len(shortened(m)) for m in found.methods)) / WIDTH
    with style():
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.add_axes((left, 0.48 / height, 1 - left - 0.35 / WIDTH, 1 - 0.58 / height))
        for y, (method, scores) in enumerate(zip(found.methods, found.scores, strict=True)):
            one(axes, y, scores * metric.scale, colours[method])
        axes.set_yticks(range(len(found.methods)), [shortened(m) for m in found.methods])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(len(found.methods) - 0.4, -0.6)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        unit = ", %" if metric.scale == 100 else ""
        axes.set_xlabel(f"{metric.label} of a speaker{unit} ({metric.direction})")
        title = f"Scores of each speaker, {table.title}"
        svg = rendered(figure, title)
    text = (
        f"Every tick is one of the {len(found.names)} test speakers: the method's "
        f"{metric.label} on that speaker's examples alone, averaged over the seeds that tested "
        "it. The dot is the median"
    )
    text += ", the bar the middle half." if len(found.names) >= BOX else "."
    text += (
        " A speaker's own score is made of few examples, and of its own classes: its mean is not "
        "the leaderboard's figure."
    )
    return Drawing(f"{table.anchor}-speakers.svg", title, text, svg)


def one(axes: Axes, y: int, scores: np.ndarray, colour: Colour) -> None:
    """Draw one method's speakers: ticks, the middle half, the median."""
    # One path for all ticks: a marker for each would double the page's size.
    x = np.repeat(scores, 3)
    ends = np.tile([y - 0.28, y + 0.28, np.nan], len(scores))
    alpha = 0.9 if len(scores) <= FEW else 0.5
    axes.plot(x, ends, "-", lw=1.3, color=colour.light, alpha=alpha, solid_capstyle="butt")
    if len(scores) >= BOX:
        low, high = np.quantile(scores, [0.25, 0.75])
        axes.plot([low, high], [y, y], "-", lw=3.2, color=colour.light, solid_capstyle="butt")
    axes.plot([np.median(scores)], [y], "o", ms=5.5, mew=0.9, color=INK.light, mec=PAPER.light)


def hardest(table: Table) -> Grid | None:
    """The speakers on which the methods do worst, and the easiest one for comparison."""
    found = table.speakers
    if found is None:
        return None
    metric = table.primary
    shown = list(range(len(found.names)))
    if len(shown) > HARDEST + 1:
        shown = [*shown[:HARDEST], len(found.names) - 1]
    rows = []
    for i in shown:
        column = found.scores[:, i]
        order = np.argsort(-column if metric.higher else column, kind="stable")
        best, last = int(order[0]), int(order[-1])
        whole = float(found.examples[i]).is_integer()
        entries = [
            Entry(found.names[i], name=True),
            Entry(number(found.examples[i], 0 if whole else 1)),
            Entry(integer(found.seeds[i])),
            Entry(value(metric, float(column.mean()))),
            Entry(value(metric, float(column[best]))),
            Entry(found.methods[best], name=True),
        ]
        if len(column) > 1:
            entries += [
                Entry(value(metric, float(column[last]))),
                Entry(found.methods[last], name=True),
            ]
        rows.append(tuple(entries))
    head = [Column("speaker", False), Column("examples"), Column("seeds"), Column("all methods"),
            Column("best"), Column("of", False)]  # fmt: skip
    if len(found.methods) > 1:
        head += [Column("worst"), Column("of", False)]
    text = (
        f"{'Hardest speakers' if len(shown) < len(found.names) else 'Speakers, hardest first'}"
        f"{', and the easiest one' if len(shown) < len(found.names) else ''}, "
        f"{captions.head(table)}: {metric.label} on a speaker's own examples"
        f"{' in per cent' if metric.scale == 100 else ''}, mean over seeds and methods, and of "
        "the best and the worst method there. Examples: of one seed."
    )
    return Grid(f"{table.anchor}-speakers", text, tuple(head), tuple(rows))
