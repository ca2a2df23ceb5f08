"""Operators on fake tensors: what equal calls make again, without working out its shape again.

A fake tensor works out shapes in Python, in a tenth of a millisecond a call, and a model calls the
same operators on the same shapes over and over. Here an operator that makes new tensors is worked
out once for each description of its operands; one that writes to its first operand is run once for
each, and has no effect on shapes after that; and one that only views its operand goes straight to
its kernel for tensors without values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    FakeTensor,
    FakeTensorMode,
    in_kernel_invocation_manager,
)
from torch.utils._mode_utils import no_dispatch

from .calls import described, leaves, repeatable, views, writes

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Call:
    """What one operator makes on tensors of certain shapes.

    Parameters
    ----------
    made
        Shape, strides and type of each tensor in its result, and None for each that is not made.
    single
        Whether the result is one tensor, and no tuple.
    extra
        Bytes that it takes beside its result.
    """

    made: tuple[tuple[Any, Any, torch.dtype] | None, ...]
    single: bool
    extra: int

    def again(self, mode: FakeTensorMode) -> Any:
        """Make new fake tensors as the first call did."""
        with no_dispatch():
            bare = [
                None if x is None else torch.empty_strided(x[0], x[1], dtype=x[2], device="meta")
                for x in self.made
            ]
        new = [None if x is None else FakeTensor(mode, x, CPU) for x in bare]
        return new[0] if self.single else tuple(new)


class Repeats:
    """Runs operators in a mode of fake tensors, each description of one once.

    Parameters
    ----------
    mode
        The mode that the tensors are of.
    first
        Runs an operator in full: its result, and the bytes that it takes beside that.
    """

    def __init__(
        self, mode: FakeTensorMode, first: Callable[[Any, tuple[Any, ...], Any], tuple[Any, int]]
    ) -> None:
        self.mode, self.first = mode, first
        self.made: dict[Any, Call] = {}
        self.written: dict[Any, int] = {}

    def run(self, function: Any, args: tuple[Any, ...], kwargs: Any) -> tuple[Any, int]:
        """Return an operator's result, and the bytes that it takes beside that."""
        if views(function) and all(map(plain, leaves((args, kwargs)))):
            return self.view(function, args, kwargs), 0
        if overwrites(function) and all(map(plain, leaves((args, kwargs)))):
            return self.write(function, args, kwargs)
        key = described((function, args, tuple(kwargs.items()))) if repeatable(function) else None
        known = self.made.get(key)
        if known is not None:
            return known.again(self.mode), known.extra
        out, extra = self.first(function, args, kwargs)
        made = parts(out)
        if key is not None and made is not None:
            self.made[key] = Call(made, isinstance(out, Tensor), extra)
        return out, extra

    def view(self, function: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
        """Let the kernel for tensors without values make views, and say that they are fake."""
        with in_kernel_invocation_manager(self.mode):
            bare = function(*args, **kwargs)
        if isinstance(bare, Tensor):
            return FakeTensor(self.mode, bare, CPU)
        return type(bare)(FakeTensor(self.mode, x, CPU) for x in bare)

    def write(self, function: Any, args: tuple[Any, ...], kwargs: Any) -> tuple[Any, int]:
        """Return the operand that an operator writes to, as the operator does."""
        key = described((function, args, tuple(kwargs.items())))
        if key not in self.written:
            out, extra = self.first(function, args, kwargs)
            if out is not args[0] and function._schema.returns:
                return out, extra
            self.written[key] = extra
        return args[0] if function._schema.returns else None, self.written[key]


def plain(value: Any) -> bool:
    """Whether a value is no tensor, or a fake one on the CPU of which no number is known."""
    if not isinstance(value, Tensor):
        return True
    return (
        type(value) is FakeTensor
        and value.fake_device == CPU
        and value.constant is None
        and not value.is_complex()
    )


@functools.cache
def overwrites(function: Any) -> bool:
    """Whether an operator changes the numbers of its first operand, and neither shape nor place."""
    return (
        writes(function)
        and function.namespace == "aten"
        and function._schema.name.endswith("_")
        and torch.Tag.inplace_view not in function.tags
        and len(function._schema.returns) < 2
    )


def parts(out: Any) -> tuple[tuple[Any, Any, torch.dtype] | None, ...] | None:
    """Return shape, strides and type of each tensor in a result on the CPU; None for any other."""
    found = (out,) if isinstance(out, Tensor) else out
    if not isinstance(found, tuple):
        return None
    if not all(x is None or (isinstance(x, FakeTensor) and x.device == CPU) for x in found):
        return None
    return tuple(None if x is None else (x.shape, x.stride(), x.dtype) for x in found)
