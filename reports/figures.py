"""The figures of a table: scores with their levels, training curves, confusion matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from . import captions
from .collect import Table
from .details import Confusion, Curve
from .formatting import number, shortened
from .metrics import Metric
from .multiples import Panel, multiples
from .palette import BLUE, GREEN, GREY, INK, MUTED, PAPER, VERMILLION, Colour
from .published import Published
from .standings import Standing
from .svg import rendered, style

WIDTH = 9.6  # inches
ANNOTATED = 12  # classes up to which a confusion matrix holds numbers


@dataclass(frozen=True)
class Drawing:
    """A figure: its file's name, its title for screen readers, its caption, its SVG document."""

    name: str
    title: str
    caption: str
    svg: str


def drawings(table: Table) -> dict[str, Drawing]:
    """Draw a table's figures, by kind; those without data are left out."""
    found = {}
    with style():
        if any(row.estimates[table.primary.key].known for row in table.measured):
            found["scores"] = scores(table)
        if table.curves:
            found["curves"] = curves(table)
        if table.confusions:
            found["confusion"] = confusions(table)
    return found


def scores(table: Table) -> Drawing:
    """Draw every seed, the mean and its 95 % interval, with chance and ceiling where they apply."""
    rows = [r for r in table.measured if r.estimates[table.primary.key].known]
    shown = list(dict.fromkeys((table.primary, table.levelled)))
    height = 0.85 + 0.26 * len(rows)
    figure = Figure(figsize=(WIDTH, height))
    label = max(len(shortened(row.label)) for row in rows)
    left, gap, right = (0.25 + 0.072 * label) / WIDTH, 0.25 / WIDTH, 0.35 / WIDTH
    width = (1 - left - right - gap * (len(shown) - 1)) / len(shown)
    bottom, top = 0.45 / height, 1 - 0.25 / height
    for i, metric in enumerate(shown):
        axes = figure.add_axes((left + i * (width + gap), bottom, width, top - bottom))
        panel(axes, rows, metric)
        if metric == table.levelled:
            levels(axes, table, metric)
        axes.set_yticks(range(len(rows)), [shortened(r.label) if i == 0 else "" for r in rows])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        unit = ", %" if metric.scale == 100 else ""
        axes.set_xlabel(f"{metric.label}{unit} ({metric.direction})")
    caption = (
        f"{captions.drawn_over_seeds(table.crossed).capitalize()}; below, each seed. Baseline in "
        "orange, single modalities in green."
    )
    if table.chance.known or table.has_ceiling or published_levels(table):
        lines = "dashed: the level of one constant answer" if table.chance.known else ""
        ceiling = "dotted: the oracle of all modalities" if table.has_ceiling else ""
        others = [f"dash-dotted: {entry.system}" for entry in published_levels(table)]
        caption += f" Lines, {'; '.join(filter(None, (lines, ceiling, *others)))}."
    return drawn(table, "scores", figure, caption)


def panel(axes: Axes, rows: Sequence[Standing], metric: Metric) -> None:
    """Draw one measure's row of seeds, mean and interval for each method."""
    for y, row in enumerate(rows):
        estimate, colour = row.estimates[metric.key], colour_of(row)
        values = [o.metrics.get(metric.key, math.nan) * metric.scale for o in row.outcomes]
        axes.plot(
            values,
            [y + 0.26] * len(values),
            "o",
            ms=3,
            mew=0,
            color=colour.light,
            alpha=0.5,
            clip_on=False,
        )
        interval = estimate.interval
        if math.isfinite(interval.low):
            ends = metric.ends(interval.low, interval.high)
            axes.plot([end * metric.scale for end in ends], [y, y], "-", lw=1.6, color=colour.light)
        axes.plot(
            [interval.mean * metric.scale], [y], "o", ms=5.5, mew=0.8, color=colour.light,
            mec=PAPER.light,
        )  # fmt: skip
    axes.set_ylim(len(rows) - 0.35, -0.6)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.margins(x=0.06)


def levels(axes: Axes, table: Table, metric: Metric) -> None:
    """Draw the level of a constant answer, the ceiling and published levels, each with its name."""
    others = [(e.metrics[metric.key], (0, (5, 2, 1, 2)), e.level) for e in published_levels(table)]
    for value, line, name in (
        (table.chance.mean, (0, (4, 3)), "chance"),
        (table.ceiling, (0, (1, 2)), "ceiling"),
        *others,
    ):
        if math.isfinite(value):
            axes.axvline(value * metric.scale, color=INK.light, lw=1.0, ls=line)
            axes.annotate(
                f"{name} {number(value * metric.scale, metric.digits)}",
                (value * metric.scale, 1.0), (0, 3), xycoords=("data", "axes fraction"),
                textcoords="offset points", ha="center", va="bottom", fontsize=7.5,
                color=MUTED.light,
            )  # fmt: skip


def published_levels(table: Table) -> list[Published]:
    """Return the published results that are drawn as a line, such as what people reach."""
    return [e for e in table.published if e.level and table.levelled.key in e.metrics]


def colour_of(row: Standing) -> Colour:
    """Baseline, single modality, or another method."""
    if row.baseline:
        return VERMILLION
    return GREEN if row.single else BLUE


def curves(table: Table) -> Drawing:
    """Draw the validation curves as small multiples, the baseline's mean behind each."""
    scale = 100.0 if table.kind == "classification" else 1.0
    baseline = next((c for c in table.curves if c.baseline), None)
    names = {"macro_f1": "macro F1, %", "-mae": "minus MAE"}
    figure, panels = multiples(
        len(table.curves), WIDTH, 1.1, *extent(table.curves, scale),
        ("epoch", names.get(table.score, table.score)),
    )  # fmt: skip
    for panel_, curve in zip(panels, table.curves, strict=True):
        if baseline is not None and curve is not baseline:
            panel_.line(baseline.epochs, baseline.mean * scale, color=GREY.light, lw=1.1)
        one_curve(panel_, curve, scale)
    caption = (
        "Score on the validation part by epoch: mean and one standard deviation over the runs "
        "(seeds and folds) that still train; a curve ends where fewer than half do. The dot is "
        "the median epoch whose weights were kept."
    )
    if baseline is not None and len(table.curves) > 1:
        caption += f" Grey: the baseline, {baseline.method}."
    return drawn(table, "curves", figure, caption)


def extent(shown: Sequence[Curve], scale: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the scales that hold all curves and their bands."""
    epochs = np.concatenate([c.epochs for c in shown])
    spread = np.concatenate([e for c in shown for e in (c.mean, c.mean - c.sd, c.mean + c.sd)])
    known = spread[np.isfinite(spread)] * scale
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.05
    last = max(float(epochs.max()), 2.0) if len(epochs) else 2.0
    return (0.0, 1.03 * last), (low - margin, high + margin)


def one_curve(panel: Panel, curve: Curve, scale: float) -> None:
    """Draw one method's curve, band and chosen epoch."""
    colour = VERMILLION if curve.baseline else BLUE
    low, high = (curve.mean - curve.sd) * scale, (curve.mean + curve.sd) * scale
    panel.band(curve.epochs, low, high, colour.light)
    panel.line(curve.epochs, curve.mean * scale, color=colour.light, lw=1.3)
    at = np.interp(curve.chosen, curve.epochs, curve.mean * scale)
    if len(curve.epochs) and math.isfinite(at):
        look = {"marker": "o", "ms": 4, "mec": PAPER.light, "mew": 0.8}
        panel.line([curve.chosen], [at], color=colour.light, **look)
    panel.title(shortened(curve.method, 30))


def confusions(table: Table) -> Drawing:
    """Draw the confusion matrices of the best few methods, each row of shares adding to one."""
    across = 3
    classes = table.confusions[0].classes
    many = len(classes) > ANNOTATED
    names = [shortened(name, 16) for name in classes]
    # The longest name sets the margin, at half its size in points per letter.
    margin = 0.12 + max(map(len, names)) * (0.036 if many else 0.055)
    side = WIDTH / across - margin - 0.15
    height = side + margin + 0.3
    figure = Figure(figsize=(WIDTH, height))
    for i, confusion in enumerate(table.confusions):
        left = (margin + i * WIDTH / across) / WIDTH
        axes = figure.add_axes((left, margin / height, side / WIDTH, side / height))
        matrix(axes, confusion)
        axes.set_xticks(range(len(classes)), names, rotation=90, fontsize=4.6 if many else 7)
        axes.set_yticks(range(len(classes)), names, fontsize=4.6 if many else 7)
        axes.tick_params(length=0)
        axes.set_title(shortened(confusion.method, 34), loc="left", pad=4)
        axes.spines[:].set_visible(True)
    caption = (
        "Confusions of the first methods of the leaderboard: rows are true classes, columns "
        "answers; the shading is the share of the row, averaged over seeds"
        + (" (a full square is one)." if many else ", in per cent.")
    )
    return drawn(table, "confusion", figure, caption)


def matrix(axes: Axes, confusion: Confusion) -> None:
    """Draw one matrix: squares whose opacity is the share, in steps of a twentieth.

    Opacity rather than a colour scale, so that the page's dark mode needs no second figure.
    """
    size = len(confusion.classes)
    steps = np.ceil(confusion.shares.clip(0, 1) * 20).astype(int)
    steps[confusion.shares < 0.005] = 0
    top = 0.68 if size <= ANNOTATED else 0.95  # a number must be read on the darkest square
    for step in range(1, 21):
        squares = [square(x, y) for y, x in zip(*np.nonzero(steps == step), strict=True)]
        if squares:
            path = Outline.make_compound_path(*squares)
            axes.add_patch(PathPatch(path, color=BLUE.light, alpha=top * step / 20, lw=0))
    if size <= ANNOTATED:
        for (y, x), share in np.ndenumerate(confusion.shares):
            if share >= 0.005:
                axes.text(x, y, f"{100 * share:.0f}", ha="center", va="center", fontsize=7)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)


def square(x: int, y: int) -> Outline:
    """Return the unit square about a point."""
    a, b, c, d = x - 0.5, x + 0.5, y - 0.5, y + 0.5
    return Outline([(a, c), (b, c), (b, d), (a, d), (a, c)], closed=True)


def drawn(table: Table, kind: str, figure: Figure, caption: str) -> Drawing:
    """Render a figure under its file's name."""
    kinds = {
        "scores": "Scores of each method",
        "curves": "Validation score of each method by epoch",
        "confusion": "Confusion matrices of the first methods",
    }
    title = f"{kinds[kind]}, {table.title}"
    return Drawing(f"{table.anchor}-{kind}.svg", title, caption, rendered(figure, title))
