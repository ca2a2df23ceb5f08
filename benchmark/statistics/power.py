"""Power of the paired t-test, the effect it can find, and the seeds or speakers it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import optimize, special

from .checking import share
from .noncentral import noncentral_t_upper
from .student import t_quantile
from .wording import number, percent

MOST = 10_000_000
"""Number of pairs above which a search for a sample size gives up."""


@dataclass(frozen=True)
class Power:
    """Power of a paired t-test of n pairs against a standardised effect d_z."""

    n: int
    effect: float
    alpha: float
    two_sided: bool
    power: float

    def sentence(self) -> str:
        """Say the result in one sentence."""
        return (
            f"With {self.n} pairs a paired t-test at {_level(self.alpha, self.two_sided)} finds an "
            f"effect of {number(self.effect)} standard deviations in "
            f"{percent(round(self.power, 3))} of runs."
        )


@dataclass(frozen=True)
class DetectableEffect:
    """The smallest effect that n pairs find with the wanted power.

    `effect` is in standard deviations of the differences, `difference` in the units of the scores
    (nan when no standard deviation was given).
    """

    n: int
    effect: float
    difference: float
    alpha: float
    two_sided: bool
    power: float

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if math.isnan(self.effect):
            return f"{self.n} pairs detect no effect whatever its size."
        units = "" if math.isnan(self.difference) else f", here {number(self.difference)}"
        return (
            f"With {self.n} pairs the smallest effect found with {percent(self.power)} power at "
            f"{_level(self.alpha, self.two_sided)} is {number(self.effect)} standard deviations of "
            f"the difference{units}."
        )


@dataclass(frozen=True)
class SampleSize:
    """How many pairs (seeds or speakers) reach the wanted power for `effect`.

    `effect` is d_z for the t-test and P(A > B) for Noether's formula, as `measure` says; `n` is
    None when more than ten million would be needed.
    """

    n: int | None
    effect: float
    measure: str
    alpha: float
    two_sided: bool
    power: float

    def sentence(self) -> str:
        """Say the result in one sentence."""
        number_of = "more pairs than can be had" if self.n is None else f"{self.n} pairs"
        return (
            f"To find {self.measure} = {number(self.effect)} with {percent(self.power)} power at "
            f"{_level(self.alpha, self.two_sided)} takes {number_of}."
        )


def power_of_t(effect: float, n: int, alpha: float = 0.05, two_sided: bool = True) -> Power:
    """Return the power of a paired t-test of n pairs, from the noncentral t distribution.

    Parameters
    ----------
    effect
        Mean difference over the standard deviation of the differences (d_z).

    Raises
    ------
    ValueError
        With fewer than two pairs.
    """
    share(alpha, "alpha")
    if n < 2:
        raise ValueError(f"n is {n}; expected at least 2 pairs")
    return Power(n, effect, alpha, two_sided, _power(effect, n, alpha, two_sided))


def detectable_effect(
    n: int,
    power: float = 0.8,
    alpha: float = 0.05,
    two_sided: bool = True,
    sd: float = math.nan,
) -> DetectableEffect:
    """Return the smallest effect that n pairs find with the wanted power.

    Parameters
    ----------
    sd
        Standard deviation of the differences in the units of the scores, if known.
    """
    share(alpha, "alpha")
    share(power, "power")
    if n < 2:
        return DetectableEffect(n, math.nan, math.nan, alpha, two_sided, power)
    top = 1.0
    while _power(top, n, alpha, two_sided) < power:
        top *= 2
    effect = float(
        optimize.brentq(lambda d: _power(d, n, alpha, two_sided) - power, 0.0, top)  # type: ignore
    )
    return DetectableEffect(n, effect, effect * sd, alpha, two_sided, power)


def pairs_needed(
    effect: float, power: float = 0.8, alpha: float = 0.05, two_sided: bool = True
) -> SampleSize:
    """Return the smallest number of pairs whose paired t-test reaches the wanted power.

    Raises
    ------
    ValueError
        If `effect` is not finite.
    """
    if not math.isfinite(effect):
        raise ValueError(f"effect is {effect}; expected a finite number")
    share(alpha, "alpha")
    share(power, "power")
    low, high = 1, 2
    size = abs(effect) if two_sided else effect
    while size <= 0 or _power(size, high, alpha, two_sided) < power:
        if size <= 0 or high > MOST:
            return SampleSize(None, effect, "d_z", alpha, two_sided, power)
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = _power(size, middle, alpha, two_sided) >= power
        low, high = (low, middle) if enough else (middle, high)
    return SampleSize(high, effect, "d_z", alpha, two_sided, power)


def pairs_needed_noether(
    superiority: float, power: float = 0.95, alpha: float = 0.05, two_sided: bool = False
) -> SampleSize:
    """Return Noether's number of pairs (1987): (z_alpha + z_beta)^2 / (6 (P(A > B) - 1/2)^2).

    With the defaults this is the sample size of Bouthillier et al. (MLSys 2021).

    Raises
    ------
    ValueError
        If `superiority` is not a share.
    """
    share(alpha, "alpha")
    share(power, "power")
    share(superiority, "superiority")
    measure = "P(A > B)"
    if superiority == 0.5:
        return SampleSize(None, superiority, measure, alpha, two_sided, power)
    z = float(special.ndtri(1 - (alpha / 2 if two_sided else alpha)) + special.ndtri(power))
    n = math.ceil(z**2 / (6 * (superiority - 0.5) ** 2))
    return SampleSize(n, superiority, measure, alpha, two_sided, power)


def _power(effect: float, n: int, alpha: float, two_sided: bool) -> float:
    """Return the power of a paired t-test of n pairs."""
    limit = t_quantile(1 - (alpha / 2 if two_sided else alpha), n - 1)
    shift = effect * math.sqrt(n)
    upper = noncentral_t_upper(limit, n - 1, shift)
    return upper + noncentral_t_upper(limit, n - 1, -shift) if two_sided else upper


def _level(alpha: float, two_sided: bool) -> str:
    return f"{'two' if two_sided else 'one'}-sided alpha {alpha:g}"
