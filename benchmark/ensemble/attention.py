"""Fused attention of several seeds: their batches as one, in a single call of the kernel.

What torch does of itself under ``vmap`` is no way: on the CPU it loops over the seeds, and on CUDA
the fused backward refuses what its forward left ("LSE is not correctly aligned", torch 2.11).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_batchedtensor  # pyright: ignore[reportMissingModuleSource]
from torch.nn import functional

fused = functional.scaled_dot_product_attention


@contextmanager
def attention_over_seeds() -> Iterator[None]:
    """Let ``functional.scaled_dot_product_attention`` under ``vmap`` be one call for all seeds."""
    functional.scaled_dot_product_attention = attention
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = fused


def attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
    dropout_p: float = 0.0, is_causal: bool = False, **more: Any,
) -> Tensor:  # fmt: skip
    """Attend as torch's function of the same name does; (B, heads, T, size) in each seed."""
    given = (query, key, value, attn_mask)
    if not any(x is not None and is_batchedtensor(x) for x in given):
        return fused(query, key, value, attn_mask, dropout_p, is_causal, **more)
    return OverSeeds.apply(*given, dropout_p, is_causal, more)  # type: ignore[no-any-return]


class OverSeeds(torch.autograd.Function):
    """Attention that knows only its rule under ``vmap``; autograd follows what the rule calls."""

    @staticmethod
    def forward(*given: Any) -> Tensor:
        raise NotImplementedError("attention over seeds is called under vmap alone")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None: ...

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Tensor, int]:
        """Take seeds and examples as one first axis."""
        *qkv, mask, dropout, causal, more = args
        seeds = info.batch_size
        q, k, v = (stacked(x, dim, seeds) for x, dim in zip(qkv, in_dims[:3], strict=True))
        if mask is not None and (in_dims[3] is not None or mask.ndim > 2):
            each = stacked(mask, in_dims[3], seeds)
            while each.ndim < q.ndim:
                each = each.unsqueeze(1)
            # One mask for all examples of a seed becomes one for each.
            mask = each.expand(-1, q.shape[1], *each.shape[2:]).flatten(0, 1)
        q, k, v = (x.flatten(0, 1) for x in (q, k, v))
        out = fused(q, k, v, mask, dropout, causal, **more)
        return out.unflatten(0, (seeds, -1)), 0


def stacked(x: Tensor, dim: int | None, seeds: int) -> Tensor:
    """Return a tensor with the seeds as its first axis; what they share is repeated."""
    return x.expand(seeds, *x.shape) if dim is None else x.movedim(dim, 0)
