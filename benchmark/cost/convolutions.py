"""What a convolution takes beside its operands and its result.

Operands out of order are copied. On the CPU oneDNN then brings each into an order of its own, with
channels in blocks of 16 as on a processor with AVX-512, and its result back out of that. Whether it
is asked follows ``use_mkldnn`` of torch's ``Convolution.cpp``, for more than one thread: on a
single one torch multiplies by a kernel of one itself where there are fewer than 16 examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from .steps import Device

FORWARD = torch.ops.aten.convolution.default
BACKWARD = torch.ops.aten.convolution_backward.default
BLOCK = 16
"""Channels that oneDNN puts beside each other."""
FEW = 4
"""Channels from which an input is put into blocks for the weight's gradient."""
SMALL = 20480
"""Numbers of a single example up to which torch's own loop is the quicker one."""


def beside(function: Any, args: Sequence[Any], out: Any, device: Device) -> int:
    """Return the bytes that a convolution, or its derivative, takes beside operands and results."""
    operands = [x for x in args[: 3 if function is BACKWARD else 2] if isinstance(x, Tensor)]
    copies = sum(size(x) for x in operands if not x.is_contiguous())
    x, weight = operands[-2:]
    groups = args[8 if function is FORWARD else 9]
    if device == "cuda" or not asked(x, weight, groups):
        return copies
    if function is FORWARD:
        # The result in blocks is there with the operands in blocks, and after them with itself.
        before = blocked(weight, 2) + (blocked(x) if x.shape[1] >= BLOCK else 0)
        return copies + blocked(out) + max(before - size(out), 0)
    # First the input's gradient and then the weight's, in blocks and not yet in order; a kernel for
    # each channel has its gradient from operands as they are.
    whole, (of_input, of_weight, *_) = blocked(operands[0]) + blocked(weight, 2), args[10]
    made = size(weight) if of_weight else 0
    took = [blocked(x) + max(whole - size(x), 0) - made] if of_input else []
    if of_weight and groups < x.shape[1]:
        took.append(whole + (blocked(x) if x.shape[1] >= FEW else 0) - made)
    return copies + max(took, default=0)


def asked(x: Tensor, weight: Tensor, groups: int) -> bool:
    """Whether torch asks oneDNN."""
    if x.dtype is not torch.float32:
        return x.dtype is torch.bfloat16
    kernel = weight.shape[2:]
    wide = len(kernel) > 1 and min(kernel[-2:]) > 3
    return groups > 1 or wide or x.shape[0] > 1 or x.numel() > SMALL


def blocked(x: Tensor, axes: int = 1) -> int:
    """Return a tensor's bytes in blocks: of channels (N, C, ...), of a weight's two (O, I, ...)."""
    padded = [n + -n % BLOCK for n in x.shape[2 - axes : 2]]
    return prod((*x.shape[: 2 - axes], *padded, *x.shape[2:])) * x.element_size()


def size(tensor: Tensor) -> int:
    """Bytes of a tensor's numbers."""
    return tensor.numel() * tensor.element_size()
