"""The noncentral t distribution, by quadrature."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

NODES, WEIGHTS = np.polynomial.legendre.leggauss(160)


def noncentral_t_upper(limit: float, df: float, shift: float) -> float:
    """P(T > limit) for noncentral t on `df` degrees of freedom, noncentrality `shift`.

    T = (Z + shift) / U with U^2 a chi-square over its degrees of freedom, so that the tail is the
    mean of Phi(shift - limit U) over U. scipy's own function returns nan in the far tails that a
    search for a sample size walks through.

    Parameters
    ----------
    df
        1 or more; whole or not.
    """
    low, high = np.sqrt(special.chdtri(df, np.array([1 - 1e-16, 1e-18])) / df)
    u = (high + low) / 2 + (high - low) / 2 * NODES
    log_density = (
        math.log(2)
        + df / 2 * math.log(df / 2)
        - float(special.gammaln(df / 2))
        + (df - 1) * np.log(u)
        - df / 2 * u**2
    )
    density = np.exp(log_density) * WEIGHTS * (high - low) / 2
    return float(np.clip(density @ special.ndtr(shift - limit * u), 0.0, 1.0))
