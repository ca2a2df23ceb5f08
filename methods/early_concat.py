"""Early concatenation: the modalities side by side in every step, then one transformer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..benchmark.contract import Batch, FusionMethod, Output, Task
from ..benchmark.registry import method
from .blocks.pooling import masked_mean
from .blocks.stem import Stem
from .blocks.unimodal import UnimodalConfig, encoder


@method(
    "early-concat",
    paper="baseline: features concatenated step by step, one transformer",
    mark="reconstruction",
    cost="max T_m^2",
)
class EarlyConcat(FusionMethod):
    """Features of all modalities concatenated step by step, then one transformer on them.

    (C) Sequences of unequal lengths are aligned to the longest one of each example: step i of L
    reads step floor(i L_m / L) of modality m, so that every step is kept and a shorter modality's
    are repeated. The concatenation's projection to width d is a sum of one for each modality, and
    is computed so, each in a stem of its own before the alignment (``blocks/stem.py``). h is the
    mean over the valid steps of the encoder, y = W h + b.
    """

    @dataclass(frozen=True)
    class Config(UnimodalConfig):
        """Settings of the transformer."""

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        self.stems = nn.ModuleDict(
            {name: Stem(m, config.width, config.kernel) for name, m in task.modalities.items()}
        )
        self.encoder = encoder(config)
        self.head = nn.Linear(config.width, len(task.outputs))

    def forward(self, batch: Batch) -> Output:
        names = self.task.names
        longest = torch.stack([batch.lengths[n] for n in names]).amax(0)
        steps = torch.arange(
            max(batch.values[n].shape[1] for n in names), device=longest.device
        ).expand(len(batch), -1)
        x = sum(
            align(self.stems[n](batch.visible(n), batch.mask(n)), steps, batch.lengths[n], longest)
            for n in names
        )
        mask = steps < longest[:, None]
        return Output(self.head(masked_mean(self.encoder(x, mask=mask), mask)))

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """B T (24 L d^2 + 4 L T d) for the longest T, and sum_m B T_m (2 D_m d + 2 K d^2)."""
        from .blocks import algebra

        config, task = self.config, self.task
        stems = algebra.total(
            algebra.stem(batch, lengths[n], m, config.width, config.kernel)
            for n, m in task.modalities.items()
        )
        encoder = algebra.transformer(batch, max(lengths[n] for n in task.names), config)
        head = algebra.linear(batch, config.width, len(task.outputs))
        return (stems + encoder + head).flops(training)


def align(x: Tensor, steps: Tensor, lengths: Tensor, longest: Tensor) -> Tensor:
    """Stretch sequences (B, T_m, d) of some lengths (B,) to longer ones (B,), read at (B, T)."""
    index = (steps * lengths[:, None] // longest[:, None]).clamp(max=x.shape[1] - 1)
    return x.gather(1, index[..., None].expand(-1, -1, x.shape[-1]))
