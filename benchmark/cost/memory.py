"""Predicted memory: the peak of live tensors, from shapes alone.

On fake tensors every operator takes the path that it takes on the device and makes no number; a
storage is followed from the operator that makes it until nothing holds it. Of working memory
inside operators only the copies are known that they make of operands in another order or type, and
on CUDA what cuBLAS keeps. What a Fourier transform, ``nn.Bilinear`` or a sort takes inside is not:
a bilinear layer that is trained needs six times what this says.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from ..contract import Batch, FusionMethod
from . import convolutions, onednn
from .breaks import RAISED
from .calls import composite, leaves
from .cuda import BLOCK, WORKSPACE, paths
from .fakes import CPU, Repeats
from .flops import one_path, shapes
from .steps import DTYPES, Device, Measured


@dataclass(frozen=True)
class Memory:
    """Bytes that live tensors take at the worst moment, and what of them is always there.

    Parameters
    ----------
    inference, training
        Peak of a prediction, and of a training step that is not the first.
    parameters
        Of the model, with its buffers.
    gradients, optimiser
        After a training step.
    inputs
        The batch.
    """

    inference: int
    training: int
    parameters: int
    gradients: int
    optimiser: int
    inputs: int

    @property
    def activations(self) -> int:
        """What a training step needs at its peak beside all that is always there."""
        return self.training - self.parameters - self.gradients - self.optimiser - self.inputs


class UntrainableError(Exception):
    """A training step raises; ``inference`` is the peak of a prediction, in bytes."""

    def __init__(self, inference: int):
        super().__init__(inference)
        self.inference = inference


def predict_memory(
    build: Callable[[], FusionMethod], batch: int, lengths: Mapping[str, int],
    dtype: str = "float32", device: Device = "cpu",
) -> Memory:  # fmt: skip
    """Predict both peaks on a device, without it.

    The working memory of the fused path that torch's own transformers have in evaluation is known
    to nobody; theirs is predicted without it, and is too high by up to twice.

    On CUDA a peak is what the caching allocator reports as allocated, on a Hopper card (compute
    capability 9.0). It leaves out what cuDNN takes for convolutions, and that a large block may be
    up to 1 MiB larger than asked for.

    Parameters
    ----------
    build
        Makes the method; called where all tensors are fake.
    batch, lengths
        Number of examples, and the padded length of each modality.

    Raises
    ------
    NotImplementedError
        On CUDA, of ``nn.LSTM``, ``nn.GRU`` and ``nn.RNN``: cuDNN alone knows what they take.
    UntrainableError
        A training step raises, and a prediction does not.
    """
    mode = Mode()
    live = Live(mode, device)
    on_device = nullcontext() if device == "cpu" else paths(lambda: live.inside, DTYPES[dtype])
    with one_path(), mode, live, on_device:
        model = build()
        data = shapes(model.task, batch, lengths, device="cpu")
        parameters = held([*model.parameters(), *model.buffers()])
        measured = Measured(model, dtype=dtype)
        model.eval()
        live.begin()
        measured.predict(data)
        inference = live.peak
        model.train()
        try:
            training = step_peak(measured, data, live)
        except RAISED as error:
            raise UntrainableError(inference + (0 if device == "cpu" else WORKSPACE)) from error
        state = [x for each in measured.optimiser.state.values() for x in each.values()]
        kept = 0 if device == "cpu" else WORKSPACE
        return Memory(
            inference=inference + kept,
            training=training + 2 * kept,
            parameters=parameters,
            gradients=held([p.grad for p in measured.parameters]),
            optimiser=held(state),
            inputs=held([*data.values.values(), *data.lengths.values(), *data.present.values(),
                         data.labels, data.labelled, data.examples, data.groups, data.tasks]),
        )  # fmt: skip


def step_peak(measured: Measured, data: Batch, live: Live) -> int:
    """Return the peak of a training step that is not the first.

    The gradients of the step before are there until the losses are known, and the optimiser's state
    all the time. They are as large as those that a first step makes, so that one step tells all.
    """
    live.begin()
    terms = measured.losses(data)
    forward = live.peak
    live.begin()
    measured.differentiate(terms)
    backward, before = live.peak, live.now
    live.begin()
    measured.optimiser.step()
    state = live.now - before
    gradients = live.held([p.grad for p in measured.parameters])
    return max(forward + gradients + state, backward + state, live.peak)


class Mode(FakeTensorMode):
    """The one mode of a prediction; modules that copy others leave their tensors in it."""

    def __deepcopy__(self, _: Any) -> Mode:
        return self


class Live(TorchDispatchMode):
    """Follows the storages of all tensors that operators inside make.

    Attributes
    ----------
    now, peak
        Bytes of the storages that are alive, and their most since ``begin``.
    inside
        Whether an operator runs.
    """

    def __init__(self, mode: FakeTensorMode, device: Device = "cpu") -> None:
        super().__init__()
        self.device: Device = device
        self.inside = False
        self.repeats = Repeats(mode, self.first)
        self.now = self.peak = 0
        self.known: dict[int, weakref.ref[Any]] = {}

    def begin(self) -> None:
        """Start a new peak from what is alive now."""
        self.peak = self.now

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default and not args[0].is_floating_point():
            # A number that picks a row: whichever, all take the same memory.
            return 0
        if func is torch.ops.prim.device.default:
            return args[0].fake_device
        kwargs = dict(kwargs or {})
        if kwargs.get("device") is not None:
            kwargs["device"] = CPU
        before, self.inside = self.inside, True
        try:
            return self.run(func, args, kwargs)
        finally:
            self.inside = before

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operator and follow what it makes."""
        if composite(func):
            # In inference mode some operators come whole; what they make on their way counts too.
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out, extra = self.repeats.run(func, args, kwargs)
        for made in leaves(out):
            if isinstance(made, Tensor):
                self.follow(made.untyped_storage())
        self.peak = max(self.peak, self.now + extra)
        return out

    def first(self, function: Any, args: tuple[Any, ...], kwargs: Any) -> tuple[Any, int]:
        """Run an operator in full; add the bytes of its copies."""
        out, extra = function(*args, **kwargs), copied(function, args, self.device)
        if function in (convolutions.FORWARD, convolutions.BACKWARD):
            extra = convolutions.beside(function, args, out, self.device)
        if function in (onednn.FORWARD, onednn.BACKWARD):
            out, extra = onednn.filled(function, args, out)
        return out, extra

    def follow(self, storage: torch.UntypedStorage) -> None:
        """Count a storage until it is freed."""
        place = storage._cdata
        if place in self.known:
            return
        size = self.taken(storage)

        def freed(_: Any) -> None:
            self.now -= size
            del self.known[place]

        self.known[place] = weakref.ref(storage, freed)
        self.now += size
        self.peak = max(self.peak, self.now)

    def taken(self, storage: torch.UntypedStorage) -> int:
        """Return the bytes that the device's allocator hands out for a storage."""
        size = storage.nbytes()
        return size + -size % BLOCK if self.device == "cuda" else size

    def held(self, tensors: Iterable[Any]) -> int:
        """Return the bytes handed out for the storages behind tensors, each counted once."""
        found = [x.untyped_storage() for x in tensors if isinstance(x, Tensor)]
        return sum(self.taken(one) for one in {each._cdata: each for each in found}.values())


def copied(function: Any, args: tuple[Any, ...], device: Device = "cpu") -> int:
    """Bytes of the copies of operands that an operator makes for itself.

    On the CPU an element-wise operator copies what is of another type than the result of promoting
    all.
    """
    tensors = [x for x in args if isinstance(x, Tensor)]
    if device == "cuda" or len(tensors) < 2 or torch.Tag.pointwise not in function.tags:
        return 0
    common = functools.reduce(torch.promote_types, (x.dtype for x in tensors if x.ndim), torch.bool)
    return sum(x.numel() * common.itemsize for x in tensors if x.ndim and x.dtype != common)


def held(tensors: Iterable[Any]) -> int:
    """Bytes of the storages behind tensors, each counted once."""
    storages = {x.untyped_storage()._cdata: x for x in tensors if isinstance(x, Tensor)}
    return sum(x.untyped_storage().nbytes() for x in storages.values())
