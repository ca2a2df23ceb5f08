"""FLOPs of a method, counted operator by operator on tensors that have shapes and no values.

On the meta device no backend takes a path of its own: attention is two matrix products and a
softmax, a recurrent net its products step by step. What is counted is the mathematics of a method,
the same whatever machine runs it.

A product of two tensors that are both repeated along an axis of the other is an outer product and
counts as one, written as ``*`` or as ``addcmul``, unless both come from no input. A product with a
factor of its own size is element-wise work and counts nothing, nor does a sum: to have
``(x * y).sum(-1)`` counted as the product of vectors that it is, write ``einsum`` or
``torch.linalg.vecdot``. A cosine similarity is one; the distance of a difference and a norm counts
nothing, where ``torch.cdist`` does.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ..contract import Batch, FusionMethod, Task
from .calls import Call, composite, described, is_meta, leaves, repeatable, views, written
from .operators import cost, distinct, dotted, factors, outer


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
    full = {id(steps): lengths[name] for name, steps in data.lengths.items()}
    with counting.modules(), one_path(), Products(full), counting:
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


@contextmanager
def one_path() -> Iterator[None]:
    """Keep torch's transformers off the fused path of evaluation, whose nested tensors need values.

    What it computes is the same.
    """
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class Products(TorchFunctionMode):
    """Gives what operators alone do not show: products of vectors, and lengths on the CPU.

    Parameters
    ----------
    full
        By the identity of each of the batch's tensors of lengths, the length of all examples.
    """

    def __init__(self, full: Mapping[int, int]):
        super().__init__()
        self.full = full

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.linalg.vecdot:
            return vecdot(*args, **kwargs)
        if func is torch.cosine_similarity:
            return cosine_similarity(*args, **kwargs)
        if func in MOVES and args[0].is_meta and args[0].dtype is torch.int64:
            # To pack sequences takes their lengths on the CPU; to unpack, whose is whose.
            device = "cpu" if func is Tensor.cpu else next(iter((*args[1:], *kwargs.values())), "")
            if str(device) == "cpu":
                return torch.full(args[0].shape, self.full.get(id(args[0]), 0))
        return func(*args, **kwargs)


MOVES = (Tensor.cpu, Tensor.to)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Take ``torch.linalg.vecdot`` as the product of a row and a column, not as ``*`` and a sum."""
    row, column = x.conj().movedim(dim, -1).unsqueeze(-2), y.movedim(dim, -1).unsqueeze(-1)
    return (row @ column).squeeze(-1).squeeze(-1)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Take ``F.cosine_similarity`` as the product of vectors that it is, over their norms."""
    dim = dim - max(x1.ndim, x2.ndim) if dim >= 0 else dim
    first, second = (torch.linalg.vector_norm(x, dim=dim).clamp_min(eps) for x in (x1, x2))
    return vecdot(x1, x2, dim=dim) / first / second


FREE = Call("view", 0, crossed=False, made=None, single=True)
"""What a view costs."""


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
        self.constants: set[int] = set()
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
        if unknown_index(func, args):
            # A number that picks a row (the weakest of some gradients): whichever, all cost alike.
            return 0
        if composite(func):
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        tensors = [x for x in leaves((args, kwargs)) if isinstance(x, Tensor)]
        constant = not random(func) and all(place(x) in self.constants for x in tensors)
        node = torch._C._current_autograd_node()
        part = "forward"
        if node is not None:
            part = "derivative" if node._sequence_nr() in self.outers else "backward"
        if views(func):
            out, known = func(*args, **kwargs), FREE
        else:
            key = (described((func, args, tuple(kwargs.items()))), constant, part)
            known = self.seen.get(key)
            if known is not None and known.made is not None and repeatable(func):
                out = known.again()
            else:
                out = func(*args, **kwargs)
            if known is None:
                known = self.learn(func, args, kwargs, out, constant=constant, part=part)
                if all(map(is_meta, tensors)):
                    self.seen[key] = known
        # What is written to a constant makes it none, through whichever of its views.
        mark = self.constants.add if constant else self.constants.discard
        for made in (*leaves(out), *written(func, args, kwargs)):
            if isinstance(made, Tensor):
                mark(place(made))
        self.record(known, node)
        return out

    def learn(
        self, function: Any, args: tuple[Any, ...], kwargs: Any, out: Any, *, constant: bool,
        part: Literal["forward", "backward", "derivative"],
    ) -> Call:  # fmt: skip
        """Measure one call of the forward or backward pass, or in a product's derivative.

        The derivative of an outer product is two products of a matrix and a vector, each written
        as a multiplication and a sum; that of a product of two vectors is two vectors, each scaled
        by a number.
        """
        name = str(function).removeprefix("aten.")
        name = name.split(".")[0] if str(function).startswith("aten.") else name
        pair = () if constant else factors(function, args)
        # What a gradient is expanded to repeats nothing: it is that of a sum.
        sizes = tuple(distinct(x) if part == "forward" else x.numel() for x in pair)
        crossed = bool(pair) and outer(sizes, out)
        if crossed or (pair and part == "derivative"):
            return Call.of("outer", 2 * out.numel(), out, crossed=crossed)
        return Call.of(name, cost(function, args, kwargs, out), out, crossed=dotted(function))

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
            if call.crossed:
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


def unknown_index(function: Any, args: tuple[Any, ...]) -> bool:
    """Whether an operator reads a whole number of a tensor that has no values."""
    return (
        function is torch.ops.aten._local_scalar_dense.default
        and args[0].is_meta
        and not args[0].is_floating_point()
    )


@functools.cache
def random(function: Any) -> bool:
    """Whether an operator draws numbers: they come from no input, and are new in every step."""
    return torch.Tag.nondeterministic_seeded in getattr(function, "tags", ())


def place(tensor: Tensor) -> int:
    """Identify a tensor's storage among all that are alive; its views share it."""
    return tensor.untyped_storage()._cdata
