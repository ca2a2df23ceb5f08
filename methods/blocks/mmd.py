"""Maximum mean discrepancy of two samples, under a Gaussian kernel.

Gretton, Borgwardt, Rasch, Schölkopf and Smola, JMLR 2012.
"""

from __future__ import annotations

import torch
from torch import Tensor


def squared_mmd(x: Tensor, y: Tensor, scale: float, weights: Tensor | None = None) -> Tensor:
    """Squared discrepancy of samples: mean k(x, x') + mean k(y, y') - 2 mean k(x, y).

    The kernel is k(x, y) = exp(-||x - y||^2 / scale). This is the biased estimate, whose means
    take each point with itself too (eq. 5 of the paper): it is never negative, and zero for equal
    samples.

    Parameters
    ----------
    x, y
        Samples (..., N, d) and (..., M, d).
    scale
        Twice the kernel's variance.
    weights
        (..., N), not negative: how much each point of x counts; equally by default.

    Returns
    -------
    Tensor
        (...); zero where no point of x counts.
    """
    weights = x.new_ones(x.shape[:-1]) if weights is None else weights.to(x.dtype)
    total = weights.sum(-1, keepdim=True)
    share = (weights / total.clamp(min=torch.finfo(x.dtype).tiny)).unsqueeze(-1)
    within = (share * (kernel(x, x, scale) @ share)).sum((-2, -1))
    between = (share * kernel(x, y, scale)).sum(-2).mean(-1)
    discrepancy = within + kernel(y, y, scale).mean((-2, -1)) - 2 * between
    return discrepancy.where(total.squeeze(-1) > 0, torch.zeros_like(discrepancy))


def kernel(x: Tensor, y: Tensor, scale: float) -> Tensor:
    """exp(-||x - y||^2 / scale) of all pairs: (..., N, d), (..., M, d) -> (..., N, M)."""
    squares = x.square().sum(-1)[..., :, None] + y.square().sum(-1)[..., None, :]
    distance = squares - 2 * x @ y.transpose(-1, -2)
    return torch.exp(-distance.clamp(min=0.0) / scale)
