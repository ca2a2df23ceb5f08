"""Predictions of a table's rows as sums by seed and speaker, each file read once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from ..benchmark.statistics.tabulate import tested as was_tested
from ..benchmark.store import Store
from ..benchmark.sums import SCORES, Stacked, Tested, alike, stack, tested, truth
from .cells import Cell
from .grouping import Row

__all__ = ["SCORES", "Design", "Predictions", "Stacked", "design_of", "truth"]

Design = Literal["crossed", "redrawn"]


class Predictions:
    """Sums by seed and speaker of a store's rows; what was read is kept.

    A seed whose ``metric`` is not finite (training diverged) counts as one that cannot be read.
    """

    def __init__(self, store: Store, metric: str):
        self.store, self.metric = store, metric
        self.known: dict[str, dict[int, Tested | None]] = {}
        self.stacks: dict[tuple[str, tuple[int, ...]], Stacked | None] = {}
        self.scored: dict[tuple[str, tuple[int, ...]], np.ndarray] = {}

    def of(self, row: Row) -> dict[int, Tested | None]:
        """Return a row's sums for every seed whose folds are all done; None if unreadable."""
        if row.label not in self.known:
            self.known[row.label] = {
                seed: tested(self.store, [cell.record for cell in cells])
                if all(math.isfinite(cell.metric(self.metric)) for cell in cells)
                else None
                for seed, cells in by_seed(row).items()
            }
        return self.known[row.label]

    def stacked(self, row: Row, seeds: Sequence[int] | None = None) -> Stacked | None:
        """Return a row's sums on some seeds, by default all that can be read; None if one can't."""
        found = self.of(row)
        if seeds is None:
            seeds = [seed for seed, sums in found.items() if sums is not None]
        key = row.label, tuple(seeds)
        if key not in self.stacks:
            read = [sums for seed in seeds if (sums := found.get(seed)) is not None]
            whole = bool(read) and len(read) == len(seeds)
            self.stacks[key] = stack(seeds, read) if whole else None
        return self.stacks[key]

    def scores(self, row: Row, stack: Stacked) -> np.ndarray:
        """Return every speaker's own score in every seed, (seeds, speakers), nan where untested."""
        key = row.label, stack.seeds
        if key not in self.scored:
            held = was_tested(stack.values)
            self.scored[key] = np.where(held, SCORES[self.metric].of(stack.values), np.nan)
        return self.scored[key]

    def pair(self, row: Row, other: Row) -> tuple[Stacked, Stacked] | None:
        """Return two rows' sums on their common seeds.

        None where they have no seed in common, one's predictions cannot be read, or they were not
        tested on the same examples.
        """
        common = sorted(self.of(row).keys() & self.of(other).keys())
        a, b = self.stacked(row, common), self.stacked(other, common)
        return (a, b) if a is not None and b is not None and alike(a, b) else None


def by_seed(row: Row) -> dict[int, list[Cell]]:
    """Return a row's cells of every seed whose folds are all done, in order of seeds."""
    folds = max((cell.folds for cell in row.cells), default=1)
    found: dict[int, list[Cell]] = {}
    for cell in row.cells:
        if cell.ok:
            found.setdefault(cell.seed, []).append(cell)
    return {seed: cells for seed, cells in sorted(found.items()) if len(cells) == folds}


def design_of(rows: Sequence[Row]) -> Design:
    """Return how seeds and speakers meet in the records that ended well."""
    designs = {cell.record["protocol"]["design"] for row in rows for cell in row.cells if cell.ok}
    return "crossed" if designs == {"crossed"} else "redrawn"
