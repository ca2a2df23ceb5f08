"""Contrastive losses on aligned representations: Symile, and InfoNCE over pairs (CLIP).

Symile: Saporta et al., NeurIPS 2024. InfoNCE: van den Oord et al., 2018; symmetric in CLIP,
Radford et al., ICML 2021. Representations are (N, d), of unit length; row i of all of them is one
example. Examples that do not count are neither anchors nor negatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod

import torch
from torch import Tensor
from torch.nn import functional


def symile(
    parts: Sequence[Tensor], scale: Tensor, counted: Tensor, orders: Tensor | None = None
) -> Tensor:
    """Symile's loss: each modality in turn tells its own example's others from other examples'.

    A tuple's score is the multilinear inner product, scale * sum_d prod_m r_m[d]. Against an anchor
    r_m[i] stand the others of example i and tuples that mix examples; the loss is the cross-entropy
    to the former, averaged over anchors and modalities. With two modalities no tuple can mix
    examples, and it is symmetric InfoNCE.

    Parameters
    ----------
    parts
        M >= 2 representations (N, d).
    scale
        Scalar, the inverse temperature.
    counted
        (N,) bool.
    orders
        (M, M - 2, N) permutations of the examples, from :func:`drawn_orders`: for each anchor N
        tuples, in which the first of the other modalities stays in place and the rest are permuted
        (negatives "n"). ``None``: all N^(M - 1) combinations ("n_squared").

    Returns
    -------
    Tensor
        Scalar; zero, with a zero gradient, where at most one example counts.
    """
    losses = []
    for m, anchor in enumerate(parts):
        others = [part for n, part in enumerate(parts) if n != m]
        tuples = mixed(others) if orders is None else permuted(others, orders[m])
        scores = anchor @ tuples.T
        size, count = scores.shape
        # The tuple of example i itself: (i, ..., i) among the combinations counted in base N.
        own = torch.arange(size, device=scores.device) * ((count - 1) // max(size - 1, 1))
        positive = own[:, None] == torch.arange(count, device=scores.device)
        if orders is not None:
            scores = torch.where(positive, (anchor * prod(others)).sum(-1, keepdim=True), scores)
        whole = counted if orders is not None else mixed([counted[:, None]] * len(others))[:, 0]
        logits = (scale * scores).masked_fill(~(whole | positive), -torch.inf)
        losses.append(functional.cross_entropy(logits, own, reduction="none"))
    known = counted.to(losses[0].dtype)
    return (torch.stack(losses).mean(0) * known).sum() / known.sum().clamp(min=1.0)


def clip_pairwise(parts: Sequence[Tensor], scale: Tensor, counted: Tensor) -> Tensor:
    """Symmetric InfoNCE, summed over all pairs of M >= 2 modalities; arguments as in `symile`."""
    return torch.stack([symile(pair, scale, counted) for pair in combinations(parts, 2)]).sum()


def mixed(parts: Sequence[Tensor]) -> Tensor:
    """Products of all combinations of rows: k of (N, d) -> (N^k, d), the last index runs first."""
    products = parts[0]
    for part in parts[1:]:
        products = (products[:, None] * part).flatten(0, 1)
    return products


def permuted(parts: Sequence[Tensor], orders: Tensor) -> Tensor:
    """Products of rows, in orders (k - 1, N) for all but the first: k of (N, d) -> (N, d)."""
    return prod(
        (part[order] for part, order in zip(parts[1:], orders, strict=True)), start=parts[0]
    )


def drawn_orders(modalities: int, counted: Tensor) -> Tensor:
    """Draw Symile's permutations (M, M - 2, N) from torch's global generator.

    Examples that count change places among themselves, the others stay where they are.
    """
    size, device = len(counted), counted.device
    chance = torch.rand(modalities, modalities - 2, size, device=device)
    shuffled = (chance + 2.0 * ~counted).argsort(-1)
    places = (~counted).to(torch.uint8).argsort(stable=True).expand_as(shuffled)
    return torch.empty_like(shuffled).scatter(-1, places, shuffled)


def kept_orders(modalities: int, counted: Tensor) -> Tensor:
    """Orders (M, M - 2, N) that draw nothing: the negatives are the other examples' own tuples."""
    index = torch.arange(len(counted), device=counted.device)
    return index.expand(modalities, modalities - 2, -1)
