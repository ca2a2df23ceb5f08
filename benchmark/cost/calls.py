"""Operators' calls: what decides one's result on tensors without values, and what it makes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

UNSAFE_VIEW = torch.ops.aten._unsafe_view.default
"""A view of what nobody else holds, which its schema does not tell."""


@dataclass(frozen=True)
class Call:
    """What one operator on tensors of certain shapes costs and makes; equal calls recur.

    Parameters
    ----------
    name, flops
        The operator, and its FLOPs, None where nobody knows them.
    crossed
        Whether it is an outer product or one of two vectors, whose derivative is multiplications
        that are to be counted.
    made
        Shape, strides and type of each tensor in its result, and None for each that is not made.
    single
        Whether the result is one tensor, and no tuple.
    """

    name: str
    flops: int | None
    crossed: bool
    made: tuple[tuple[Any, Any, torch.dtype] | None, ...] | None
    single: bool

    @classmethod
    def of(cls, name: str, flops: int | None, out: Any, crossed: bool = False) -> Call:
        parts = (out,) if isinstance(out, Tensor) else out
        known = isinstance(parts, tuple) and all(x is None or is_meta(x) for x in parts)
        made = None
        if known:
            made = tuple(None if x is None else (x.shape, x.stride(), x.dtype) for x in parts)
        return cls(name, flops, crossed, made, isinstance(out, Tensor))

    def again(self) -> Any:
        """Make what the first call made, without working out its shape again."""
        new = [
            None if x is None else torch.empty_strided(x[0], x[1], dtype=x[2], device="meta")
            for x in self.made or ()
        ]
        return new[0] if self.single else tuple(new)


def leaves(value: Any) -> Iterator[Any]:
    """Yield what stands in nested lists, tuples and tables."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    else:
        yield value


def described(value: Any) -> Any:
    """Return what decides an operator's result on meta: shapes, layouts, and all other values."""
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.dtype
    if isinstance(value, list | tuple):
        return tuple(map(described, value))
    return type(value), value


def is_meta(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_meta


@functools.cache
def repeatable(function: Any) -> bool:
    """Whether equal calls make new tensors of equal shapes, and change and alias none."""
    return isinstance(function, torch._ops.OpOverload) and not any(
        part.alias_info for part in (*function._schema.arguments, *function._schema.returns)
    )


def written(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
    """Yield the tensors among an operator's arguments that it writes to."""
    if not writes(function):
        return
    for i, part in enumerate(function._schema.arguments):
        if part.alias_info is not None and part.alias_info.is_write:
            yield from leaves(args[i] if i < len(args) else kwargs.get(part.name))


@functools.cache
def writes(function: Any) -> bool:
    return isinstance(function, torch._ops.OpOverload) and function._schema.is_mutable


@functools.cache
def views(function: Any) -> bool:
    """Whether an operator's results are views of its operands, to which it writes nothing."""
    if not isinstance(function, torch._ops.OpOverload) or function.namespace != "aten":
        return False
    returned = function._schema.returns
    aliases = bool(returned) and all(part.alias_info is not None for part in returned)
    return function is UNSAFE_VIEW or (aliases and not function._schema.is_mutable)


@functools.cache
def composite(function: Any) -> bool:
    """Whether an operator is written in terms of others that are to be counted in its place."""
    return (
        isinstance(function, torch._ops.OpOverload)
        and function.namespace != "prim"
        and function._can_decompose()
    )
