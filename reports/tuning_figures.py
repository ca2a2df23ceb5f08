"""Figures of a tuning: history, importance, parallel coordinates and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .drawing import logarithmic, looks
from .figures import WIDTH, Drawing
from .formatting import shortened
from .palette import BLUE, GREY, INK, LINE, MUTED, VERMILLION
from .svg import rendered, style

Row = Mapping[str, Any]
Drawn = tuple[Figure, str]  # and its title, for screen readers
COLUMNS = 3


def drawings(rows: Sequence[Row], anchor: str) -> Iterator[Drawing]:
    """Draw the tuning of methods on one dataset; figures without data are left out."""
    for kind, (draw, needs, caption) in KINDS.items():
        shown = [row for row in rows if needs(row)]
        if shown:
            with style():
                figure, title = draw(shown)
                yield Drawing(f"{anchor}-{kind}.svg", title, caption, rendered(figure, title))


def complete(row: Row) -> list[Mapping[str, Any]]:
    return [trial for trial in row["trials"] if trial["state"] == "complete"]


def scale(row: Row) -> float:
    return 100.0 if row["score"] == "macro_f1" else 1.0


def label(row: Row) -> str:
    return "validation macro F1" if row["score"] == "macro_f1" else "minus validation error"


def panels(rows: Sequence[Row], height: float, columns: int = COLUMNS) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel a method."""
    columns = min(columns, len(rows))
    lines = math.ceil(len(rows) / columns)
    figure = Figure(figsize=(WIDTH, height * lines + 0.3), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    axes = list(grid.flat)
    for spare in axes[len(rows) :]:
        spare.set_visible(False)
    for axis, row in zip(axes, rows, strict=False):
        axis.set_title(shortened(row["method"], 30), loc="left", color=INK.light)
    return figure, axes[: len(rows)]


def history(rows: Sequence[Row]) -> Drawn:
    """Draw each trial's score and the best so far; pruned trials hollow, the default a line."""
    figure, axes = panels(rows, 1.7)
    for axis, row in zip(axes, rows, strict=True):
        done = complete(row)
        x, y = [t["number"] for t in done], [scale(row) * t["values"][0] for t in done]
        pruned = [t for t in row["trials"] if t["state"] == "pruned" and t["reported"]]
        axis.plot([t["number"] for t in pruned], [scale(row) * max(t["reported"]) for t in pruned],
                  "o", ms=3, mfc="none", mec=GREY.light, mew=0.8)  # fmt: skip
        axis.plot(x, y, "o", ms=3, color=BLUE.light)
        if done:
            best, last = np.maximum.accumulate(y), max(t["number"] for t in row["trials"])
            axis.step([*x, last], [*best, best[-1]], where="post", color=BLUE.light, lw=1.0)
        default = row["default"]
        if default and default["values"]:
            axis.axhline(scale(row) * default["values"][0], color=VERMILLION.light, lw=0.8, ls="--")
        axis.grid(axis="y")
        axis.set_axisbelow(True)
    figure.supylabel(label(rows[0]), fontsize=8.5)
    figure.supxlabel("trial (hollow: pruned; line: best so far; dashed: default)", fontsize=8.5)
    best = "; ".join(
        f"{row['method']} {scale(row) * row['best']['values'][0]:.1f}"
        for row in rows
        if row["best"]
    )
    return figure, f"Score of each trial in order, a panel a method. Best: {best}"


def importance(rows: Sequence[Row]) -> Drawn:
    """Draw the share of the score's variation that each setting explains."""
    longest = max(len(row["importance"]) for row in rows)
    figure, axes = panels(rows, 0.5 + 0.18 * longest, 2)
    for axis, row in zip(axes, rows, strict=True):
        names = list(row["importance"])[::-1]
        values = [100 * row["importance"][name] for name in names]
        axis.barh(range(len(names)), values, height=0.6, color=BLUE.light)
        axis.set_yticks(range(len(names)), [shortened(tail(row, name), 22) for name in names])
        axis.set_xlim(0, 100)
        axis.tick_params(axis="y", length=0)
    figure.supxlabel("% of the score's variation over the space (fANOVA)", fontsize=8.5)
    tops = "; ".join(f"{row['method']}: {tail(row, next(iter(row['importance'])))}" for row in rows)
    return figure, f"Importance of each setting. Most important: {tops}"


def tail(row: Row, path: str) -> str:
    """Return a setting's path without what every setting of its method shares."""
    return below(row, path).removeprefix("training.")


def below(row: Row, path: str) -> str:
    """Return a setting's path below its method's name."""
    return path.removeprefix(f"{row['method']}.")


def parallel(rows: Sequence[Row]) -> Drawn:
    """Draw each complete trial as a line over its settings, the better the darker."""
    figure, axes = panels(rows, 1.9, 1)
    for axis, row in zip(axes, rows, strict=True):
        done = sorted(complete(row), key=lambda t: t["values"][0])
        paths = [p["path"] for p in row["space"]]
        for rank, trial in enumerate(done):
            heights = [place(p, trial["params"][p["path"]]) for p in row["space"]]
            last = rank == len(done) - 1
            axis.plot(range(len(paths)), heights, lw=1.6 if last else 0.8,
                      color=VERMILLION.light if last else BLUE.light,
                      alpha=1.0 if last else 0.1 + 0.6 * rank / len(done))  # fmt: skip
        axis.set_xticks(range(len(paths)), [shortened(tail(row, p), 16) for p in paths])
        axis.set_yticks([])
        axis.set_ylim(-0.14, 1.14)
        axis.spines["left"].set_visible(False)
        for x, p in enumerate(row["space"]):
            axis.axvline(x, color=LINE.light, lw=0.6, zorder=0)
            low, high = ends(p)
            axis.text(x, -0.03, low, ha="center", va="top", fontsize=6.5, color=MUTED.light)
            axis.text(x, 1.03, high, ha="center", va="bottom", fontsize=6.5, color=MUTED.light)
    figure.supxlabel("setting (the best trial in the other colour; darker is better)", fontsize=8.5)
    names = ", ".join(row["method"] for row in rows)
    return figure, f"Settings of every complete trial as lines: {names}"


def place(space: Mapping[str, Any], value: Any) -> float:
    """Return where a value lies in its space, 0 to 1."""
    if space["choices"]:
        return space["choices"].index(value) / max(1, len(space["choices"]) - 1)
    low, high = space["low"], space["high"]
    if low == high:
        return 0.5
    if space["log"]:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def ends(space: Mapping[str, Any]) -> tuple[str, str]:
    values = (space["choices"] or [space["low"], space["high"]])[::1]
    first, last = values[0], values[-1]
    return tuple(
        f"{v:.3g}" if isinstance(v, float) else shortened(str(v), 14) for v in (first, last)
    )  # pyright: ignore[reportReturnType]


def pareto(rows: Sequence[Row]) -> Drawn:
    """Draw score against FLOPs with each method's front."""
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    axis = figure.subplots()
    styles = looks([row["method"] for row in rows])
    costs = [t["values"][1] for row in rows for t in complete(row)]
    for row in rows:
        look = styles[row["method"]]
        done = complete(row)
        axis.plot([t["values"][1] for t in done], [scale(row) * t["values"][0] for t in done],
                  look["marker"], ms=3, mfc="none", mec=look["color"], alpha=0.5)  # fmt: skip
        axis.plot([t["values"][1] for t in row["front"]],
                  [scale(row) * t["values"][0] for t in row["front"]], **look, ms=4, lw=1.2,
                  label=shortened(row["method"], 26))  # fmt: skip
    axis.set_xscale("log")
    logarithmic(axis.xaxis, min(costs), max(costs), "FLOP")
    axis.set_xlabel("FLOPs of one prediction at the greatest lengths")
    axis.set_ylabel(label(rows[0]))
    axis.legend(frameon=False, fontsize=7.5)
    fronts = "; ".join(f"{row['method']} {len(row['front'])} trials" for row in rows)
    return figure, f"Score against FLOPs, the fronts as lines: {fronts}"


KINDS = {
    "history": (
        history,
        bool,
        "Each trial's validation score, in order: full dots ended, hollow ones were pruned; the "
        "line is the best so far, the dashed line the default configuration.",
    ),
    "importance": (
        importance,
        lambda row: row["importance"],
        "Share of the score's variation over the search space that each setting explains (fANOVA).",
    ),
    "parallel": (
        parallel,
        complete,
        "Every complete trial as a line over the settings, the darker the better, the best in "
        "another colour.",
    ),
    "pareto": (
        pareto,
        lambda row: row["front"],
        "Validation score against the FLOPs of a prediction; lines join the trials that no other "
        "of their method beats in both.",
    ),
}
"""By kind of figure: what draws it, which methods have data for it, its caption."""
