"""Tables and figures of what several datasets say together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from ..benchmark.statistics.nemenyi import SMALLEST_POOL
from .across import Across, Profile
from .figures import WIDTH, Drawing
from .formatting import count, integer, number, p_phrase, shortened
from .grids import Column, Entry, Grid
from .multiples import Panel, multiples
from .palette import BLUE, GREY, INK, MUTED, PAPER, VERMILLION
from .svg import rendered, style


@dataclass(frozen=True)
class Together:
    """One size's part of the report over datasets."""

    anchor: str
    title: str
    ranks: Grid | None
    sentences: tuple[str, ...]
    diagram: Drawing | None
    profile: Drawing | None

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        return tuple(d for d in (self.diagram, self.profile) if d is not None)


def together(found: Across) -> Together:
    """Set one size's part."""
    return Together(
        found.anchor,
        f"Over {count(len(found.datasets), 'dataset')}, size {found.size}",
        ranks(found),
        tuple(sentences(found)),
        diagram(found) if found.whole else None,
        profile(found) if found.profiles else None,
    )


def sentences(found: Across) -> list[str]:
    """Say what the tests over datasets say, and what is not drawn and why."""
    said = []
    if found.left_out:
        said.append(f"Without a mean on every dataset, and left out: {', '.join(found.left_out)}.")
    order = found.order
    if order is None:
        said.append(
            f"{count(len(found.methods), 'method')} with a mean on every dataset: there is "
            "nothing to rank."
        )
        return said
    gate, pairs = order.friedman, order.pairs
    if math.isnan(gate.p):
        said.append("All methods tie on every dataset: their ranks cannot be tested.")
    elif gate.p < pairs.alpha:
        said.append(f"The ranks differ over datasets: {test(found)}. {pairs.sentence()}")
    else:
        said.append(
            f"The datasets do not separate the methods' ranks: {test(found)}; so no pair is tested."
        )
    if not found.whole:
        said.append(
            f"There is no critical-difference diagram: it takes {SMALLEST_POOL} datasets, and "
            f"with {len(found.datasets)} the smallest p of a pair is {number(pairs.smallest_p, 2)} "
            f"before Holm's correction for {count(len(pairs.pairs), 'pair')}."
        )
    if not found.profiles:
        said.append(
            "There is no performance profile: it takes one metric between 0 and 1 on all "
            "datasets, and seeds that a method has done on all of them."
        )
    return said


def test(found: Across) -> str:
    """Friedman's test in figures."""
    assert found.order is not None
    gate = found.order.friedman
    how = " by permutation" if gate.kind == "permutation" else ""
    statistic = "∞" if math.isinf(gate.statistic) else number(gate.statistic, 2)
    return (
        f"Friedman's test in Iman and Davenport's form, F({gate.df1}, {gate.df2}) = {statistic}, "
        f"{p_phrase(gate.p)}{how}"
    )


def ranks(found: Across) -> Grid | None:
    """Mean ranks, the ranks that the tests leave open, and interquartile means."""
    if not found.methods:
        return None
    head = [Column("method", False)]
    if found.order is not None:
        head += [Column("mean rank"), Column("rank")]
    middles = {one.method: one for one in found.profiles}
    if middles:
        head += [Column("interquartile mean, %"), Column("runs")]
    head += [Column(title, choice="dataset") for title in found.datasets]
    scale = 100.0 if middles else 1.0
    rows = []
    for i, method in enumerate(found.methods):
        entries = [Entry(method, name=True)]
        if found.order is not None:
            low, high = found.order.groups.low[i], found.order.groups.high[i]
            entries += [
                Entry(number(found.order.friedman.mean_ranks[i], 2)),
                Entry(str(low) if low == high else f"{low}–{high}", sort=low),
            ]
        if middles:
            entries += [middle(middles[method]), Entry(integer(middles[method].middle.runs))]
        digits = 1 if middles else 3
        entries += [Entry(number(scale * mean, digits)) for mean in found.means[:, i]]
        rows.append(tuple(entries))
    return Grid(f"{found.anchor}-ranks", caption(found), tuple(head), tuple(rows))


def middle(found: Profile) -> Entry:
    """Set an interquartile mean with its interval, where that is not withheld."""
    text, mean = number(100 * found.middle.mean, 1), found.middle
    if mean.withheld or not math.isfinite(mean.low):
        return Entry(text, below="withheld")
    return Entry(text, below=f"{number(100 * mean.low, 1)} to {number(100 * mean.high, 1)}")


def caption(found: Across) -> str:
    """Say how datasets are put together."""
    text = (
        f"Over the datasets {', '.join(found.datasets)}, size {found.size}: means of "
        f"{found.metric}, one for each dataset."
    )
    if found.order is not None:
        text += (
            " Mean rank: 1 is the best on every dataset. Rank: what the tests leave open "
            "(Friedman's test as the gate, then Wilcoxon's signed rank for every pair with Holm)."
        )
    if found.profiles:
        text += (
            " Interquartile mean: of the middle half of all runs over seeds and datasets, not "
            "normalised, each dataset with the same number of runs; 95 % stratified bootstrap "
            "interval."
        )
        reasons = {one.middle.withheld for one in found.profiles} - {None}
        if reasons:
            text += f" Withheld: {'; '.join(sorted(str(r) for r in reasons))}."
    return text


def diagram(found: Across) -> Drawing:
    """Draw Demsar's diagram (2006): mean ranks on a line, bars over what is not separated."""
    order = found.order
    assert order is not None
    positions = np.array(order.friedman.mean_ranks)
    k = len(found.methods)
    half = (k + 1) // 2
    bars = [group for group in order.groups.groups if len(group) > 1]
    top = 0.55 + 0.13 * len(bars)
    height = top + 0.24 * half + 0.2
    with style():
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(height, 0)
        margin = 0.45 + 0.075 * max(len(shortened(m)) for m in found.methods)

        def at(rank: float) -> float:
            return margin + (rank - 1) / max(k - 1, 1) * (WIDTH - 2 * margin)

        axis = 0.38
        axes.plot([at(1), at(k)], [axis, axis], "-", lw=0.9, color=INK.light)
        for rank in range(1, k + 1):
            axes.plot([at(rank)] * 2, [axis - 0.06, axis], "-", lw=0.8, color=INK.light)
            axes.text(at(rank), axis - 0.1, str(rank), ha="center", va="bottom", fontsize=7.5)
        for i, (method, rank) in enumerate(zip(found.methods, positions, strict=True)):
            left = i < half
            y = top + 0.24 * (i if left else k - 1 - i) + 0.1
            edge = margin - 0.12 if left else WIDTH - margin + 0.12
            axes.plot([at(rank), at(rank), edge], [axis, y, y], "-", lw=0.8, color=MUTED.light)
            axes.text(
                edge + (-0.06 if left else 0.06), y,
                f"{shortened(method)}  {number(rank, 2)}" if left else
                f"{number(rank, 2)}  {shortened(method)}",
                ha="right" if left else "left", va="center", fontsize=8,
            )  # fmt: skip
        for row, group in enumerate(bars):
            y = axis + 0.12 + 0.13 * row
            ends = positions[list(group)].min(), positions[list(group)].max()
            axes.plot(
                [at(ends[0]) - 0.07, at(ends[1]) + 0.07], [y, y], "-", lw=4, color=BLUE.light,
                solid_capstyle="butt",
            )  # fmt: skip
            members = [at(positions[i]) for i in group]
            axes.plot(members, [y] * len(members), "o", ms=2.6, mew=0, color=PAPER.light)
        title = f"Critical-difference diagram over {count(len(found.datasets), 'dataset')}"
        svg = rendered(figure, title)
    cd = order.nemenyi.distance
    text = (
        f"Mean ranks over {count(len(found.datasets), 'dataset')} (1 is best); a bar joins methods "
        f"(its dots) that no test separates: {test(found)}, then Wilcoxon's signed rank for every "
        f"pair with Holm at {order.pairs.alpha:g}. Nemenyi's critical distance would be "
        f"{number(cd, 2)} ranks; it decides nothing here, because its verdict on a pair depends on "
        "the other methods (Benavoli et al., 2016)."
    )
    return Drawing(f"{found.anchor}-ranks.svg", title, text, svg)


def profile(found: Across) -> Drawing:
    """Draw the share of runs above every score as small multiples, the baseline behind each."""
    shown = found.profiles
    baseline = next((one for one in shown if one.baseline), None)
    levels = steps(shown[0])[0]
    with style():
        figure, panels = multiples(
            len(shown), WIDTH, 1.0, (levels[0], levels[-1]), (-0.03, 1.03),
            (f"{found.metric}, %", "share of runs above"),
        )  # fmt: skip
        for panel_, one in zip(panels, shown, strict=True):
            if baseline is not None and one is not baseline:
                panel_.line(*steps(baseline), color=GREY.light, lw=1.1)
            draw(panel_, one)
        title = f"Performance profiles over {count(len(found.datasets), 'dataset')}"
        svg = rendered(figure, title)
    runs = {one.profile.runs for one in shown}
    text = (
        f"Share of the runs (seeds and datasets) whose {found.metric} exceeds each score, every "
        f"dataset with the same weight, not normalised; {', '.join(map(str, sorted(runs)))} seeds "
        f"on each of {len(found.datasets)} datasets. Band: pointwise 95 % stratified bootstrap "
        "over seeds (Agarwal et al., 2021); the dot is the interquartile mean's place."
    )
    if baseline is not None and len(shown) > 1:
        text += f" Grey: the baseline, {baseline.method}."
    if min(runs) < 2:
        text += " A method with one seed has no band."
    return Drawing(f"{found.anchor}-profile.svg", title, text, svg)


def steps(one: Profile) -> tuple[np.ndarray, np.ndarray]:
    """Return thresholds in per cent and the share above each."""
    return 100 * np.array(one.profile.thresholds), np.array(one.profile.above)


def draw(panel: Panel, one: Profile) -> None:
    """Draw one method's profile and band."""
    colour = VERMILLION if one.baseline else BLUE
    x, y = steps(one)
    if math.isfinite(one.profile.low[0]):
        panel.band(x, one.profile.low, one.profile.high, colour.light)
    panel.line(x, y, color=colour.light, lw=1.3)
    at = 100 * one.middle.mean
    panel.line([at], [np.interp(at, x, y)], marker="o", ms=4, color=colour.light)
    panel.title(shortened(one.method, 30))
