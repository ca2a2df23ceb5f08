"""Central moment discrepancy: how far two samples' distributions are apart, without a kernel."""

from __future__ import annotations

import torch
from torch import Tensor


def central_moment_discrepancy(
    x: Tensor, y: Tensor, x_kept: Tensor, y_kept: Tensor, *, moments: int = 5, span: float = 1.0
) -> Tensor:
    """Central moment discrepancy CMD_K of two samples in [a, b]^d (Zellinger et al., ICLR 2017).

    ``CMD_K = ||E x - E y|| / s + sum_(k = 2..K) ||c_k(x) - c_k(y)|| / s^k`` with span s = b - a and
    c_k(x) = E (x - E x)^k, element by element; Euclidean norms, empirical means. The gradient is
    zero where a norm is.

    Parameters
    ----------
    x, y
        (n, d) and (m, d).
    x_kept, y_kept
        (n,) and (m,) bool: the examples that count. Where a sample has none the result is zero.
    moments
        Greatest order K, from 1.
    span
        Length b - a of the interval that bounds every number.

    Returns
    -------
    Tensor
        A scalar.
    """
    distances = [
        torch.linalg.vector_norm(of_x - of_y) / span**order
        for order, (of_x, of_y) in enumerate(
            zip(central_moments(x, x_kept, moments), central_moments(y, y_kept, moments),
                strict=True),
            start=1,
        )
    ]  # fmt: skip
    return torch.stack(distances).sum() * (x_kept.any() & y_kept.any()).to(x.dtype)


def central_moments(x: Tensor, kept: Tensor, orders: int) -> list[Tensor]:
    """Mean, then central moments of orders 2 to K of the kept rows of (n, d); each is (d,)."""
    weight = kept.to(x.dtype) / kept.sum().clamp(min=1)
    mean = weight @ x
    centred = x - mean
    return [mean, *(weight @ centred.pow(order) for order in range(2, orders + 1))]
