"""The leaderboard of one table: each method's figures over its seeds, best first."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..benchmark.statistics.intervals import MeanInterval, mean_interval
from .grouping import Row
from .metrics import Metric
from .outcomes import Outcome
from .predictions import Design


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its standard deviation and 95 % t interval.

    The interval is nan where splits are re-drawn: they overlap, and it would cover far less
    (:mod:`.comparisons`).
    ``unknown`` counts the seeds whose value is not finite; where there is one, no mean is given,
    because leaving it out would flatter a method that diverged.
    """

    interval: MeanInterval
    unknown: int = 0

    @property
    def n(self) -> int:
        return self.interval.n

    @property
    def mean(self) -> float:
        return self.interval.mean

    @property
    def known(self) -> bool:
        return math.isfinite(self.mean)


@dataclass(frozen=True)
class Standing:
    """One method's row.

    Attributes
    ----------
    estimates
        By metric key.
    share_own, share_all
        Accuracy over the accuracy of the oracle that sees the method's modalities, or all; the
        mean over seeds, nan where there is no oracle.
    asked, done
        Seeds that were asked for, and those whose folds are all done.
    failed
        Cells that did not end well.
    """

    label: str
    method: str
    estimates: Mapping[str, Estimate]
    outcomes: tuple[Outcome, ...]
    parameters: int | None
    share_own: float
    share_all: float
    asked: int
    done: int
    failed: int
    baseline: bool
    mixed_code: bool
    unreadable: tuple[int, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(outcome.seed for outcome in self.outcomes)

    @property
    def single(self) -> bool:
        """Whether it sees one modality alone."""
        return self.method.split("+")[0].startswith("only:")


def standing(
    row: Row,
    done: tuple[Outcome, ...],
    unreadable: tuple[int, ...],
    metrics: Sequence[Metric],
    planned: Sequence[int],
    baseline: bool,
    design: Design,
) -> Standing:
    """Sum up one method's seeds.

    Parameters
    ----------
    done, unreadable
        As :func:`.outcomes.outcomes` returns them.
    planned
        Seeds of the plan, if the row belongs to it.
    design
        Whether all seeds are tested on the same speakers.
    """
    ended = [cell for cell in row.cells if cell.ok]
    asked = {cell.seed for cell in row.cells} | set(planned if row.planned else ())
    digests = {cell.record["code"]["digest"] for cell in ended}
    return Standing(
        label=row.label,
        method=row.method,
        estimates={m.key: over(done, metric_of(m.key), design) for m in metrics},
        outcomes=done,
        parameters=ended[0].record["parameters"] if ended else None,
        share_own=over(done, lambda o: share(o.metrics.get("accuracy"), o.own)).mean,
        share_all=over(done, lambda o: share(o.metrics.get("accuracy"), o.all)).mean,
        asked=len(asked),
        done=len(done),
        failed=len(row.cells) - len(ended),
        baseline=baseline,
        mixed_code=len(digests) > 1,
        unreadable=unreadable,
    )


def ranked(rows: Sequence[Standing], metric: Metric) -> tuple[Standing, ...]:
    """Sort by the mean of the primary metric, best first; methods without one come last."""

    def key(row: Standing) -> tuple[bool, float]:
        estimate = row.estimates[metric.key]
        return not estimate.known, -estimate.mean if metric.higher else estimate.mean

    # nan compares with nothing, so that rows without a mean are kept apart, in the plan's order.
    with_mean = sorted((r for r in rows if r.estimates[metric.key].known), key=key)
    return (*with_mean, *(r for r in rows if not r.estimates[metric.key].known))


def over(
    done: Sequence[Outcome], value: Callable[[Outcome], float], design: Design = "crossed"
) -> Estimate:
    """Estimate a mean over seeds; one value that is not finite leaves none."""
    values = [value(outcome) for outcome in done]
    unknown = sum(not math.isfinite(v) for v in values)
    if unknown or not values:
        nan = math.nan
        return Estimate(MeanInterval(len(values), nan, nan, nan, nan), unknown)
    interval = mean_interval(values)
    if design != "crossed":
        interval = replace(interval, low=math.nan, high=math.nan)
    return Estimate(interval)


def metric_of(key: str) -> Callable[[Outcome], float]:
    """Return the function that reads a metric of an outcome."""
    return lambda outcome: outcome.metrics.get(key, math.nan)


def share(measured: float | None, ceiling: float) -> float:
    """Part of a ceiling that was reached."""
    return measured / ceiling if measured is not None and ceiling else math.nan
