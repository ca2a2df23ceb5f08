"""The papers' test of two methods: one-tailed paired t over seeds (Goncalves and Busso 2023).

It is shown beside the corrected tests of :mod:`.evidence`, from which the report's verdicts come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..benchmark.statistics.paired import PairedT, paired_t
from .formatting import count, number, p_phrase, ranges
from .metrics import Metric
from .predictions import Design
from .standings import Standing

ALPHA = 0.05
OVERLAP = (
    "re-drawn splits overlap, so that over 20 of them a 95 % t interval holds the mean of new "
    "speakers in 74 to 95 % of simulated runs, the less the more the speakers differ"
)
"""Why no interval over seeds is printed there (results/reference/statistics/coverage.csv)."""


@dataclass(frozen=True)
class Comparison:
    """A method against another on their common seeds.

    Attributes
    ----------
    test
        ``difference`` is in the method's favour: above zero where it is the better one, whichever
        way its metric runs.
    seeds
        Those that both have done.
    withheld
        Whether the interval is not given because splits were re-drawn (:data:`OVERLAP`).
    unpaired
        Seeds that only one of them has.
    reason
        Why no p-value is given; empty where one is.
    """

    method: str
    other: str
    metric: Metric
    test: PairedT
    seeds: tuple[int, ...]
    unpaired: int
    reason: str
    withheld: bool = False

    @property
    def passed(self) -> bool:
        """Whether the one-tailed p is below the papers' level: not corrected, and no verdict."""
        return self.test.p < ALPHA

    @property
    def outcome(self) -> str:
        """Whether the test is passed, or why it cannot be made."""
        if self.reason:
            return self.reason
        if self.passed:
            return "yes"
        return "no: the whole interval lies below zero" if self.test.high < 0 else "no"

    @property
    def phrase(self) -> str:
        """The test's figures: t, p and n."""
        test = self.test
        return f"t({test.n - 1}) = {number(test.statistic, 2)}, {p_phrase(test.p)}, n = {test.n}"


def compared(method: Standing, other: Standing, metric: Metric, design: Design) -> Comparison:
    """Test whether a method is better than another over the seeds that both have done."""
    mine, theirs = over_seeds(method, metric), over_seeds(other, metric)
    common = tuple(sorted(mine.keys() & theirs.keys()))
    unknown = [s for s in common if not math.isfinite(mine[s]) or not math.isfinite(theirs[s])]
    unpaired = len(mine.keys() ^ theirs.keys())
    if unknown:
        nan = math.nan
        test = PairedT(len(common), nan, nan, nan, nan, nan, "greater")
        reason = f"cannot be tested: {metric.label} is not finite at seed {ranges(unknown)}"
        return Comparison(method.label, other.label, metric, test, common, unpaired, reason)
    a, b = [mine[s] for s in common], [theirs[s] for s in common]
    test = paired_t(a, b) if metric.higher else paired_t(b, a)
    if test.n == 0:
        reason = "cannot be tested: no seed that both have done"
    elif test.n == 1:
        reason = "cannot be tested: one common seed"
    elif math.isnan(test.p):
        reason = f"cannot be tested: the {count(test.n, 'difference')} do not vary"
    else:
        reason = ""
    withheld = design != "crossed" and not reason
    if withheld:
        test = replace(test, low=math.nan, high=math.nan)
    return Comparison(method.label, other.label, metric, test, common, unpaired, reason, withheld)


def over_seeds(method: Standing, metric: Metric) -> dict[int, float]:
    """Return a method's values of a metric by seed."""
    return {o.seed: o.metrics.get(metric.key, math.nan) for o in method.outcomes}


def against_baseline(
    rows: Sequence[Standing], baseline: Standing | None, metric: Metric, design: Design
) -> tuple[Comparison, ...]:
    """Compare every method that has a result with the baseline."""
    if baseline is None or not baseline.done:
        return ()
    return tuple(
        compared(row, baseline, metric, design) for row in rows if row is not baseline and row.done
    )


def fusion_against_single(
    rows: Sequence[Standing], metric: Metric, design: Design
) -> Comparison | None:
    """Compare the best fusion method with the best single modality, where there are both."""
    known = [row for row in rows if row.estimates[metric.key].known]
    fusion = [row for row in known if not row.single]
    single = [row for row in known if row.single]
    return compared(fusion[0], single[0], metric, design) if fusion and single else None


def holds_for(design: str, test_groups: int) -> str:
    """Say what a test over seeds speaks about.

    In the crossed design every seed is tested on the same speakers. Re-drawn splits overlap, and
    with nothing but variation between speakers the test rejects far more often than it should
    (results/reference/statistics/size_redrawn.csv).
    """
    if design == "crossed":
        speakers = "these test speakers" if test_groups != 1 else "this test speaker"
        number = f" ({test_groups})" if test_groups > 1 else ""
        return f"for new seeds on {speakers}{number}"
    return (
        "over re-drawn splits, which overlap: this test is anti-conservative for new speakers "
        "(over 20 simulated splits it passes in up to 17 % of runs with no difference)"
    )
