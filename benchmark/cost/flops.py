"""FLOPs of a method, counted operator by operator on tensors that have shapes and no values.

On the meta device no backend takes a path of its own: attention is two matrix products and a
softmax, a recurrent net its products step by step. What is counted is the mathematics of a method,
the same whatever machine runs it.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils._python_dispatch import TorchDispatchMode

from ..contract import Batch, FusionMethod, Task
from .operators import cost, multiplication, outer


@dataclass(frozen=True)
class Count:
    """What was counted.

    Parameters
    ----------
    total
        FLOPs, one multiply-add being two.
    by_operator
        FLOPs of each operator that has any, ``mm`` or ``bmm``; they sum to the total.
    by_module
        FLOPs of each module's own operators, those of its submodules apart, by its path in the
        method; the method itself is the empty path. They sum to the total.
    uncounted
        Calls of each operator that did arithmetic for which there is no formula. Where there are
        any, the total is too small by an unknown amount.
    operators
        Operators that were called, with or without arithmetic.
    """

    total: int
    by_operator: Mapping[str, int]
    by_module: Mapping[str, int]
    uncounted: Mapping[str, int]
    operators: int

    def within(self, path: str) -> int:
        """FLOPs of a module with all of its submodules."""
        return sum(
            flops
            for name, flops in self.by_module.items()
            if not path or name == path or name.startswith(f"{path}.")
        )


def count(
    method: FusionMethod, batch: int, lengths: Mapping[str, int], training: bool = False
) -> Count:
    """Count one forward pass in evaluation, or one training step.

    A training step is the forward pass in training mode, the losses, and the method's own backward
    pass; the optimiser works element by element and counts nothing. The step is a first one: what
    a method remembers of earlier steps is empty.

    Parameters
    ----------
    method
        Built on any device; a copy of it is counted on meta.
    batch, lengths
        Number of examples, and the padded length of each modality.
    """
    model = copy.deepcopy(method).to("meta")
    model.train(training)
    data = shapes(model.task, batch, lengths)
    counting = Counting(model)
    with counting.modules(), counting:
        if training:
            step(model, data)
        else:
            with torch.no_grad():
                model(data)
    return counting.result()


def step(model: FusionMethod, batch: Batch) -> None:
    """Go forward and backward once, as the training loop does after ``corrupt``."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.grad = None
    model.backward(model.losses(model(batch), batch), parameters)


def shapes(
    task: Task, batch: int, lengths: Mapping[str, int], device: str = "meta",
    dtype: torch.dtype = torch.float32,
) -> Batch:  # fmt: skip
    """Make a batch in which every example has its modality's full length; values are undefined."""

    def empty(*shape: int, of: torch.dtype = torch.int64) -> Tensor:
        return torch.empty(shape, dtype=of, device=device)

    classes = task.kind == "classification"
    return Batch(
        values={
            name: empty(batch, lengths[name], *m.shape, of=dtype)
            for name, m in task.modalities.items()
        },
        lengths={name: empty(batch) for name in task.names},
        present={name: empty(batch, of=torch.bool) for name in task.names},
        labels=empty(batch) if classes else empty(batch, len(task.outputs), of=dtype),
        labelled=empty(batch, of=torch.bool),
        examples=empty(batch),
        groups=empty(batch),
        tasks=empty(batch),
    )


class Counting(TorchDispatchMode):
    """Counts every operator that runs inside, forward and backward, by the module it belongs to.

    A backward operator belongs to the module whose forward operator it differentiates: autograd
    numbers the nodes of its graph as they are made.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.names = {module: name for name, module in model.named_modules()}
        self.stack = [""]
        self.owners: dict[int, str] = {}
        self.outers: set[int] = set()
        self.by_operator: Counter[str] = Counter()
        self.by_module: Counter[str] = Counter()
        self.uncounted: Counter[str] = Counter()
        self.operators = 0
        self.seen: dict[Any, Call] = {}

    @contextmanager
    def modules(self) -> Iterator[None]:
        """Follow which module runs."""
        hooks = [
            register_module_forward_pre_hook(self.entered),
            register_module_forward_hook(self.left, always_call=True),
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def entered(self, module: nn.Module, _: Any) -> None:
        self.stack.append(self.names.get(module, self.stack[-1]))

    def left(self, *_: Any) -> None:
        self.stack.pop()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default and not args[0].is_floating_point():
            # A number that picks a row (the weakest of some gradients): whichever, all cost alike.
            return 0
        if composite(func):
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        tensors = [x for x in leaves((args, kwargs)) if isinstance(x, Tensor)]
        constant = all(hasattr(x, CONSTANT) for x in tensors)
        node = torch._C._current_autograd_node()
        derivative = node is not None and node._sequence_nr() in self.outers
        key = (described((func, args, tuple(kwargs.items()))), constant, derivative)
        known = self.seen.get(key) if repeatable(func) else None
        if known is None:
            out = func(*args, **kwargs)
            known = self.learn(func, args, kwargs, out, constant=constant, derivative=derivative)
            if known.made is not None and all(map(is_meta, tensors)):
                self.seen[key] = known
        else:
            out = known.again()
        if constant:
            for made in leaves(out):
                if isinstance(made, Tensor):
                    setattr(made, CONSTANT, True)
        self.record(known, node)
        return out

    def learn(
        self, function: Any, args: tuple[Any, ...], kwargs: Any, out: Any, *, constant: bool,
        derivative: bool,
    ) -> Call:  # fmt: skip
        """Measure one call.

        The derivative of an outer product is two products of a matrix and a vector, each written
        as a multiplication and a sum.
        """
        name = str(function).removeprefix("aten.")
        name = name.split(".")[0] if str(function).startswith("aten.") else name
        product = multiplication(function) and not constant
        crossed = product and outer(args, out)
        if crossed or (product and derivative):
            return Call.of("outer", 2 * out.numel(), out, outer=crossed)
        return Call.of(name, cost(function, args, kwargs, out), out)

    def record(self, call: Call, node: Any) -> None:
        """Add one call to its module, and remember whose derivative will be taken."""
        self.operators += 1
        owner = self.stack[-1]
        if node is not None:
            owner = self.owners.get(node._sequence_nr(), "")
        elif torch.is_grad_enabled():
            # The running operator's own node has been made: it has the number before the next.
            number = torch._C._autograd._get_sequence_nr() - 1  # pyright: ignore
            self.owners[number] = owner
            if call.outer:
                self.outers.add(number)
        if call.flops is None:
            self.uncounted[call.name] += 1
        elif call.flops:
            self.by_operator[call.name] += call.flops
            self.by_module[owner] += call.flops

    def result(self) -> Count:
        """Return what has been counted so far."""
        return Count(
            sum(self.by_operator.values()),
            dict(self.by_operator),
            dict(self.by_module),
            dict(self.uncounted),
            self.operators,
        )


@dataclass(frozen=True)
class Call:
    """What one operator on tensors of certain shapes costs and makes; equal calls recur.

    Parameters
    ----------
    name, flops
        The operator, and its FLOPs, None where nobody knows them.
    outer
        Whether it is an outer product, whose derivative is to be counted as such.
    made
        Shape, strides and type of each tensor in its result, and None for each that is not made.
    single
        Whether the result is one tensor, and no tuple.
    """

    name: str
    flops: int | None
    outer: bool
    made: tuple[tuple[Any, Any, torch.dtype] | None, ...] | None
    single: bool

    @classmethod
    def of(cls, name: str, flops: int | None, out: Any, outer: bool = False) -> Call:
        parts = (out,) if isinstance(out, Tensor) else out
        known = isinstance(parts, tuple) and all(x is None or is_meta(x) for x in parts)
        made = None
        if known:
            made = tuple(None if x is None else (x.shape, x.stride(), x.dtype) for x in parts)
        return cls(name, flops, outer, made, isinstance(out, Tensor))

    def again(self) -> Any:
        """Make what the first call made, without working out its shape again."""
        new = [
            None if x is None else torch.empty_strided(x[0], x[1], dtype=x[2], device="meta")
            for x in self.made or ()
        ]
        return new[0] if self.single else tuple(new)


CONSTANT = "_made_of_no_input"
"""Attribute of tensors that come from neither data nor parameters: a table of positions."""


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


@functools.cache
def composite(function: Any) -> bool:
    """Whether an operator is written in terms of others that are to be counted in its place."""
    return (
        isinstance(function, torch._ops.OpOverload)
        and function.namespace != "prim"
        and function._can_decompose()
    )
