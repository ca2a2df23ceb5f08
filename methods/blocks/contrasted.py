"""Fusion of unimodal representations that a contrastive loss shapes: `symile`, `clip-pairwise`."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...benchmark.contract import Batch, FusionMethod, Output, Task, search, supervised_loss
from .unimodal import Unimodal, UnimodalConfig


@dataclass(frozen=True)
class ContrastedConfig(UnimodalConfig):
    """Settings of the encoders and of the contrastive loss.

    Parameters
    ----------
    weight
        Factor lambda on the contrastive loss beside the supervised one.
    log_scale
        What the learned logarithm of the inverse temperature starts from: CLIP's log(1 / .07).
    """

    weight: float = search(0.1, low=0.01, high=1.0, log=True)
    log_scale: float = search(2.66, low=0.0, high=4.6)


class ContrastedFusion(FusionMethod):
    """One transformer for each modality, a contrastive loss between them, and a linear head.

    r_m = W_m h_m / ||W_m h_m|| with h_m the mean over the encoder's valid steps,

        y = W sqrt(d) [r_1 ... r_M, d^((M - 1) / 2) prod_m r_m] + b,

    where the powers of d keep all numbers near one, and the loss is
    supervised + lambda contrastive, the latter over examples that have every modality, labelled or
    not. A subclass says which.
    """

    def __init__(self, task: Task, config: ContrastedConfig):
        super().__init__(task, config)
        width, names = config.width, task.names
        self.encoders = nn.ModuleDict({n: Unimodal(m, config) for n, m in task.modalities.items()})
        self.project = nn.ModuleDict({n: nn.Linear(width, width) for n in names})
        self.log_scale = nn.Parameter(torch.full((), config.log_scale))
        self.head = nn.Linear((len(names) + 1) * width, len(task.outputs))

    @abstractmethod
    def contrast(self, parts: Sequence[Tensor], scale: Tensor, counted: Tensor) -> Tensor:
        """Return the contrastive loss of unit representations (B, d) over counted examples (B,)."""

    def forward(self, batch: Batch) -> Output:
        parts = {}
        for name in self.task.names:
            h = self.project[name](self.encoders[name](batch, name))
            parts[representation(name)] = functional.normalize(h, dim=-1)
        near_one = math.sqrt(self.config.width) * torch.stack(tuple(parts.values()))
        features = torch.cat([*near_one, near_one.prod(0)], dim=-1)
        return Output(self.head(features), parts)

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        parts = [output.auxiliary[representation(n)] for n in self.task.names]
        counted = torch.stack([batch.present[n] for n in self.task.names]).all(0)
        contrastive = self.contrast(parts, self.log_scale.exp(), counted)
        return {
            "supervised": supervised_loss(output.logits, batch, self.task),
            "contrastive": self.config.weight * contrastive,
        }

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """sum_m B T_m (2 D_m d + 2 K d^2 + 24 L d^2 + 4 L T_m d), without the contrast."""
        from . import algebra

        config, task = self.config, self.task
        width, count = config.width, len(task.names)
        encoders = algebra.unimodals(batch, lengths, task, config)
        read = count * algebra.linear(batch, width, width)
        head = algebra.linear(batch, (count + 1) * width, len(task.outputs))
        return (encoders + read + head).flops(training)


def representation(name: str) -> str:
    """Name of a modality's representation among the auxiliary outputs."""
    return f"representation:{name}"
