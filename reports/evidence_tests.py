"""The tests behind the comparisons of a table, not yet corrected: every two of its methods."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from ..benchmark.statistics import tabulate
from ..benchmark.statistics.intervals import mean_interval
from ..benchmark.statistics.metric_t import metric_t
from ..benchmark.statistics.paired import paired_t
from ..benchmark.statistics.power import SampleSize, pairs_needed
from ..benchmark.statistics.student import t_quantile
from ..benchmark.statistics.superiority import Superiority, superiority, superiority_over_cells
from ..benchmark.statistics.two_way import TwoWayT, two_way_t
from .evidence import Evidence, Rules, Scope
from .formatting import ranges
from .grouping import Row
from .metrics import Metric
from .predictions import SCORES, Design, Predictions

Values = Mapping[str, Mapping[int, float]]
"""By row, the metric of every seed that is done."""
UNMATCHED = "no common seed, or predictions that cannot be read, matched or scored"


def compared(
    rows: Sequence[Row],
    baseline: Row | None,
    metric: Metric,
    rules: Rules,
    design: Design,
    said: Predictions,
    values: Values,
) -> tuple[Evidence, ...]:
    """Compare every two methods over the seeds that both have done.

    A pair with the baseline has the method first, another the better one. A metric that adds up
    over speakers is tested for new seeds and new speakers. Another is tested over seeds: where
    all are tested on the same speakers, and for these; re-drawn splits overlap and give no
    independent seeds, so that it cannot be tested there.
    """
    measured = {row.label for row in rows if any(cell.ok for cell in row.cells)}
    return tuple(
        over_speakers(row, other, metric, rules, design, said, values, planned)
        if metric.key in SCORES
        else over_seeds(row, other, metric, rules, design, values, planned)
        for row, other, planned in pairs(rows, measured, baseline, rules)
    )


def pairs(
    rows: Sequence[Row], measured: Container[str], baseline: Row | None, rules: Rules
) -> Iterator[tuple[Row, Row, bool]]:
    """Yield every two rows, and whether the plan fixed their comparison.

    A planned comparison without any result stays in its family; an exploratory one is no pair.
    """
    every = rules.family == "pairs"
    for row, other in combinations(rows, 2):
        asked = every or row is baseline or other is baseline
        planned = asked and row.planned and other.planned
        if planned or (row.label in measured and other.label in measured):
            yield (other, row, planned) if row is baseline else (row, other, planned)


def over_speakers(
    row: Row,
    other: Row,
    metric: Metric,
    rules: Rules,
    design: Design,
    said: Predictions,
    values: Values,
    planned: bool,
) -> Evidence:
    """Test a difference against chance in seeds and in speakers."""
    score = SCORES[metric.key].of
    pair = said.pair(row, other)
    if pair is None:
        unknown = not_finite(values.get(row.label, {}), values.get(other.label, {}))
        why = f"{metric.label} is not finite at seed {ranges(unknown)}" if unknown else UNMATCHED
        return untested(row, other, metric, rules, design, "speakers", planned, why)
    a, b = (each.values for each in pair)
    d = said.scores(row, pair[0]) - said.scores(other, pair[1])
    if design == "crossed":
        test = metric_t(a, b, score, design, confidence=1 - rules.alpha)
    else:  # the same test, of cells that are there already
        test = two_way_t(d, confidence=1 - rules.alpha)
    return Evidence(
        row.label,
        other.label,
        metric,
        rules,
        design,
        "speakers",
        test,
        narrowed(test, rules.alpha),
        math.nan,
        planned,
        superiority_over_cells(d),
        needed(a, b, score, rules.alpha) if planned and design == "crossed" else None,
    )


def over_seeds(
    row: Row,
    other: Row,
    metric: Metric,
    rules: Rules,
    design: Design,
    values: Values,
    planned: bool,
) -> Evidence:
    """Test a difference over seeds by two-sided paired t, for the speakers that were tested."""
    mine, theirs = values.get(row.label, {}), values.get(other.label, {})
    common = sorted(mine.keys() & theirs.keys())
    unknown = not_finite(mine, theirs)
    reason = ""
    if design != "crossed":
        reason = (
            f"{metric.label} does not add up over speakers, and the seeds of re-drawn splits are "
            "not independent"
        )
    elif not common:
        reason = "no common seed"
    elif unknown:
        reason = f"{metric.label} is not finite at seed {ranges(unknown)}"
    if reason:
        return untested(row, other, metric, rules, design, "seeds", planned, reason)
    sign = 1.0 if metric.higher else -1.0
    a, b = (sign * np.array([each[seed] for seed in common]) for each in (mine, theirs))
    t, confidence = paired_t(a, b, "two-sided"), 1 - rules.alpha
    low = high = math.nan
    if math.isfinite(t.p):
        limits = mean_interval(a - b, confidence)
        low, high = limits.low, limits.high
    test = TwoWayT(
        t.n, 0, t.difference, low, high, t.statistic, t.n - 1.0, t.p, t.alternative, confidence
    )
    return Evidence(
        row.label,
        other.label,
        metric,
        rules,
        design,
        "seeds",
        test,
        narrowed(test, rules.alpha),
        math.nan,
        planned,
        superiority(a, b),
        seeds_needed(a - b, rules.alpha) if planned else None,
    )


def not_finite(mine: Mapping[int, float], theirs: Mapping[int, float]) -> list[int]:
    """Return the seeds that both have done and of which either metric is no number."""
    common = sorted(mine.keys() & theirs.keys())
    return [s for s in common if not math.isfinite(mine[s]) or not math.isfinite(theirs[s])]


def untested(
    row: Row,
    other: Row,
    metric: Metric,
    rules: Rules,
    design: Design,
    scope: Scope,
    planned: bool,
    why: str,
) -> Evidence:
    """Return a comparison without figures, which says why there are none."""
    nan = math.nan
    test = TwoWayT(0, 0, nan, nan, nan, nan, nan, nan, "two-sided", 1 - rules.alpha)
    return Evidence(
        row.label,
        other.label,
        metric,
        rules,
        design,
        scope,
        test,
        test,
        nan,
        planned,
        Superiority(0, nan, nan, nan, 0.75, 0.95, "seed"),
        None,
        f"cannot be tested: {why}",
    )


def narrowed(test: TwoWayT, alpha: float) -> TwoWayT:
    """The same test with the interval of two one-sided tests at alpha."""
    if not math.isfinite(test.low):
        return replace(test, confidence=1 - 2 * alpha)
    wide = t_quantile(0.5 + test.confidence / 2, test.df)
    error = (test.high - test.difference) / wide
    half = t_quantile(1 - alpha, test.df) * error
    return replace(
        test,
        low=test.difference - half,
        high=test.difference + half,
        confidence=1 - 2 * alpha,
    )


def needed(a: np.ndarray, b: np.ndarray, score: tabulate.Metric, alpha: float) -> SampleSize | None:
    """Return the seeds that would find the effect over seeds; None where it has no spread."""
    return seeds_needed(score(a.sum(1)) - score(b.sum(1)), alpha)


def seeds_needed(differences: np.ndarray, alpha: float) -> SampleSize | None:
    """Return the seeds that would find the mean of some seeds' differences, shape (seeds,)."""
    d = differences
    spread = float(d.std(ddof=1)) if len(d) > 1 else 0.0
    return pairs_needed(float(d.mean()) / spread, alpha=alpha) if spread > 1e-12 else None
