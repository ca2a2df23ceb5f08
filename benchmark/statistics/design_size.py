"""How often a test of two equal methods rejects, in the very design of a table, by simulation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .estimators import Design
from .student import t_quantile

ALPHA = 0.05
RUNS = 2000
SEED = 0  # a report made twice says the same
BLOCK = 4_000_000  # cells drawn at a time
SPREADS: Mapping[str, tuple[float, float, float]] = {
    "only speakers differ": (1.0, 0.0, 1.0),
    "only seeds differ": (0.0, 1.0, 1.0),
    "both differ": (1.0, 1.0, 1.0),
}
"""Standard deviations of the paired difference: between speakers, between seeds, of a cell."""
PAPER = "paired t over seeds, one-tailed"
CORRECTED = "Nadeau-Bengio corrected t"
SPEAKERS = "t over speakers"


@dataclass(frozen=True)
class Size:
    """A test's rate of rejections at .05 by spread, where the methods are equal, in ``runs`` draws.

    The rate is that for new seeds and new speakers: what a claim beyond both would risk.
    """

    test: str
    seeds: int
    speakers: int
    rates: Mapping[str, float]
    runs: int = RUNS

    @property
    def worst(self) -> float:
        """The greatest rate of all spreads."""
        return max(self.rates.values())

    def error(self, spread: str) -> float:
        """The simulation's own standard error of a rate."""
        rate = self.rates[spread]
        return math.sqrt(rate * (1 - rate) / self.runs)


def simulated(
    held: np.ndarray,
    design: Design,
    ratio: float | None = None,
    runs: int = RUNS,
) -> tuple[Size, ...]:
    """Simulate the tests of a design.

    Parameters
    ----------
    held
        Whether a seed tests a speaker, bool, (seeds, speakers); at least two of each, each with
        some.
    design
        Where all seeds have one split, the papers' test alone; where splits are re-drawn, t over
        speakers and the corrected t beside it.
    ratio
        Test examples over training examples of a re-drawn split; without it no corrected t.
    """
    seeds, speakers = held.shape
    found: dict[str, dict[str, float]] = {}
    for place, (name, spread) in enumerate(SPREADS.items()):
        generator = np.random.default_rng([SEED, place])
        for test, rate in rates(held, design, ratio, spread, runs, generator).items():
            found.setdefault(test, {})[name] = rate
    return tuple(Size(test, seeds, speakers, of, runs) for test, of in found.items())


def rates(
    held: np.ndarray,
    design: Design,
    ratio: float | None,
    spread: tuple[float, float, float],
    runs: int,
    generator: np.random.Generator,
) -> dict[str, float]:
    """Return each test's share of rejections at .05."""
    seeds, speakers = held.shape
    seed, speaker = np.nonzero(held)  # sorted by seed
    order = np.argsort(speaker, kind="stable")
    by_seed, by_speaker = starts(seed), starts(speaker[order])
    step = max(1, BLOCK // len(seed))
    hits: dict[str, int] = {}
    for start in range(0, runs, step):
        now = min(step, runs - start)
        between = spread[0] * generator.standard_normal((now, speakers), np.float32)
        shared = spread[1] * generator.standard_normal((now, seeds), np.float32)
        d = spread[2] * generator.standard_normal((now, len(seed)), np.float32)
        d += between[:, speaker] + shared[:, seed]
        t = statistics(np.add.reduceat(d, by_seed, axis=1) / held.sum(1))
        counts = {PAPER: t > t_quantile(1 - ALPHA, seeds - 1)}
        if design != "crossed" and ratio is not None:
            limit = t_quantile(1 - ALPHA / 2, seeds - 1)
            shrunk = t / math.sqrt(1 + seeds * ratio)  # s^2 (1/J + ratio) in place of s^2 / J
            counts[CORRECTED] = np.abs(shrunk) > limit
        if design != "crossed":
            limit = t_quantile(1 - ALPHA / 2, speakers - 1)
            means = np.add.reduceat(d[:, order], by_speaker, axis=1) / held.sum(0)
            counts[SPEAKERS] = np.abs(statistics(means)) > limit
        for test, rejected in counts.items():
            hits[test] = hits.get(test, 0) + int(rejected.sum())
    return {test: number / runs for test, number in hits.items()}


def starts(sorted_levels: np.ndarray) -> np.ndarray:
    """Return where each level begins."""
    return np.flatnonzero(np.diff(sorted_levels, prepend=-1))


def statistics(values: np.ndarray) -> np.ndarray:
    """Return t of the mean of every row, (runs, n) to (runs,)."""
    n = values.shape[1]
    return values.mean(1) / (values.std(1, ddof=1) / math.sqrt(n))
