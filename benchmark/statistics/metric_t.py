"""One test of a metric's difference for new seeds and new speakers, and its own interval."""

from __future__ import annotations

import numpy as np

from .checking import Alternative, Floats, finite, one_of
from .estimators import Crossed, Design, Estimator, Redrawn, cell_differences
from .tabulate import Metric
from .two_way import TwoWayT, TwoWayVariance, t_of


def metric_t(
    a: Floats,
    b: Floats,
    metric: Metric,
    design: Design = "crossed",
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> TwoWayT:
    """Test the paired difference a - b of a metric by t on its two-way jackknife variance.

    The interval is the test's inversion: two-sided p is below 1 - `confidence` exactly where the
    interval leaves zero out. It is also `hierarchical_interval`'s of kind ``t``, whose coverage is
    simulated. *Crossed*: the metric of each seed over all speakers' examples, averaged over seeds;
    *re-drawn*: each speaker's own metric, averaged over the seeds that tested it and then over
    speakers, which is `two_way_t` of the cells' differences.

    Parameters
    ----------
    a, b
        Cells of the two methods (`Cells.values`), shape (seeds, speakers, *statistic), the same
        seeds and speakers in the same order.
    metric
        From sums of cells to scores, such as `macro_f1` of `tabulate.py`.

    Returns
    -------
    TwoWayT
        With nan but for the difference where there are fewer than four seeds or four speakers,
        or no spread.

    Raises
    ------
    ValueError
        If the shapes differ or a value is not finite.
    """
    one_of(design, ("crossed", "redrawn"), "design")
    if a.shape != b.shape or a.ndim < 3 or 0 in a.shape:
        raise ValueError(
            f"a and b have shapes {a.shape} and {b.shape}; expected (seeds, speakers, ...) twice"
        )
    first, second = finite(a, "a"), finite(b, "b")
    estimator: Estimator = (
        Crossed(first, second, metric)
        if design == "crossed"
        else Redrawn(cell_differences(first, second, metric))
    )
    seeds, speakers = estimator.shape
    difference = float(estimator.of(np.ones((1, seeds)), np.ones((1, speakers)))[0])
    nan = float("nan")
    variance = TwoWayVariance(seeds, speakers, nan, nan, nan, nan, nan)
    if min(seeds, speakers) >= 2:
        variance = estimator.variance()
    return t_of(difference, variance, alternative, confidence)
