"""Variance shares: how much of the spread of scores each source of chance makes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import Floats, vector
from .wording import count, number, percent


@dataclass(frozen=True)
class VarianceShares:
    """Variance components of crossed or nested random effects.

    `estimates` are the unbiased components, which may fall below zero; `shares` are those of the
    components cut off at zero; the last source, "rest", is what no factor explains. A source
    that the data do not tell from another has nan.
    """

    n: int
    sources: tuple[str, ...]
    levels: tuple[int, ...]
    estimates: tuple[float, ...]
    shares: tuple[float, ...]

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if not self.sources or all(math.isnan(x) for x in self.shares):
            return f"{count(self.n, 'score')} cannot tell the sources of variance apart."
        known = [
            (share, name)
            for share, name in zip(self.shares, self.sources, strict=True)
            if not math.isnan(share)
        ]
        listed = ", ".join(f"{name} {percent(round(s, 3))}" for s, name in sorted(known)[::-1])
        total = sum(max(0.0, x) for x in self.estimates if not math.isnan(x))
        return (
            f"Of the variance of {count(self.n, 'score')} (standard deviation "
            f"{number(math.sqrt(total))}) the shares are: {listed}."
        )


def variance_shares(scores: ArrayLike, factors: Mapping[str, ArrayLike]) -> VarianceShares:
    """Split the variance of scores into that of random factors.

    Each factor's scatter between level sums is set equal to its expectation under the model
    score = mean + effects of the factors + rest (MINQUE with identity weights, Rao 1971): unbiased
    whatever the distribution and the balance, and equal to the ANOVA components of a balanced
    table. Nested factors need labels of their own in every parent ("speaker 3 of split 2").

    Parameters
    ----------
    scores
        Shape (n,), of one method (or differences of two).
    factors
        Name to labels, shape (n,) each: the level of initialisation, data order, split, speaker
        under which each score was got.

    Raises
    ------
    ValueError
        If a factor's labels do not match the scores in number, or a score is not finite.
    """
    y = vector(scores, "scores")
    n = len(y)
    levels: list[np.ndarray] = []
    for name, labels in factors.items():
        values = np.asarray(labels)
        if values.shape != (n,):
            raise ValueError(f"factor {name} has shape {values.shape}; expected ({n},)")
        levels.append(np.unique(values, return_inverse=True)[1])
    numbers = tuple(int(codes.max()) + 1 if n else 0 for codes in levels)
    sources = (*factors, "rest")
    if n < 2:
        nothing = (math.nan,) * len(sources)
        return VarianceShares(n, sources, (*numbers, n), nothing, nothing)
    estimates = _minque(y, levels)
    kept = np.maximum(estimates, 0.0)
    total = float(np.nansum(kept))
    shares = kept / total if total > 0 else np.full(len(kept), math.nan)
    return VarianceShares(
        n, sources, (*numbers, n), tuple(estimates.tolist()), tuple(shares.tolist())
    )


def _minque(y: Floats, levels: list[np.ndarray]) -> Floats:
    """Solve E[quadratic forms] = quadratic forms for the components, the rest last.

    `levels` hold each factor's level of every score; what their centred incidence matrices would
    give follows from the counts of the levels and of their pairs. A factor with one level, or with
    the same levels as another, leaves the equations singular: such components come out as nan.
    """
    n = len(y)
    counts = [np.bincount(codes) for codes in levels]
    forms = np.array([float(np.sum(np.bincount(codes, y - y.mean()) ** 2)) for codes in levels])
    rest = float(np.sum((y - y.mean()) ** 2))
    m = len(levels)
    system = np.zeros((m + 1, m + 1))
    for i in range(m):
        for j in range(m):
            k = len(counts[j])
            both = np.bincount(levels[i] * k + levels[j], minlength=len(counts[i]) * k)
            centred = both.reshape(-1, k) - np.outer(counts[i], counts[j]) / n
            system[i, j] = float(np.sum(centred**2))
        system[i, m] = system[m, i] = n - float(np.sum(counts[i] ** 2)) / n
    system[m, m] = n - 1
    size = np.sqrt(np.maximum(np.diag(system), 1e-300))
    scaled = system / np.outer(size, size)
    values, vectors = np.linalg.eigh(scaled)
    null = vectors[:, values < 1e-9]
    tangled = np.any(np.abs(null) > 1e-6, axis=1)
    solution = np.linalg.pinv(scaled, rcond=1e-9, hermitian=True) @ (np.append(forms, rest) / size)
    return np.where(tangled, math.nan, solution / size)
