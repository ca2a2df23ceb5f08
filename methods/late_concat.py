"""Late concatenation: one transformer a modality, and one head on their vectors side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ..benchmark.contract import Batch, Branch, FusionMethod, Output, Task, search
from ..benchmark.registry import method
from .blocks.unimodal import Perceptron, Unimodal, UnimodalConfig


@method(
    "late-concat",
    paper="baseline: unimodal transformers, their vectors concatenated",
    mark="reconstruction",
    cost="sum T_m^2",
)
class LateConcat(FusionMethod):
    """One transformer for each modality, their vectors concatenated under one head.

    (C) h_m is the mean over the valid steps of modality m's encoder. With the linear head

        y = W [h_1 ... h_M] + b = sum_m (W_m h_m + b / M),

    a sum over modalities, as in most work on CREMA-D: trained jointly, but without interaction, so
    that a label which only the combination of modalities tells is out of its reach. The perceptron
    (``head=mlp``) reaches it, and overfits sooner.

    A branch's logits are what the head says to h_m with zeros in place of the others, less its
    share (M - 1) / M of the bias: with the linear head they are y's exact parts, as in OGM-GE (Peng
    et al., CVPR 2022).
    """

    @dataclass(frozen=True)
    class Config(UnimodalConfig):
        """Settings of every transformer, and the ``head``: linear, or with a hidden layer."""

        head: Literal["linear", "mlp"] = search("linear", choices=("linear", "mlp"))

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        self.encoders = nn.ModuleDict({n: Unimodal(m, config) for n, m in task.modalities.items()})
        joint, outputs = config.width * len(task.names), len(task.outputs)
        if config.head == "linear":
            self.head = nn.Linear(joint, outputs)
        else:
            self.head = Perceptron(joint, config.width, outputs, config.dropout)

    def forward(self, batch: Batch) -> Output:
        parts = {name: self.encoders[name](batch, name) for name in self.task.names}
        alone = {logits(name): self.alone(parts, name) for name in parts}
        return Output(self.head(torch.cat(list(parts.values()), dim=-1)), alone)

    def alone(self, parts: Mapping[str, Tensor], name: str) -> Tensor:
        """Return the logits of one modality's vector, (B, outputs)."""
        x = [part if n == name else torch.zeros_like(part) for n, part in parts.items()]
        last = self.head if isinstance(self.head, nn.Linear) else self.head.out
        return self.head(torch.cat(x, dim=-1)) - (1 - 1 / len(parts)) * last.bias

    def branches(self) -> Mapping[str, Branch]:
        return {
            name: Branch(tuple(self.encoders[name].parameters()), logits(name))
            for name in self.task.names
        }

    def flops(
        self, batch: int, lengths: dict[str, int], training: bool = False, branches: str = ""
    ) -> int:
        """sum_m B T_m (2 D_m d + 2 K d^2 + 24 L d^2 + 4 L T_m d), and M + 1 readings of a head."""
        from .blocks import algebra

        config, task, count = self.config, self.task, len(self.task.names)
        encoders = algebra.unimodals(batch, lengths, task, config)
        hidden = () if config.head == "linear" else (config.width,)
        head = algebra.perceptron(batch, count * config.width, *hidden, len(task.outputs))
        alone = count * head
        if branches:
            return alone.backward + (encoders.backward if branches == "apart" else 0)
        return (encoders + head + alone.unheard).flops(training)


def logits(name: str) -> str:
    """Name of a branch's logits among the auxiliary outputs."""
    return f"logits:{name}"
