"""All pairs of methods over datasets: Wilcoxon's signed rank with Holm's correction."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from .checking import matrix
from .multiplicity import holm
from .signed_rank import signed_rank
from .wording import count, number


@dataclass(frozen=True)
class Pairwise:
    """All pairs (i, j), i < j, with p-values before and after Holm's correction.

    `smallest_p` is the smallest p that so many datasets allow before correction.
    """

    datasets: int
    methods: int
    pairs: tuple[tuple[int, int], ...]
    p: tuple[float, ...]
    adjusted: tuple[float, ...]
    separated: tuple[bool, ...]
    smallest_p: float
    alpha: float

    def is_separated(self) -> np.ndarray:
        """Return whether each pair is separated, bool, shape (methods, methods), symmetric."""
        table = np.zeros((self.methods, self.methods), dtype=bool)
        for (i, j), verdict in zip(self.pairs, self.separated, strict=True):
            table[i, j] = table[j, i] = verdict
        return table

    def sentence(self) -> str:
        """Say the result in one sentence."""
        text = (
            f"Of {count(len(self.pairs), 'pair')} of methods over "
            f"{count(self.datasets, 'dataset')} {sum(self.separated)} are separated "
            f"(Wilcoxon signed rank, Holm, alpha {self.alpha:g})"
        )
        if self.pairs and self.smallest_p * len(self.pairs) > self.alpha:
            return (
                f"{text}; so few datasets cannot separate any pair first: the smallest p is "
                f"{number(self.smallest_p)}, and Holm asks for "
                f"{number(self.alpha / len(self.pairs))}."
            )
        return f"{text}."


def pairwise_signed_rank(scores: ArrayLike, alpha: float = 0.05) -> Pairwise:
    """Compare every pair of methods, two-sided.

    Parameters
    ----------
    scores
        Shape (datasets, methods); one mean score per dataset and method.
    alpha
        Familywise error over all pairs.

    Raises
    ------
    ValueError
        If the array is not two-dimensional or a score is not finite.
    """
    table = matrix(scores, "scores")
    n, k = table.shape
    pairs = tuple(combinations(range(k), 2))
    p = [signed_rank(table[:, i], table[:, j]).p for i, j in pairs]
    result = holm(p, alpha)
    smallest = min(1.0, 2.0 * 0.5**n)
    return Pairwise(n, k, pairs, result.p, result.adjusted, result.rejected, smallest, alpha)
