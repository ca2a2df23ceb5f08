"""McNemar's test: one fixed pair of models on the same examples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .checking import Alternative, alternative_of
from .wording import SIDED, count, p_value


@dataclass(frozen=True)
class McNemar:
    """McNemar's test of two models; `only_a` examples are right by a alone, `only_b` by b alone."""

    n: int
    only_a: int
    only_b: int
    p: float
    mid_p: float
    alternative: Alternative

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if self.only_a + self.only_b == 0:
            return (
                f"The two models are right on the same of {count(self.n, 'example')}: "
                f"the difference cannot be tested."
            )
        return (
            f"Of {count(self.n, 'example')} {self.only_a} are right by A alone and {self.only_b} "
            f"by B alone; McNemar exact {SIDED[self.alternative]} {p_value(self.p)}, "
            f"{p_value(self.mid_p, 'mid-p')}, for this pair of models on these speakers only."
        )


def mcnemar(
    correct_a: ArrayLike, correct_b: ArrayLike, alternative: Alternative = "two-sided"
) -> McNemar:
    """Test two trained models on the same examples.

    The verdict holds for these two trained models; it says nothing of new seeds, and examples of
    one speaker are taken as independent, which they are not.

    Parameters
    ----------
    correct_a, correct_b
        Whether each example is right, bool, shape (n,).
    alternative
        ``greater`` (a right more often), ``less`` or ``two-sided``.

    Returns
    -------
    McNemar
        With the exact binomial p, which decides, and beside it the less conservative mid-p
        (Fagerland et al. 2013), which may exceed its level for a given number of disagreements.

    Raises
    ------
    ValueError
        If the shapes differ or the arrays are not boolean.
    """
    alternative_of(alternative)
    first, second = np.asarray(correct_a), np.asarray(correct_b)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"shapes {first.shape} and {second.shape}; expected (n,) twice")
    if first.dtype != np.bool_ or second.dtype != np.bool_:
        raise ValueError(f"types {first.dtype} and {second.dtype}; expected bool twice")
    only_a = int(np.count_nonzero(first & ~second))
    only_b = int(np.count_nonzero(second & ~first))
    p, mid = _binomial(only_a, only_b, alternative)
    return McNemar(len(first), only_a, only_b, p, mid, alternative)


def _binomial(only_a: int, only_b: int, alternative: Alternative) -> tuple[float, float]:
    """Return the exact p and the mid-p of `only_a` heads and `only_b` tails of a fair coin."""
    n = only_a + only_b
    if n == 0:
        return math.nan, math.nan
    few = {"greater": only_b, "less": only_a, "two-sided": min(only_a, only_b)}[alternative]
    tail, point = float(stats.binom.cdf(few, n, 0.5)), float(stats.binom.pmf(few, n, 0.5))
    if alternative != "two-sided":
        return tail, tail - point / 2
    # With equally many on both sides the two tails share their middle point.
    return min(1.0, 2 * tail), 1.0 if only_a == only_b else 2 * tail - point
