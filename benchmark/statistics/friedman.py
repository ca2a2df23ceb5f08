"""Friedman's test of many methods over many datasets, in Iman and Davenport's form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .checking import Floats, matrix, tied_ranks
from .wording import count, number, p_value

FEWEST_FOR_F = 6
"""Datasets from which F holds its level; at 3 datasets and 3 methods it rejects 21 % at .05."""


@dataclass(frozen=True)
class Friedman:
    """Friedman's test of `methods` methods over `datasets` datasets.

    `mean_ranks` has rank 1 for the best; `statistic` is Iman and Davenport's F on (`df1`, `df2`)
    degrees of freedom, `chi2` Friedman's own statistic. `p` comes from F, or below six datasets
    from permuting the ranks within datasets, as `kind` says.
    """

    datasets: int
    methods: int
    mean_ranks: tuple[float, ...]
    chi2: float
    statistic: float
    df1: int
    df2: int
    p: float
    kind: Literal["F", "permutation"]

    def sentence(self) -> str:
        """Say the result in one sentence."""
        what = f"{count(self.methods, 'method')} over {count(self.datasets, 'dataset')}"
        if math.isnan(self.p):
            return f"With {what} the ranks cannot be tested."
        return (
            f"Friedman's test of {what}: Iman-Davenport F({self.df1}, {self.df2}) = "
            f"{number(self.statistic)}, {p_value(self.p)}"
            f"{' by permutation' if self.kind == 'permutation' else ''}."
        )


def friedman(
    scores: ArrayLike,
    generator: np.random.Generator,
    tie_correction: bool = True,
    draws: int = 9999,
) -> Friedman:
    """Test whether all methods rank alike over datasets.

    Parameters
    ----------
    scores
        Shape (datasets, methods), higher is better; one mean score per dataset and method.
    generator
        Permutes ranks where there are fewer than six datasets.
    tie_correction
        Whether ties widen the statistic (Conover). Demsar (2006) prints the form without it,
        which is conservative where methods tie.

    Returns
    -------
    Friedman
        With nan for fewer than two datasets or methods, or where all methods tie everywhere.
        Where all datasets rank alike F is infinite, and p is the exact A^-(N-1) for the A
        arrangements of a dataset's ranks: k! of them, over t! for every t methods tied.

    Raises
    ------
    ValueError
        If the array is not two-dimensional or a score is not finite.
    """
    table = matrix(scores, "scores")
    n, k = table.shape
    ranks = _ranks(table) if table.size else table
    mean_ranks = tuple(ranks.mean(axis=0).tolist()) if n else (math.nan,) * k
    df1, df2 = k - 1, (k - 1) * (n - 1)
    spread = (
        float(np.sum((ranks - (k + 1) / 2) ** 2)) if tie_correction else n * k * (k**2 - 1) / 12
    )
    kind: Literal["F", "permutation"] = "F" if n >= FEWEST_FOR_F else "permutation"
    if n < 2 or k < 2 or spread <= 0 or np.ptp(ranks) == 0:
        nan = math.nan
        return Friedman(n, k, mean_ranks, nan, nan, df1, df2, nan, kind)
    chi2 = n * (k - 1) * float(_between(ranks[None])[0]) / spread
    rest = n * (k - 1) - chi2
    if rest <= 1e-9 * chi2:
        ties = np.unique(ranks[0], return_counts=True)[1]
        arrangements = math.factorial(k) / math.prod(math.factorial(int(t)) for t in ties)
        p = float(arrangements ** -(n - 1))
        return Friedman(n, k, mean_ranks, chi2, math.inf, df1, df2, p, kind)
    f = (n - 1) * chi2 / rest
    if kind == "F":
        p = float(special.fdtrc(df1, df2, f))
    else:
        observed = float(_between(ranks[None])[0])
        drawn = _between(generator.permuted(np.tile(ranks, (draws, 1, 1)), axis=2))
        p = (1 + int(np.count_nonzero(drawn >= observed - 1e-9))) / (draws + 1)
    return Friedman(n, k, mean_ranks, chi2, f, df1, df2, p, kind)


def _ranks(table: Floats) -> Floats:
    """Rank each dataset's methods, 1 for the highest; a dataset has a scale of its own."""
    return tied_ranks(-table, np.max(np.abs(table), axis=1, keepdims=True))


def _between(ranks: Floats) -> Floats:
    """Scatter of the methods' mean ranks, (draws, datasets, methods) to (draws,)."""
    n, k = ranks.shape[1:]
    return n * np.sum((ranks.mean(axis=1) - (k + 1) / 2) ** 2, axis=1)
