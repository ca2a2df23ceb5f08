"""What a forward pass does at a length, without the steps of torch's recurrent layers.

A method may do something else from some length on: crop, pool to a number of frames, take chunks.
At short lengths nothing of it is seen. Here recurrent layers take their whole sequence as one call,
so that the long length itself can be looked at: how many calls there are, how long the recurrent
layers' sequences, and how many numbers are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..contract import FusionMethod
from .calls import leaves
from .flops import Products, one_path, shapes

RECURRENT = (torch._VF.lstm, torch._VF.gru, torch._VF.rnn_tanh, torch._VF.rnn_relu)  # pyright: ignore


def probe(method: FusionMethod, batch: int, lengths: Mapping[str, int]) -> dict[Hashable, int]:
    """Look at one forward pass in evaluation, on the meta device.

    Returns
    -------
    dict
        Calls of torch's functions, numbers that they made, and the steps of recurrent layers.
    """
    method.eval()
    data = shapes(method.task, batch, lengths)
    full = {id(steps): lengths[name] for name, steps in data.lengths.items()}
    looking = Looking()
    with torch.no_grad(), one_path(), Products(full), looking:
        method(data)
    return dict(looking.seen)


class Looking(TorchFunctionMode):
    """Counts calls, and stands in for recurrent layers."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[Hashable] = Counter()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in RECURRENT:
            out, steps = stood_in(args)
            self.seen["steps"] += steps
        else:
            out = func(*args, **(kwargs or {}))
        self.seen["calls"] += 1
        self.seen["numbers"] += sum(x.numel() for x in leaves(out) if isinstance(x, Tensor))
        return out


def stood_in(args: tuple[Any, ...]) -> tuple[Any, int]:
    """Return what a recurrent layer returns, without values, and how many rows it steps over.

    ``args`` are an input of any shape with its states, or packed rows with the batch sizes of each
    step and the states; then weights and options, the last of all whether both ways are gone.
    """
    x, packed = args[0], isinstance(args[3], list | tuple)
    state, both = (args[2], args[8]) if packed else (args[1], args[7])
    states = list(state) if isinstance(state, list | tuple) else [state]
    out = x.new_empty(*x.shape[:-1], states[0].shape[-1] * (2 if both else 1))
    return (out, *map(torch.empty_like, states)), x.numel() // x.shape[-1]
