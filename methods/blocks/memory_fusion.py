"""Memory fusion network: attention across the LSTMs of all modalities, and a gated memory.

Zadeh, Liang, Mazumder, Poria, Cambria and Morency, AAAI 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .dropout import Dropout
from .unimodal import Perceptron


class MemoryFusion(nn.Module):
    """Delta-memory attention over the cell states of all LSTMs, and the multi-view gated memory.

    With all cell states of a step side by side in c_t, N and G networks of one hidden layer::

        a_t = softmax(N_a([c_(t-1); c_t])) * [c_(t-1); c_t]
        u_t = G_1([a_t; u_(t-1)]) u_(t-1) + G_2([a_t; u_(t-1)]) tanh(N_u(a_t))

    where G end in a sigmoid, and c_0 and u_0 are zero.

    Parameters
    ----------
    cells
        Width of c_t.
    memory
        Width of u_t.
    hidden, dropout
        Width of the hidden layers, and the rate on them.
    """

    def __init__(self, cells: int, memory: int, hidden: int, dropout: float):
        super().__init__()
        self.attention = Perceptron(2 * cells, hidden, 2 * cells, dropout)
        self.update = Perceptron(2 * cells, hidden, memory, dropout)
        self.gates = nn.Linear(2 * cells + memory, 2 * hidden)
        self.retain, self.write = nn.Linear(hidden, memory), nn.Linear(hidden, memory)
        self.dropout = Dropout(dropout)

    def forward(self, cells: Tensor) -> Tensor:
        """Cell states (B, T, cells) -> memories u_1 to u_T, (B, T, memory)."""
        pair = torch.cat([functional.pad(cells, (0, 0, 1, -1)), cells], dim=-1)
        attended = self.attention(pair).softmax(-1) * pair
        proposed = self.update(attended).tanh()
        # The gates' hidden layers see a_t and the memory: only the memory's part has to wait.
        seen, kept = self.gates.weight.split([pair.shape[-1], proposed.shape[-1]], dim=1)
        driven = functional.linear(attended, seen, self.gates.bias)
        u, memories = torch.zeros_like(proposed[:, 0]), []
        for drive, proposal in zip(driven.unbind(1), proposed.unbind(1), strict=True):
            hidden = self.dropout(functional.relu(drive + functional.linear(u, kept)))
            retain, write = hidden.chunk(2, dim=-1)
            u = self.retain(retain).sigmoid() * u + self.write(write).sigmoid() * proposal
            memories.append(u)
        return torch.stack(memories, 1)
