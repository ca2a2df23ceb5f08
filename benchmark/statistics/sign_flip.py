"""The sign-flip permutation test over independent units, such as speakers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import Alternative, Floats, alternative_of, vector
from .wording import SIDED, count, number, p_value

EXACT_UP_TO = 16
"""Number of units up to which all 2^n signs are enumerated."""


@dataclass(frozen=True)
class SignFlip:
    """A sign-flip test of a mean of zero.

    `arrangements` is the number of sign patterns looked at: all of them when `exact`, else the
    drawn ones. `smallest_p` is what the test could say at best.
    """

    n: int
    difference: float
    p: float
    smallest_p: float
    arrangements: int
    exact: bool
    alternative: Alternative

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if math.isnan(self.p):
            return f"With {count(self.n, 'unit')} and no difference there is nothing to test."
        kind = "exact" if self.exact else f"Monte Carlo ({self.arrangements} draws)"
        text = (
            f"The mean difference over {count(self.n, 'unit')} is {number(self.difference)}; "
            f"sign-flip permutation, {kind}, {SIDED[self.alternative]} {p_value(self.p)}"
        )
        if self.smallest_p > 0.05:
            return f"{text}, and with so few units it cannot fall below {number(self.smallest_p)}."
        return f"{text}."


def sign_flip(
    differences: ArrayLike,
    generator: np.random.Generator,
    alternative: Alternative = "two-sided",
    draws: int = 9999,
) -> SignFlip:
    """Test whether differences are symmetric round zero by flipping their signs.

    Up to 16 units all sign patterns are enumerated; above that `draws` are drawn and the observed
    one is counted with them (+1 in numerator and denominator, Phipson and Smyth 2010).

    Parameters
    ----------
    differences
        One per independent unit, shape (n,): a speaker's mean difference, never a clip's.
    generator
        Used above 16 units only.

    Raises
    ------
    ValueError
        If a difference is not finite, or `draws` is below 1.
    """
    alternative_of(alternative)
    d = vector(differences, "differences")
    n = len(d)
    if draws < 1:
        raise ValueError(f"draws is {draws}; expected at least 1")
    if n == 0 or not d.any():
        return SignFlip(n, float(d.mean()) if n else math.nan, math.nan, math.nan, 0, True,
                        alternative)  # fmt: skip
    exact = n <= EXACT_UP_TO
    sums = _all_sums(d) if exact else _drawn_sums(d, generator, draws)
    observed, slack = float(d.sum()), 1e-9 * float(np.abs(d).sum())
    if alternative == "two-sided":
        extreme = np.count_nonzero(np.abs(sums) >= abs(observed) - slack)
    elif alternative == "greater":
        extreme = np.count_nonzero(sums >= observed - slack)
    else:
        extreme = np.count_nonzero(sums <= observed + slack)
    if not exact:
        p, smallest = (extreme + 1) / (draws + 1), 1 / (draws + 1)
    else:
        nonzero = int(np.count_nonzero(d))
        p, smallest = extreme / len(sums), (1 + (alternative == "two-sided")) / 2**nonzero
    return SignFlip(n, float(d.mean()), float(p), float(smallest), len(sums), exact, alternative)


def _all_sums(d: Floats) -> Floats:
    """Return the sums under all 2^n sign patterns."""
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _drawn_sums(d: Floats, generator: np.random.Generator, draws: int) -> Floats:
    """Return the sums under `draws` random sign patterns."""
    signs = generator.integers(0, 2, size=(draws, len(d)), dtype=np.int8)
    return 2.0 * (signs @ d) - d.sum()
