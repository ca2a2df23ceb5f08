"""A comparison over speakers: bootstrap, tests of re-drawn splits, sizes of the design."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..benchmark.statistics import tabulate
from ..benchmark.statistics.coverage import reason_to_withhold
from ..benchmark.statistics.design_size import Size, simulated
from ..benchmark.statistics.hierarchical import (
    FEWEST_FOR_PERCENTILE,
    HierarchicalInterval,
    hierarchical_interval,
)
from ..benchmark.statistics.redrawn import RedrawnTest, redrawn_test
from ..benchmark.statistics.two_way import speaker_means
from .cells import Cell
from .grouping import Row
from .metrics import Metric
from .predictions import SCORES, Design, Predictions
from .protocol_effect import FEWEST, few

SEED = 0  # a report made twice says the same
DRAWS = 1000  # of seeds and speakers
FLIPS = 1999  # of signs


@dataclass(frozen=True)
class Tables:
    """Two methods' sums on common seeds, (seeds, speakers, *statistic), and their metric.

    ``differences`` are those of single speakers in single seeds, (seeds, speakers), in the metric's
    unit and the method's favour; nan where untested.
    """

    a: np.ndarray
    b: np.ndarray
    metric: tabulate.Metric
    differences: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """Each tested speaker's difference, averaged over the seeds that tested it."""
        return speaker_means(self.differences)


def tables(row: Row, other: Row, metric: Metric, said: Predictions) -> Tables | str:
    """Read two methods' sums, or say why they cannot be compared over speakers."""
    if metric.key not in SCORES:
        return f"{metric.label} does not add up over speakers"
    pair = said.pair(row, other)
    if pair is None:
        return "no common seed, or predictions that cannot be read, matched or scored"
    score = SCORES[metric.key].of
    differences = metric.scale * (said.scores(row, pair[0]) - said.scores(other, pair[1]))
    return Tables(
        pair[0].values, pair[1].values, lambda sums: metric.scale * score(sums), differences
    )


def ratio(cells: Sequence[Cell], design: Design) -> float | str:
    """Return test over training examples of a split, or why there is no such ratio."""
    if design == "crossed":
        return "all seeds have one split"
    done = [cell for cell in cells if cell.ok]
    if any(cell.folds > 1 for cell in done):
        return (
            "a seed's folds are pooled and test everybody, for which the correction for single "
            "splits is not made"
        )
    counts = [cell.record["counts"] for cell in done]
    refits = [cell.record["selection"]["refit_epochs"] is not None for cell in done]
    trained = sum(c["train"] + r * c["valid"] for c, r in zip(counts, refits, strict=True))
    tested = sum(c["test"] for c in counts)
    return tested / trained if trained else "the records do not say on how many it was trained"


def over_speakers(found: Tables) -> RedrawnTest | str:
    """Test over speakers, or say why not."""
    n = len(found.means)
    if n < FEWEST:
        return few(n, "speaker")
    test = redrawn_test(found.differences, np.random.default_rng(SEED), draws=FLIPS)
    return "the speakers' differences do not vary" if math.isnan(test.t.p) else test


def bootstrap(found: Tables | str, design: Design) -> HierarchicalInterval | str:
    """Resample seeds and speakers together, or say why the interval would be too narrow."""
    if isinstance(found, str):
        return found
    held = np.isfinite(found.differences)
    seeds, speakers = int(held.any(1).sum()), int(held.any(0).sum())
    n, unit = min((seeds, "seed"), (speakers, "speaker"))
    reason = reason_to_withhold("percentile", n, FEWEST_FOR_PERCENTILE, unit)
    if reason:
        return reason
    return hierarchical_interval(
        found.a,
        found.b,
        found.metric,
        np.random.default_rng(SEED),
        design,
        kind="percentile",
        draws=DRAWS,
    )


def sizes(
    found: Tables | str,
    design: Design,
    test_to_train: float | str,
    known: dict[bytes, tuple[Size, ...]],
) -> tuple[Size, ...] | str:
    """Simulate a design once; ``known`` keeps what was."""
    if isinstance(found, str):
        return found
    held = np.isfinite(found.differences)
    held = held[held.any(1)][:, held.any(0)]
    n, unit = min((held.shape[0], "seed"), (held.shape[1], "speaker"))
    if n < FEWEST:
        return few(n, unit)
    key = held.tobytes() + repr((held.shape, test_to_train)).encode()
    if key not in known:
        to_train = None if isinstance(test_to_train, str) else test_to_train
        known[key] = simulated(held, design, to_train)
    return known[key]
