"""Several LSTMs side by side, and decoders that unroll a vector into a sequence.

Hochreiter and Schmidhuber, Neural Computation 1997. All LSTMs of a module have one width and take
their steps together, in one batched product: the loop over time is what costs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .pooling import last_step


class LSTMs(nn.Module):
    """LSTMs of one width over sequences of equal lengths, with all their states.

    From gates i, f, o = sigmoid and g = tanh of W x_t + U h_(t-1) + b::

        c_t = f c_(t-1) + i g,  h_t = o tanh(c_t)

    Equal to ``nn.LSTM``, which keeps its cell states to itself, but for one bias instead of two. A
    state depends on the steps up to its own alone: padding behind them does not reach it.

    Parameters
    ----------
    inputs
        Numbers of features, for each of the K LSTMs.
    width
        Width d of their states.
    """

    def __init__(self, inputs: Sequence[int], width: int):
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(size, 4 * width) for size in inputs)
        self.recur = nn.Parameter(torch.empty(len(inputs), width, 4 * width))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width))

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return hidden and cell states (K, B, T, d) of sequences (B, T, n_k)."""
        pairs = zip(self.project, inputs, strict=True)
        driven = torch.stack([project(x) for project, x in pairs])
        h = c = driven.new_zeros(*driven.shape[:2], self.recur.shape[1])
        hidden, cells = [], []
        for drive in driven.unbind(2):
            h, c = cell(torch.baddbmm(drive, h, self.recur), c)
            hidden.append(h)
            cells.append(c)
        return torch.stack(hidden, 2), torch.stack(cells, 2)


class Codes(nn.Module):
    """One vector for each sequence: an LSTM's last valid hidden state, through a linear map."""

    def __init__(self, inputs: Sequence[int], width: int, code: int):
        super().__init__()
        self.lstms = LSTMs(inputs, width)
        self.out = nn.ModuleList(nn.Linear(width, code) for _ in inputs)

    def forward(self, inputs: Sequence[Tensor], lengths: Tensor) -> Tensor:
        """(B, T, n_k) each, valid up to lengths (B,) -> (K, B, code)."""
        pairs = zip(self.out, self.lstms(inputs)[0], strict=True)
        return torch.stack([out(last_step(hidden, lengths)) for out, hidden in pairs])


class Decoders(nn.Module):
    """LSTMs that read one vector, and from then on their own hidden state.

    Parameters
    ----------
    outputs
        Numbers of features that each of the K decoders writes.
    width
        Width d of the vectors and of the states.
    """

    def __init__(self, outputs: Sequence[int], width: int):
        super().__init__()
        self.project = nn.Parameter(torch.empty(len(outputs), width, 4 * width))
        self.recur = nn.Parameter(torch.empty(len(outputs), width, 4 * width))
        self.bias = nn.Parameter(torch.empty(len(outputs), 1, 4 * width))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width))
        self.out = nn.ModuleList(nn.Linear(width, size) for size in outputs)

    def forward(self, vectors: Tensor, steps: int) -> list[Tensor]:
        """Unroll vectors (K, B, d) into K sequences (B, steps, n_k)."""
        h, c = cell(torch.baddbmm(self.bias, vectors, self.project), torch.zeros_like(vectors))
        hidden, both = [h], self.project + self.recur
        for _ in range(steps - 1):
            h, c = cell(torch.baddbmm(self.bias, h, both), c)
            hidden.append(h)
        return [out(x) for out, x in zip(self.out, torch.stack(hidden, 2), strict=True)]


def cell(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step: gates i, f, o, g (..., 4 d) before their nonlinearity, c (..., d) -> h, c."""
    width = c.shape[-1]
    i, f, o = gates[..., : 3 * width].sigmoid().chunk(3, dim=-1)
    c = torch.addcmul(f * c, i, gates[..., 3 * width :].tanh())
    return o * c.tanh(), c
