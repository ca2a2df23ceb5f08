"""The Bayesian correlated t-test of two methods on one dataset."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike
from scipy import special

from .bayes import Posterior
from .checking import differences


def bayes_correlated_t(
    a: ArrayLike, b: ArrayLike, rope: float, correlation: float = 0.0
) -> Posterior:
    """Return the posterior of the mean difference under a flat prior.

    It is Student's t on n - 1 degrees of freedom round the mean difference, with squared scale
    s^2 (1/n + rho / (1 - rho)) (Corani and Benavoli, Machine Learning 100, 2015).

    Parameters
    ----------
    a, b
        Scores, shape (n,), matched by position.
    rope
        Half-width of the region of practical equivalence, in the units of the scores; 0 or more.
    correlation
        Between the results of two splits: the test part's share of the data where splits overlap
        (test / (test + train)), 0 for seeds on one split.

    Returns
    -------
    Posterior
        With nan for fewer than two pairs. Without any spread all the mass lies on the mean, or is
        shared by both sides when that is zero and so is the region.

    Raises
    ------
    ValueError
        If the lengths differ, a score is not finite, or rope or correlation are out of range.
    """
    if not rope >= 0 or math.isinf(rope):
        raise ValueError(f"rope is {rope}; expected 0 or more")
    if not 0 <= correlation < 1:
        raise ValueError(f"correlation is {correlation}; expected 0 or more and below 1")
    d = differences(a, b)
    n, nan = len(d), math.nan
    name = "Bayesian correlated t-test"
    if n < 2:
        return Posterior(n, rope, nan, nan, nan, name)
    mean = float(d.mean())
    scale = float(d.std(ddof=1)) * math.sqrt(1 / n + correlation / (1 - correlation))
    if scale <= 1e-12 * abs(mean) or scale == 0:
        if mean == 0 and rope == 0:
            return Posterior(n, rope, 0.5, 0.0, 0.5, name)
        above, below = float(mean > rope), float(mean < -rope)
        return Posterior(n, rope, above, 1.0 - above - below, below, name)
    above = float(special.stdtr(n - 1, (mean - rope) / scale))
    below = float(special.stdtr(n - 1, (-rope - mean) / scale))
    return Posterior(n, rope, above, max(0.0, 1.0 - above - below), below, name)
