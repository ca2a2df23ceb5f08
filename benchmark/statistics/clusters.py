"""Means of clusters, such as speakers: the units that are independent of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import vector
from .wording import count, number


@dataclass(frozen=True)
class ClusterMeans:
    """Mean and number of values of each cluster, clusters in sorted order."""

    names: tuple[str, ...]
    means: tuple[float, ...]
    sizes: tuple[int, ...]

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if not self.names:
            return "There is no cluster."
        return (
            f"{count(sum(self.sizes), 'value')} come from {count(len(self.names), 'cluster')}, "
            f"whose means run from {number(min(self.means))} to {number(max(self.means))}."
        )


def cluster_means(values: ArrayLike, clusters: ArrayLike) -> ClusterMeans:
    """Average values within clusters, so that t and sign-flip tests see independent units.

    Parameters
    ----------
    values
        Shape (n,), one per clip: whether it is right, or the difference of two methods on it.
    clusters
        Labels, shape (n,): the speaker of each clip.

    Raises
    ------
    ValueError
        If the lengths differ or a value is not finite.
    """
    x, labels = vector(values, "values"), np.asarray(clusters)
    if labels.shape != x.shape:
        raise ValueError(f"clusters have shape {labels.shape}; expected {x.shape}")
    names, codes = np.unique(labels, return_inverse=True)
    sizes = np.bincount(codes, minlength=len(names))
    means = np.bincount(codes, weights=x, minlength=len(names)) / np.maximum(sizes, 1)
    return ClusterMeans(
        tuple(str(name) for name in names), tuple(means.tolist()), tuple(sizes.tolist())
    )
