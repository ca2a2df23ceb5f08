"""Working memory of oneDNN's LSTM on the CPU, which no shape tells: oneDNN is asked.

torch gives every layer and direction of ``nn.LSTM`` to oneDNN whole. What that keeps for the
backward pass is ten times what the layer returns, and a fake tensor has none of it. A layer does
the same at every step, so real calls at two short lengths tell what a long one takes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._mode_utils import no_dispatch

FORWARD = torch.ops.aten.mkldnn_rnn_layer.default
BACKWARD = torch.ops.aten.mkldnn_rnn_layer_backward.default
SHORT = (32, 96)
"""Steps of the two calls; far enough apart that sizes rounded to pages do not matter."""


@dataclass(frozen=True)
class Layer:
    """One layer and direction.

    Parameters
    ----------
    steps, batch, width, hidden
        Of the sequences, the batch, the input and the state.
    mode, reverse, biases
        As oneDNN takes them: which kind of net, whether backward in time, whether it adds biases.
    training
        Whether the backward pass will follow.
    dtype
        Of input and weights.
    """

    steps: int
    batch: int
    width: int
    hidden: int
    mode: int
    reverse: bool
    biases: bool
    training: bool
    dtype: torch.dtype

    @classmethod
    def of(cls, function: Any, args: tuple[Any, ...]) -> Layer:
        """Read a call of ``FORWARD`` or ``BACKWARD``."""
        x, first = args[0], args[1]
        back = function is BACKWARD
        reverse, mode, hidden, _, biases = args[13:18] if back else (args[7], *args[9:13])
        steps, batch, width = x.shape  # torch has transposed what is batch_first
        training = back or (bool(args[15]) and torch.is_grad_enabled())
        return cls(steps, batch, width, hidden, mode, reverse, biases, training, first.dtype)


@dataclass(frozen=True)
class Needs:
    """Bytes beside arguments and results: kept from forward to backward, and within each call."""

    workspace: int
    forward: int
    backward: int


def filled(function: Any, args: tuple[Any, ...], out: tuple[Any, ...]) -> tuple[Any, int]:
    """Give a fake result the workspace that a real one has; add the call's own working memory."""
    layer = Layer.of(function, args)
    found = needs(layer)
    if function is BACKWARD:
        return out, found.backward
    if layer.training:
        out = (*out[:3], torch.empty(found.workspace, dtype=torch.uint8, device="cpu"))
    return out, found.forward


@functools.cache
def needs(layer: Layer) -> Needs:
    """Return what a layer needs, continued from two short ones where it is long."""
    if layer.steps <= SHORT[1]:
        return Needs(*asked(layer, layer.steps))
    first, second = (asked(layer, steps) for steps in SHORT)
    more = (layer.steps - SHORT[1]) / (SHORT[1] - SHORT[0])
    return Needs(*(round(b + (b - a) * more) for a, b in zip(first, second, strict=True)))


def asked(layer: Layer, steps: int) -> tuple[int, int, int]:
    """Call a layer for so many steps, forward and, if it trains, backward."""
    gates = 4 * layer.hidden
    with no_dispatch(), torch.inference_mode(False), torch.set_grad_enabled(layer.training):

        def zeros(*shape: int, grad: bool = False) -> Tensor:
            return torch.zeros(shape, dtype=layer.dtype, requires_grad=grad and layer.training)

        x, state = zeros(steps, layer.batch, layer.width), zeros(layer.batch, layer.hidden)
        shapes = (gates, layer.width), (gates, layer.hidden), (gates,), (gates,)
        weights = [zeros(*shape, grad=True) for shape in shapes]
        kind = layer.mode, layer.hidden, 1, layer.biases
        out, forward = watched(
            FORWARD, x, *weights, state, state, layer.reverse, [], *kind, False, False,
            layer.training,
        )  # fmt: skip
        if not layer.training:
            return 0, forward, 0
        output, hidden, cell, workspace = (each.detach() for each in out)
        _, backward = watched(
            BACKWARD, x, *(w.detach() for w in weights), state, state, output, hidden, cell,
            torch.zeros_like(output), state, state, layer.reverse, *kind, True, False, [], False,
            workspace,
        )  # fmt: skip
    return workspace.nbytes, forward, backward


def watched(function: Any, *args: Any) -> tuple[Any, int]:
    """Call an operator; add the most bytes that it held beyond those that it left."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        out = function(*args)
    found: Any = profiled.profiler
    events = [e for e in found.kineto_results.events() if e.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return out, peak - now
