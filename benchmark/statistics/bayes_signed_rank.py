"""The Bayesian signed-rank test of two methods over several datasets."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .bayes import Posterior
from .checking import Floats, differences

BLOCK = 2_000_000
"""Weights drawn at a time, which bounds the memory at some 50 MB."""


def bayes_signed_rank(
    a: ArrayLike,
    b: ArrayLike,
    rope: float,
    generator: np.random.Generator,
    draws: int = 50_000,
    prior_strength: float = 0.5,
) -> Posterior:
    """Return the posterior that A is better, equal or worse on a new dataset.

    A Dirichlet process of strength `prior_strength` with one pseudo-observation at zero, in the
    region of practical equivalence, is updated with the differences; every draw weighs all pairs
    (i, j) and asks where (z_i + z_j) / 2 lies; the answer with the largest weight has the draw
    (Benavoli et al., JMLR 18(77), 2017).

    Parameters
    ----------
    a, b
        Scores, shape (n,), one pair per dataset.
    rope
        Half-width of the region of practical equivalence, in the units of the scores; 0 or more.
    generator
        Draws the weights.

    Returns
    -------
    Posterior
        With nan without any pair.

    Raises
    ------
    ValueError
        If the lengths differ, a score is not finite, or a number is out of range.
    """
    if not rope >= 0 or math.isinf(rope):
        raise ValueError(f"rope is {rope}; expected 0 or more")
    if not prior_strength > 0 or draws < 1:
        raise ValueError("prior_strength and draws must be positive")
    d = differences(a, b)
    n, name = len(d), "Bayesian signed-rank test"
    if n == 0:
        return Posterior(0, rope, math.nan, math.nan, math.nan, name)
    z = np.concatenate([[0.0], d])
    strength = np.concatenate([[prior_strength], np.ones(n)])
    wins, left = np.zeros(3), draws
    while left:
        now = min(left, max(1, BLOCK // (n + 1)))
        wins += _wins(generator.dirichlet(strength, size=now), z, rope)
        left -= now
    above, equal, below = (wins / draws).tolist()
    return Posterior(n, rope, above, equal, below, name)


def _wins(weights: Floats, z: Floats, rope: float) -> Floats:
    """Count the draws that each answer has, (draws, n + 1) to (above, equal, below)."""
    edge = round(2 * rope, 12)
    sums = np.round(z[:, None] + z[None, :], 12)  # 0.01 + 0.01 lies in a region of 0.01
    masses = np.stack(
        [
            np.einsum("di,di->d", weights @ region, weights)
            for region in (
                (sums > edge).astype(float),
                (np.abs(sums) <= edge).astype(float),
                (sums < -edge).astype(float),
            )
        ]
    )
    best = masses >= masses.max(axis=0) - 1e-12
    return (best / best.sum(axis=0)).sum(axis=1)
