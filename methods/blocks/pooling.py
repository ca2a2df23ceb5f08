"""Readouts of a padded sequence that no padding can reach."""

from __future__ import annotations

from torch import Tensor


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over valid steps: (B, T, d), (B, T) -> (B, d)."""
    kept = x.masked_fill(~mask[..., None], 0.0)
    return kept.sum(1) / mask.sum(1, keepdim=True).to(x.dtype)


def last_step(x: Tensor, lengths: Tensor) -> Tensor:
    """Last valid step: (B, T, d), (B,) -> (B, d)."""
    index = (lengths - 1)[:, None, None].expand(-1, 1, x.shape[-1])
    return x.gather(1, index).squeeze(1)
