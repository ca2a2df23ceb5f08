"""Gated multimodal unit: learned gates decide, number by number, which modality is heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..benchmark.contract import Batch, FusionMethod, Output, Task
from ..benchmark.registry import any_number, method
from .blocks.unimodal import Perceptron, Unimodal, UnimodalConfig


@method(
    "gmu",
    paper="Arevalo et al., ICLR 2017 workshop",
    modalities=any_number,
    missing="mask",
    cost="sum T_m^2",
)
class GatedMultimodal(FusionMethod):
    """Gated sum of the modalities' hidden vectors, each gate seeing all modalities.

    With vectors x_m of modalities 1 to M, sigmoid gates of the hidden vector's width, and no biases
    (P)::

        h_m = tanh(W_m x_m)
        M = 2       z   = sigmoid(W_z [x_1; x_2]),        h = z h_1 + (1 - z) h_2
        otherwise   z_m = sigmoid(W_zm [x_1; ...; x_M]),  h = sum_m z_m h_m

    Two modalities have the bimodal unit, with one gate for both; any other number the general one,
    with a gate each.

    Ours (C): x_m is the mean over the steps of a transformer; h is classified by a perceptron of
    one hidden layer, where the paper has maxout layers with batch normalisation. An absent
    modality's x_m is zero, so that h_m is too, and the bimodal gate then opens for the other one in
    full. The reference's gate sees W_m x_m in place of x_m; the paper's form stands here.
    """

    @dataclass(frozen=True)
    class Config(UnimodalConfig):
        """Settings of every transformer; ``width`` is the gated vector's too."""

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        self.encoders = nn.ModuleDict({n: Unimodal(m, config) for n, m in task.modalities.items()})
        self.unit = GatedUnit(config.width, len(task.names))
        self.head = Perceptron(config.width, config.width, len(task.outputs), config.dropout)

    def forward(self, batch: Batch) -> Output:
        present = [batch.present[name] for name in self.task.names]
        vectors = [
            encoder(batch, name).masked_fill(~batch.present[name][:, None], 0.0)
            for name, encoder in self.encoders.items()
        ]
        return Output(self.head(self.unit(vectors, present)))

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """sum_m B T_m (2 D_m d + 2 K d^2 + 24 L d^2 + 4 L T_m d), and the unit's gates."""
        from .blocks import algebra

        config, task, width = self.config, self.task, self.config.width
        count = len(task.names)
        gates = 1 if count == 2 else count
        work = algebra.unimodals(batch, lengths, task, config)
        work += algebra.linear(batch, count * width, gates * width)
        work += count * algebra.linear(batch, width, width)
        return (work + algebra.perceptron(batch, width, width, len(task.outputs))).flops(training)


class GatedUnit(nn.Module):
    """The unit itself: bimodal for two vectors, general for any other number of them."""

    def __init__(self, width: int, count: int):
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(count))
        self.gate_count = 1 if count == 2 else count
        self.gates = nn.Linear(count * width, self.gate_count * width, bias=False)

    def forward(self, vectors: Sequence[Tensor], present: Sequence[Tensor]) -> Tensor:
        """Vectors (B, d), zero where ``present`` (B,) is not, to (B, d)."""
        gates = torch.sigmoid(self.gates(torch.cat(list(vectors), dim=1)))
        gates = gates.unflatten(1, (self.gate_count, -1))
        h = torch.stack(
            [layer(x) for layer, x in zip(self.hidden, vectors, strict=True)], dim=1
        ).tanh()
        if self.gate_count == h.shape[1]:
            return (gates * h).sum(1)
        first, second = present
        gate = gates[:, 0].masked_fill(~second[:, None], 1.0).masked_fill(~first[:, None], 0.0)
        return gate * h[:, 0] + (1 - gate) * h[:, 1]
