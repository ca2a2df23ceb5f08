"""The corrected resampled t-test of Nadeau and Bengio (2003)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import Alternative, alternative_of, is_constant, pair
from .student import t_p, t_quantile
from .wording import SIDED, count, interval, number, p_value


@dataclass(frozen=True)
class ResampledT:
    """A corrected resampled t-test of a against b; fields as in `PairedT`."""

    n: int
    test_to_train: float
    difference: float
    low: float
    high: float
    statistic: float
    p: float
    alternative: Alternative

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if math.isnan(self.statistic):
            return f"Over {count(self.n, 'split')} the difference has no spread to test it against."
        return (
            f"The mean difference over {count(self.n, 'split')} is {number(self.difference)} "
            f"({interval(self.low, self.high)}); t({self.n - 1}) = {number(self.statistic)} with "
            f"Nadeau and Bengio's correction for a test-to-train ratio of "
            f"{number(self.test_to_train)}, {SIDED[self.alternative]} {p_value(self.p)}."
        )


def resampled_t(
    a: ArrayLike, b: ArrayLike, test_to_train: float, alternative: Alternative = "two-sided"
) -> ResampledT:
    """Test a against b over splits drawn again and again from the same data.

    The variance of the mean of J splits is taken as s^2 (1/J + n_test / n_train) (Nadeau and
    Bengio, Machine Learning 52, 2003), because the splits share examples.

    Parameters
    ----------
    a, b
        Scores, shape (J,), one per split.
    test_to_train
        Number of test examples over number of training examples in a split.

    Raises
    ------
    ValueError
        If the lengths differ, a score is not finite, or the ratio is not positive.
    """
    alternative_of(alternative)
    if not test_to_train > 0 or math.isinf(test_to_train):
        raise ValueError(f"test_to_train is {test_to_train}; expected a positive ratio")
    first, second = pair(a, b)
    d, n, nan = first - second, len(first), math.nan
    mean = float(d.mean()) if n else nan
    scale = float(np.max(np.abs(np.concatenate([first, second])))) if n else 0.0
    if n < 2 or is_constant(d, scale):
        return ResampledT(n, test_to_train, mean, nan, nan, nan, nan, alternative)
    error = float(d.std(ddof=1)) * math.sqrt(1 / n + test_to_train)
    half, statistic = t_quantile(0.975, n - 1) * error, mean / error
    p = t_p(statistic, n - 1, alternative)
    return ResampledT(n, test_to_train, mean, mean - half, mean + half, statistic, p, alternative)
