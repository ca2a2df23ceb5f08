"""Effect sizes: the paired standardised mean difference, and dominance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from .checking import is_constant, pair, share, vector
from .noncentral import noncentral_t_upper
from .wording import count, interval, number


@dataclass(frozen=True)
class PairedEffect:
    """Cohen's d_z of paired differences, and g_z, the same with Hedges' correction.

    (`low`, `high`) is the interval of d_z from the noncentral t distribution.
    """

    n: int
    dz: float
    gz: float
    low: float
    high: float
    confidence: float = 0.95

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if math.isnan(self.dz):
            return f"Over {count(self.n, 'pair')} without spread there is no standardised effect."
        return (
            f"The standardised paired difference is {number(self.gz)} after Hedges' correction "
            f"(Cohen's d_z {number(self.dz)}, "
            f"{interval(self.low, self.high, self.confidence)}, {count(self.n, 'pair')})."
        )


def hedges_correction(df: float) -> float:
    """Return Hedges' exact correction J(df) = G(df/2) / (sqrt(df/2) G((df-1)/2)) (1981).

    Raises
    ------
    ValueError
        Below 2 degrees of freedom, where the mean of d does not exist.
    """
    if df < 2:
        raise ValueError(f"df is {df}; expected at least 2")
    return math.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / math.sqrt(df / 2)


def paired_effect(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> PairedEffect:
    """Return the mean of a - b in units of the differences' standard deviation.

    Parameters
    ----------
    a, b
        Scores, shape (n,), matched by position.

    Raises
    ------
    ValueError
        If the lengths differ or a score is not finite.
    """
    share(confidence, "confidence")
    first, second = pair(a, b)
    d, n, nan = first - second, len(first), math.nan
    scale = float(np.max(np.abs(np.concatenate([first, second])))) if n else 0.0
    if n < 2 or is_constant(d, scale):
        return PairedEffect(n, nan, nan, nan, nan, confidence)
    dz = float(d.mean() / d.std(ddof=1))
    gz = dz * hedges_correction(n - 1) if n > 2 else nan
    tail = (1 - confidence) / 2
    low, high = (_noncentrality(dz * math.sqrt(n), n - 1, q) for q in (1 - tail, tail))
    return PairedEffect(n, dz, gz, low / math.sqrt(n), high / math.sqrt(n), confidence)


def _noncentrality(t: float, df: int, level: float) -> float:
    """Return the noncentrality under which a t as small as this has probability `level`."""

    def gap(shift: float) -> float:
        return 1 - noncentral_t_upper(t, df, shift) - level

    width = 5.0
    while gap(t + width) > 0 or gap(t - width) < 0:
        width *= 2
    return float(optimize.brentq(gap, t - width, t + width, xtol=1e-10))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Dominance:
    """How often a value of a exceeds one of b, over all n_a x n_b pairs; ties count one half.

    `a12` is Vargha and Delaney's A, `delta` is Cliff's delta, 2 A - 1.
    """

    n_a: int
    n_b: int
    a12: float
    delta: float

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if math.isnan(self.a12):
            return "Without values on both sides there is no dominance to measure."
        return (
            f"A value of A exceeds one of B with relative frequency {number(self.a12)} "
            f"(Vargha-Delaney A; Cliff's delta {number(self.delta)}; {self.n_a} x {self.n_b} "
            f"unpaired comparisons)."
        )


def dominance(a: ArrayLike, b: ArrayLike) -> Dominance:
    """Return Vargha and Delaney's A (2000) and Cliff's delta (1993) of two unpaired samples.

    Parameters
    ----------
    a, b
        Scores, shapes (n_a,) and (n_b,).
    """
    first, second = vector(a, "a"), np.sort(vector(b, "b"))
    if len(first) == 0 or len(second) == 0:
        return Dominance(len(first), len(second), math.nan, math.nan)
    rounding = 1e-12 * np.abs(first)  # .1 + .2 ties with .3
    below = np.searchsorted(second, first - rounding, side="left")
    up_to = np.searchsorted(second, first + rounding, side="right")
    a12 = float((below + up_to).sum()) / (2 * len(first) * len(second))
    return Dominance(len(first), len(second), a12, 2 * a12 - 1)
