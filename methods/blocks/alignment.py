"""Sequences of unequal lengths brought to one: the mean over equal shares of their time."""

from __future__ import annotations

import torch
from torch import Tensor


def averaged(x: Tensor, mask: Tensor, lengths: Tensor, steps: int) -> Tensor:
    """Average each example's valid steps over as many equal shares of its time as it is to keep.

    Step s of L goes into share floor(s L' / L); with L' <= L no share is empty. Linear in time.

    Parameters
    ----------
    x, mask
        Sequences (B, T, d), zero in the padding, and their valid steps (B, T), L in all.
    lengths
        Numbers of shares L' (B,), up to ``steps``.
    steps
        Padded length T' of the result.

    Returns
    -------
    Tensor
        (B, T', d), zero in the padding and in empty shares.
    """
    source = mask.sum(1, keepdim=True)
    share = torch.arange(x.shape[1], device=x.device) * lengths[:, None] // source
    share = share.clamp(max=steps - 1)
    sums = x.new_zeros(len(x), steps, x.shape[2])
    sums = sums.scatter_add(1, share[..., None].expand_as(x), x)
    counts = x.new_zeros(len(x), steps).scatter_add(1, share, mask.to(x.dtype))
    return sums / counts.clamp(min=1.0)[..., None]
