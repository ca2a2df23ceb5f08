"""Parts of a split that share no speaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def draw_speakers(
    rng: np.random.Generator,
    groups: np.ndarray,
    shares: Sequence[float],
    accept: Callable[[np.ndarray], bool],
    draws: int = 100,
) -> list[np.ndarray] | None:
    """Hold out shares of the speakers, drawn anew until the training examples are accepted.

    Parameters
    ----------
    rng
        All the chance there is.
    groups
        (N,) speaker of each example; more speakers than shares.
    shares
        Of the speakers, rounded to whole ones, one at least each.
    accept
        Whether the examples (n,) int64 that are left are fit for training.
    draws
        How often to try.

    Returns
    -------
    Positions (int64) of the training examples and of each share, or None where no draw would do.
    """
    speakers = np.unique(groups)
    cuts = np.cumsum([max(1, round(share * len(speakers))) for share in shares])
    for _ in range(draws):
        *held, kept = np.split(rng.permutation(speakers), cuts)
        train = np.flatnonzero(np.isin(groups, kept))
        if accept(train):
            return [train, *(np.flatnonzero(np.isin(groups, part)) for part in held)]
    return None
