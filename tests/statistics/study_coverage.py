"""How often intervals hold what is true."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from fusemark.benchmark.statistics.bootstrap import bootstrap_mean
from fusemark.benchmark.statistics.hierarchical import hierarchical_interval
from fusemark.benchmark.statistics.intervals import mean_interval
from fusemark.benchmark.statistics.superiority import superiority_over_cells
from fusemark.benchmark.statistics.tabulate import mean_score
from scipy import special

from .study_rows import SPREADS, TEST_SPEAKERS, Array, Random, Row, cells_of, draw_cells, row

WITHHELD = " (withheld)"
WINNERS = {
    "both": (1.0, 0.5, 1.0),
    "a speaker's cells alike": (1.0, 0.0, 0.2),
    "a seed's cells alike": (0.0, 1.0, 0.2),
}
"""Standard deviations as in ``SPREADS``; where cells are alike they are worth least."""


def coverage(
    rng: Random,
    runs: int,
    seeds: tuple[int, ...] = (2, 5, 10, 20),
    speakers: tuple[int, ...] = (5, 20, 91),
    spreads: dict[str, tuple[float, float, float]] = SPREADS,
    designs: tuple[str, ...] = ("crossed", "redrawn"),
    draws: int = 500,
) -> Iterator[Row]:
    """How often 95 % intervals for new seeds and new speakers hold the true difference, zero.

    The method's name says where the report withholds the interval.
    """
    for design in designs:
        for k in seeds:
            for s in speakers:
                for setting, spread in spreads.items():
                    hits: dict[str, list[bool]] = {}
                    tested = TEST_SPEAKERS[s] if design == "redrawn" else 0
                    for _ in range(runs):
                        d = draw_cells(rng, k, s, spread, tested)
                        for name, held in _intervals(rng, d, design, draws):
                            hits.setdefault(name, []).append(held)
                    for name, found in hits.items():
                        yield row("coverage", name, found, design, k, s, setting)


def _intervals(rng: Random, d: Array, design: str, draws: int) -> Iterator[tuple[str, bool]]:
    """All intervals of one table of differences, and whether they hold zero."""
    a, b = cells_of(d)
    known = "crossed" if design == "crossed" else "redrawn"
    for kind in ("t", "percentile"):
        x = hierarchical_interval(a, b, mean_score, rng, known, kind=kind, draws=draws)
        yield kind + (WITHHELD if x.withheld else ""), x.low <= 0 <= x.high
    y = mean_interval(np.nanmean(d, axis=1))
    yield "t over seeds", y.low <= 0 <= y.high


def coverage_of_superiority(
    rng: Random,
    runs: int,
    seeds: tuple[int, ...] = (5, 10, 20),
    speakers: tuple[int, ...] = (5, 20, 91),
    designs: tuple[str, ...] = ("crossed", "redrawn"),
    spreads: dict[str, tuple[float, float, float]] = WINNERS,
) -> Iterator[Row]:
    """How often the interval of P(A > B) over cells, where given, holds the true probability."""
    for design in designs:
        for k in seeds:
            for s in speakers:
                for (name, spread), shift in itertools.product(spreads.items(), (0.0, 1.0)):
                    true = float(special.ndtr(shift / np.sqrt(np.sum(np.square(spread)))))
                    hits: list[bool] = []
                    for _ in range(runs):
                        tested = TEST_SPEAKERS[s] if design == "redrawn" else 0
                        d = shift + draw_cells(rng, k, s, spread, tested)
                        x = superiority_over_cells(d)
                        if not math.isnan(x.low):  # some re-drawn splits test too few speakers
                            hits.append(x.low <= true <= x.high)
                    setting = f"{name}, P(A > B) = {true:.2f}"
                    if hits:
                        yield row("coverage", "P(A > B) over cells", hits, design, k, s, setting)


def coverage_of_bootstrap(
    rng: Random, runs: int, numbers: tuple[int, ...] = (5, 10, 20), draws: int = 500
) -> Iterator[Row]:
    """How often intervals of a mean of n independent normal units hold it."""
    for n in numbers:
        data = rng.normal(size=(runs, n))
        for kind in ("percentile", "bootstrap-t"):
            found = [bootstrap_mean(x, rng, kind, draws) for x in data]
            yield row("coverage", kind, [r.low <= 0 <= r.high for r in found], "one-way", n)
        limits = [mean_interval(x) for x in data]
        yield row("coverage", "t", [r.low <= 0 <= r.high for r in limits], "one-way", n)
