"""What the simulations draw, and the rows of their tables."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Random = np.random.Generator

ALPHA = 0.05
SPREADS = {
    "speakers": (1.0, 0.0, 1.0),
    "seeds": (0.0, 1.0, 1.0),
    "both": (1.0, 1.0, 1.0),
    "mostly speakers": (1.0, 0.3, 1.0),
}
"""Standard deviations of the paired difference: between speakers, between seeds, of a cell."""
TEST_SPEAKERS = {5: 1, 20: 3, 91: 14}
"""Speakers tested per seed in the re-drawn design: 15 % of them, as in 70/15/15 splits."""


@dataclass(frozen=True)
class Row:
    """One simulated rate with its standard error; ``exact`` where a closed form is known."""

    table: str
    method: str
    design: str
    seeds: int
    speakers: int
    setting: str
    rate: float
    error: float
    runs: int
    exact: float = math.nan


def row(
    table: str,
    method: str,
    hits: Array | list[bool],
    design: str = "",
    seeds: int = 0,
    speakers: int = 0,
    setting: str = "",
    exact: float = math.nan,
) -> Row:
    """Summarise what happened in each run."""
    x = np.asarray(hits, dtype=float)
    rate = float(x.mean())
    error = float(np.sqrt(max(rate * (1 - rate), 1e-12) / len(x)))
    return Row(table, method, design, seeds, speakers, setting, rate, error, len(x), exact)


def draw_cells(
    rng: Random, seeds: int, speakers: int, spread: tuple[float, float, float], tested: int = 0
) -> Array:
    """Draw differences with mean zero, (seeds, speakers); nan but for `tested` a seed, if given."""
    between, shared, own = spread
    d = between * rng.normal(size=speakers) + shared * rng.normal(size=(seeds, 1))
    d = d + own * rng.normal(size=(seeds, speakers))
    if tested:
        held = np.argsort(rng.random((seeds, speakers)), axis=1) < tested
        d = np.where(held, d, np.nan)
    return d


def cells_of(d: Array) -> tuple[Array, Array]:
    """Turn a table of differences, nan where untested, into two methods' sums and counts."""
    held = (~np.isnan(d)).astype(float)
    return np.stack([np.nan_to_num(d), held], axis=-1), np.stack([0 * held, held], axis=-1)
