"""What the shared blocks cost: FLOPs in closed form, from shapes alone.

One multiply-add is two FLOPs. Matrix products, attention and convolutions count, forward and
backward; element-wise operations, softmax, norms and biases are taken for nothing, as counters of
operators take them. A matrix product C = A B costs as much again for each of the gradients of A
and of B: nothing for an operand without one, such as the batch's own values.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...benchmark.contract import FusionMethod, Modality, Task
    from .unimodal import TransformerConfig, UnimodalConfig


@dataclass(frozen=True)
class Work:
    """FLOPs of a part of a network: of its forward pass, and of the backward pass through it."""

    forward: int = 0
    backward: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.forward + other.forward, self.backward + other.backward)

    def __mul__(self, times: int) -> Work:
        return Work(self.forward * times, self.backward * times)

    __rmul__ = __mul__

    @property
    def unheard(self) -> Work:
        """The same part where no loss reads what it says: its forward pass alone."""
        return Work(self.forward)

    def flops(self, training: bool) -> int:
        """Return the cost of inference, or of a training step."""
        return self.forward + self.backward if training else self.forward


def total(parts: Iterable[Work]) -> Work:
    """Sum of the parts."""
    return sum(parts, Work())


def product(m: int, k: int, n: int, gradients: int = 2) -> Work:
    """Matrix product (m, k) (k, n), of whose operands so many have a gradient."""
    return Work(2 * m * k * n, gradients * 2 * m * k * n)


def linear(rows: int, inputs: int, outputs: int, leaf: bool = False) -> Work:
    """Linear map of rows; a leaf is an input without a gradient, such as the batch's values."""
    return product(rows, inputs, outputs, 1 if leaf else 2)


def perceptron(rows: int, *widths: int) -> Work:
    """Linear maps one after the other, from each width to the next."""
    return total(linear(rows, a, b) for a, b in pairwise(widths))


def convolution(places: int, kernel: int, inputs: int, outputs: int, leaf: bool = False) -> Work:
    """Convolution at as many places as it writes to; ``kernel`` counts all of its taps."""
    return product(places, kernel * inputs, outputs, 1 if leaf else 2)


def projection(rows: int, modality: Modality, width: int) -> Work:
    """``Projection`` of the batch's values: linear, or three 3x3 convolutions of stride 2."""
    if len(modality.shape) == 1:
        return linear(rows, modality.width, width, leaf=True)
    channels, high, wide = modality.shape
    work = linear(rows, 64, width)
    for i, (before, after) in enumerate(pairwise((channels, 16, 32, 64))):
        high, wide = -(-high // 2), -(-wide // 2)
        work += convolution(rows * high * wide, 9, before, after, leaf=i == 0)
    return work


def stem(batch: int, steps: int, modality: Modality, width: int, kernel: int) -> Work:
    """``Stem``: B T d (2 D + 2 K d) forward."""
    rows = batch * steps
    return projection(rows, modality, width) + convolution(rows, kernel, width, width)


def mixing(batch: int, queries: int, keys: int, width: int) -> Work:
    """Attention itself: 4 B Q K d, two products in which all operands have a gradient."""
    return product(batch * queries, width, keys) + product(batch * queries, keys, width)


def layer(batch: int, queries: int, width: int, keys: int | None = None) -> Work:
    """``Layer`` on itself, 24 B T d^2 + 4 B T^2 d, or on the keys of a memory."""
    rows = batch * queries
    if keys is None:
        keys, read = queries, linear(rows, width, 3 * width)
    else:
        read = linear(rows, width, width) + linear(batch * keys, width, 2 * width)
    after = linear(rows, width, width) + perceptron(rows, width, 4 * width, width)
    return read + mixing(batch, queries, keys, width) + after


def unimodal(batch: int, steps: int, modality: Modality, config: UnimodalConfig) -> Work:
    """``Unimodal``: a stem, then the layers of a transformer."""
    start = stem(batch, steps, modality, config.width, config.kernel)
    return start + transformer(batch, steps, config)


def unimodals(batch: int, lengths: dict[str, int], task: Task, config: UnimodalConfig) -> Work:
    """``Unimodal`` of every modality of a task."""
    return total(unimodal(batch, lengths[n], m, config) for n, m in task.modalities.items())


def transformer(batch: int, steps: int, config: TransformerConfig) -> Work:
    """``encoder`` of these settings on as many steps."""
    return config.layers * layer(batch, steps, config.width)


def outer(batch: int, *widths: int) -> Work:
    """Outer product of a batch's vectors, built up from the first: (m, 1) (1, n) at each step."""
    built = accumulate(widths, mul)
    return total(product(batch * m, 1, n) for m, n in zip(built, widths[1:], strict=False))


def lstms(batch: int, steps: int, inputs: Sequence[int], width: int) -> Work:
    """``LSTMs`` of the batch's values: 8 B T d (n + d) each, the first state without a gradient."""
    driven = total(linear(batch * steps, size, 4 * width, leaf=True) for size in inputs)
    return driven + len(inputs) * recurrence(batch, steps, width, 4 * width)


def recurrence(batch: int, steps: int, width: int, outputs: int) -> Work:
    """Linear map of a state at every step; the first is zeros, without a gradient."""
    return (steps - 1) * linear(batch, width, outputs) + linear(batch, width, outputs, leaf=True)


def memory_fusion(batch: int, steps: int, cells: int, memory: int, hidden: int) -> Work:
    """``MemoryFusion``: three networks on all steps at once, and the gates' memory step by step."""
    rows = batch * steps
    work = perceptron(rows, 2 * cells, hidden, 2 * cells)
    work += perceptron(rows, 2 * cells, hidden, memory)
    work += linear(rows, 2 * cells, 2 * hidden) + 2 * linear(rows, hidden, memory)
    return work + recurrence(batch, steps, memory, 2 * hidden)


def measured(steps: int, width: int) -> Work:
    """``measured`` of a ladder's level: a mean and a variance, whose weights have no gradient."""
    return 2 * product(1, steps, width, gradients=1)


def decoder(batch: int, steps: int, routes: int, levels: int, width: int, outputs: int) -> Work:
    """``Decoder`` of a ladder: 2 B T d^2 for each level below the top and each route."""
    rows = batch * steps
    top = linear(batch, outputs, width) + measured(batch, width)
    below = linear(rows, width, width) + measured(rows, width)
    cost = product(1, rows, width, gradients=1)
    return routes * (top + (levels - 1) * below + levels * cost)


def heard(method: FusionMethod, batch: int, lengths: dict[str, int], how: str) -> int:
    """FLOPs that a training step costs more where a strategy's losses hear a method's branches.

    Parameters
    ----------
    how
        ``"together"``, in the method's own backward pass, or ``"apart"``, each in one of its own.

    Raises
    ------
    NotImplementedError
        The method's formula does not tell its branches' costs.
    """
    inner: Any = method
    while hasattr(inner, "inner"):
        inner = inner.inner
    if "branches" not in inspect.signature(inner.flops).parameters:
        raise NotImplementedError(f"{type(inner).__name__} declares no cost of its branches")
    whole: Any = method
    return whole.flops(batch, lengths, True, branches=how)
