"""Student's t: p-values and limits that all tests of a mean share."""

from __future__ import annotations

import math

from scipy import special

from .checking import Alternative


def t_p(statistic: float, df: float, alternative: Alternative) -> float:
    """Return the p-value of a t statistic on `df` degrees of freedom."""
    if math.isnan(statistic) or math.isnan(df) or df <= 0:
        return math.nan
    if alternative == "greater":
        return float(special.stdtr(df, -statistic))
    if alternative == "less":
        return float(special.stdtr(df, statistic))
    return float(2.0 * special.stdtr(df, -abs(statistic)))


def t_quantile(share: float, df: float) -> float:
    """Return the quantile of Student's t at `share` on `df` degrees of freedom."""
    return float(special.stdtrit(df, share))
