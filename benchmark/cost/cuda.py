"""The paths that torch takes on CUDA and not on the CPU, for tensors that are on neither.

Fake tensors on a device of which a build of torch knows nothing end the process in the backward
pass. A prediction for CUDA therefore runs on the CPU's fake tensors, with what depends on the
device replaced: what Python code sees as a tensor's device, attention, dropout, and in bfloat16
what autocast keeps in float32. The prediction is then the same on a machine with a GPU and without.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn import functional

CUDA = torch.device("cuda", 0)
BLOCK = 512
"""Bytes that the caching allocator rounds every size up to."""

WORKSPACE = 32 * 2**20
"""Bytes that cuBLAS keeps on Hopper for each thread that multiplies (8.125 MiB on older cards).

A prediction has one such thread, a training step two: autograd goes backward in one of its own.
"""

FLASH_WIDTH = 256
ALIGNED = {torch.float32: 4, torch.bfloat16: 8, torch.float16: 8}
"""Numbers that a head's width has to be a multiple of in memory-efficient attention."""

FLOAT32 = ("layer_norm", "group_norm", "softmax", "log_softmax", "cross_entropy", "nll_loss",
           "mse_loss", "l1_loss", "smooth_l1_loss", "kl_div", "cosine_similarity",
           "softplus", "normalize", "gaussian_nll_loss")  # fmt: skip
METHODS = ("softmax", "log_softmax", "exp", "log", "pow", "sum", "prod", "cumsum", "norm")
"""Functions and methods that autocast runs in float32 on CUDA, but not on the CPU."""


@contextmanager
def paths(inside: Callable[[], bool], dtype: torch.dtype) -> Iterator[None]:
    """Within, fake tensors on the CPU take CUDA's paths.

    Parameters
    ----------
    inside
        Whether an operator runs: it sees the device that its tensors have.
    dtype
        Of products; other than float32 under autocast.
    """
    own = FakeTensor.device

    def device(tensor: FakeTensor) -> torch.device:
        return own.__get__(tensor) if inside() else CUDA

    with ExitStack() as stack:

        def replace(owner: Any, **changes: Any) -> None:
            stack.enter_context(patch.multiple(owner, **changes))

        replace(FakeTensor, device=property(device))
        if dtype is not torch.float32:
            for owner, names in ((functional, FLOAT32), (torch, METHODS), (Tensor, METHODS)):
                replace(owner, **{name: in_float32(getattr(owner, name)) for name in names})
        replace(functional, scaled_dot_product_attention=attention, dropout=dropout)
        for kind in (nn.LSTM, nn.GRU, nn.RNN):
            replace(kind, forward=unknown)
        yield


def unknown(net: nn.RNNBase, *_: Any) -> Any:
    """Refuse to predict what only cuDNN knows."""
    raise NotImplementedError(
        f"the memory that cuDNN takes for nn.{type(net).__name__} cannot be predicted; expected a "
        f"method without it: measure this one (--only memory)"
    )


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function run in float32 while autocast is on."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_autocast_enabled("cpu"):
            return function(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            return function(*map(widened, args), **{k: widened(v) for k, v in kwargs.items()})

    return run


def widened(value: Any) -> Any:
    low = isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16)
    return value.float() if low else value


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False,  # noqa: A002
) -> Tensor:  # fmt: skip
    """Drop at random; a byte of each number's mask is kept for the backward pass."""
    if not training or p == 0.0:
        return input
    made = torch.native_dropout(input, p, True)[0]
    return input.copy_(made) if inplace else made


def attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
    dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """Attend by the kernel that CUDA picks from compute capability 8 on.

    Flash attention (cuDNN's, where preferred, keeps as much) takes two bytes a number and no mask,
    memory-efficient attention a width aligned to 16 bytes; the rest is written out. Only there are
    the scores in memory.
    """
    if torch.is_autocast_enabled("cpu"):
        low = torch.get_autocast_dtype("cpu")
        query, key, value = (x.to(low) for x in (query, key, value))
        if attn_mask is not None and attn_mask.is_floating_point():
            attn_mask = attn_mask.to(low)
    width, aligned = query.shape[-1], ALIGNED.get(query.dtype, 0)
    one_width = width == key.shape[-1] == value.shape[-1]
    fused = query.ndim == 4 and not (attn_mask is not None and attn_mask.requires_grad)
    aten = torch.ops.aten
    if fused and aligned == 8 and attn_mask is None and one_width and width <= FLASH_WIDTH:
        rest = -width % 8
        padded = [functional.pad(x, (0, rest)) if rest else x for x in (query, key, value)]
        made = aten._scaled_dot_product_flash_attention(*padded, dropout_p, is_causal, scale=scale)
        return made[0][..., :width]
    if attn_mask is not None and attn_mask.dtype is torch.bool:
        none = torch.zeros_like(attn_mask, dtype=query.dtype)
        attn_mask = none.masked_fill_(attn_mask.logical_not(), -torch.inf)
    even = aligned and not any(x.shape[-1] % aligned for x in (query, key, value))
    if fused and even and width == key.shape[-1] and not enable_gqa:
        if attn_mask is not None:
            attn_mask = bias(attn_mask, query, key)
        keep = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value))
        made = aten._scaled_dot_product_efficient_attention(
            query, key, value, attn_mask, keep, dropout_p, is_causal, scale=scale
        )
        return made[0]
    return written_out(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)


def bias(mask: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """Repeat a mask over examples and heads without a copy; its rows begin at 16 numbers."""
    steps = key.shape[-2]
    if mask.shape[-1] == steps and steps % 16:
        mask = functional.pad(mask, (0, -steps % 16))[..., :steps]
    return mask.expand(*query.shape[:-1], steps)


def written_out(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float,
    is_causal: bool, scale: float | None, enable_gqa: bool,
) -> Tensor:  # fmt: skip
    """Attend with the scores in memory, in float32, as torch does where nothing fused fits."""
    kept = query.dtype
    with torch.autocast("cpu", enabled=False):
        query, key, value = query.float(), key.float(), value.float()
        if enable_gqa:
            repeats = query.shape[-3] // key.shape[-3]
            key, value = (x.repeat_interleave(repeats, -3) for x in (key, value))
        root = (query.shape[-1] ** -0.5 if scale is None else scale) ** 0.5
        scores = (query * root) @ (key.transpose(-2, -1) * root)
        if is_causal:
            steps = scores.new_ones(scores.shape[-2:], dtype=torch.bool).tril()
            mask = scores.new_zeros(scores.shape[-2:]).masked_fill_(~steps, -torch.inf)
        if mask is not None:
            scores = scores.add_(mask)
        weights = torch.ops.aten._safe_softmax(scores, -1)
        return (dropout(weights, dropout_p) @ value).to(kept)
