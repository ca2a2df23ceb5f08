"""The shortest vector in the convex hull of gradients: a direction that worsens none of the losses.

Désidéri, Comptes Rendus Mathématique 2012; by Frank-Wolfe after Sener and Koltun, NeurIPS 2018.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

STEPS = 100


def min_norm(gram: Tensor) -> Tensor:
    """Weights, none negative and of sum 1, that minimise ||u||^2 with u = sum_i w_i g_i.

    At the minimum <u, g_i> >= ||u||^2 for all i: a small step along -u lowers every loss. Each step
    moves weight to t = argmin_i <g_i, u>, as far as the exact line search wants. With two gradients
    one step is the solution, w_2 = clip(<g_1 - g_2, g_1> / ||g_1 - g_2||^2, 0, 1). The weight
    is taken from argmax_i <g_i, u> among those that have some (pairwise steps, Lacoste-Julien and
    Jaggi, NeurIPS 2015): taken from all alike, as in Sener and Koltun, the gap
    ||u||^2 - min_i <u, g_i> falls only as 1 / step where the minimum lies on an edge. No value of a
    tensor is read.

    Parameters
    ----------
    gram
        Inner products <g_i, g_j>, (n, n).

    Returns
    -------
    Tensor
        (n,) float64.
    """
    gram = gram.to(torch.float64)
    index, squares = torch.arange(len(gram), device=gram.device), gram.diagonal()
    weights = (index == squares.argmin()).to(gram.dtype)
    for _ in range(1 if len(gram) == 2 else STEPS):
        slopes = gram @ weights
        toward = slopes.argmin()
        away = slopes.masked_fill(weights <= 0.0, -torch.inf).argmax()
        # By products with unit vectors: indexing by a tensor would read its value.
        to, off = (index == toward).to(gram.dtype), (index == away).to(gram.dtype)
        shift = to - off
        gap, length = -(shift * slopes).sum(), (shift * (gram * shift).sum(1)).sum()
        held = (off * weights).sum()
        moved = torch.minimum((gap / length.clamp(min=1e-300)).clamp(min=0.0), held)
        weights = weights + moved * shift
    return weights


def inner_products(gradients: Sequence[Sequence[Tensor | None]]) -> Tensor:
    """Gram matrix (n, n) of n gradients, each by parameter; ``None`` is a gradient of zero."""
    gram = torch.zeros(len(gradients), len(gradients))
    for slopes in zip(*gradients, strict=True):
        shapes = [slope for slope in slopes if slope is not None]
        if shapes:
            zero = torch.zeros_like(shapes[0])
            flat = torch.stack([zero if s is None else s for s in slopes]).reshape(len(slopes), -1)
            gram = flat @ flat.T + gram.to(flat)
    return gram


def combined(gradients: Sequence[Tensor | None], weights: Tensor) -> Tensor | None:
    """Return sum_i w_i g_i of one parameter's n gradients; ``None`` where all are."""
    parts = [g * w.to(g.dtype) for g, w in zip(gradients, weights, strict=True) if g is not None]
    return torch.stack(parts).sum(0) if parts else None
