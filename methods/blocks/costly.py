"""Fusion with one modality that is costly to encode: what `chunked` and its baselines share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...benchmark.contract import Batch, FusionMethod, Output, Task, search
from .attention import Layer
from .frames import Projection
from .pooling import masked_mean
from .unimodal import Perceptron, TransformerConfig, encoder


@dataclass(frozen=True)
class CostlyConfig(TransformerConfig):
    """Settings of the transformers and of the crossing.

    Parameters
    ----------
    crossings
        Blocks of cross-attention in each direction.
    expensive
        Name of the costly modality; by default ``visual``, or the task's last one.
    """

    crossings: int = search(1, low=1, high=3)
    expensive: str = ""


class CostlyFusion(FusionMethod):
    """Bidirectional cross-attention between encoded sequences and tokens of the costly modality.

    A subclass says what the tokens are. Every other modality m is encoded at its full length;
    x_m attends to the tokens and the tokens to x_m, each in pre-LayerNorm blocks; the masked means
    of all crossed sequences are concatenated, and a head predicts. A costly modality by itself is
    predicted from its tokens.
    """

    def __init__(self, task: Task, config: CostlyConfig):
        super().__init__(task, config)
        names = task.names
        if config.expensive and config.expensive not in names:
            raise ValueError(
                f"expensive modality {config.expensive!r} is not one of the task's: "
                f"{', '.join(names)}"
            )
        default = "visual" if "visual" in names else names[-1]
        self.expensive = config.expensive or default
        self.longest = task.modalities[self.expensive].max_length
        self.others = tuple(name for name in names if name != self.expensive)
        self.project = nn.ModuleDict(
            {name: Projection(m, config.width) for name, m in task.modalities.items()}
        )
        self.encoders = nn.ModuleDict({name: encoder(config) for name in self.others})
        self.outward = nn.ModuleDict({name: Crossing(config) for name in self.others})
        self.inward = nn.ModuleDict({name: Crossing(config) for name in self.others})
        parts = max(2 * len(self.others), 1)
        self.head = Perceptron(
            parts * config.width, config.width, len(task.outputs), config.dropout
        )

    @abstractmethod
    def encode(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Encode the costly modality, (B, T, *shape) of lengths (B,).

        Returns tokens (B, N, d) and which of them count, (B, N) bool.
        """

    def forward(self, batch: Batch) -> Output:
        name = self.expensive
        tokens, kept = self.encode(batch.visible(name), batch.lengths[name])
        pooled = []
        for name in self.others:
            mask = batch.mask(name)
            x = self.encoders[name](self.project[name](batch.visible(name)), mask=mask)
            pooled.append(masked_mean(self.outward[name](x, tokens, kept), mask))
            pooled.append(masked_mean(self.inward[name](tokens, x, mask), kept))
        return Output(self.head(torch.cat(pooled or [masked_mean(tokens, kept)], dim=-1)))

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """Count all but the tokens, whose number stands as the costly modality's length.

        For N tokens 4 B d L T_m^2 + 8 B d X T_m N in each other modality m, X the crossings.
        """
        from . import algebra

        config, tokens, crossed = self.config, lengths[self.expensive], algebra.Work()
        for name in self.others:
            steps, modality = lengths[name], self.task.modalities[name]
            crossed += algebra.projection(batch * steps, modality, config.width)
            crossed += algebra.transformer(batch, steps, config)
            outward = algebra.layer(batch, steps, config.width, tokens)
            inward = algebra.layer(batch, tokens, config.width, steps)
            crossed += config.crossings * (outward + inward)
        joint, outputs = max(2 * len(self.others), 1) * config.width, len(self.task.outputs)
        return (crossed + algebra.perceptron(batch, joint, config.width, outputs)).flops(training)


class ReducedFusion(CostlyFusion):
    """Conventional fusion of the costly modality's frames, or of those that a subclass keeps.

    One transformer encodes the frames, and the tokens are the encoded frames.
    """

    def __init__(self, task: Task, config: CostlyConfig):
        super().__init__(task, config)
        self.backbone = encoder(config)

    def reduce(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Keep some frames of (B, T, *shape), lengths (B,), before they are encoded; here all."""
        return values, lengths

    def encode(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        values, lengths = self.reduce(values, lengths)
        mask = torch.arange(values.shape[1], device=lengths.device) < lengths[:, None]
        return self.backbone(self.project[self.expensive](values), mask=mask), mask

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """4 B d (L T_v^2 + sum_m (L T_m^2 + 2 X T_m T_v)) for T_v frames that are kept."""
        from . import algebra

        config, steps = self.config, lengths[self.expensive]
        modality = self.task.modalities[self.expensive]
        frames = algebra.projection(batch * steps, modality, config.width)
        tokens = frames + algebra.transformer(batch, steps, config)
        return tokens.flops(training) + super().flops(batch, lengths, training)


class Crossing(nn.Module):
    """Pre-LayerNorm cross blocks and a final LayerNorm; the memory stays as it is."""

    def __init__(self, config: CostlyConfig):
        super().__init__()
        rates = (0.0, config.dropout, config.dropout)
        self.layers = nn.ModuleList(
            Layer(config.width, config.heads, *rates) for _ in range(config.crossings)
        )
        self.norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """Attend from x (B, T, d) to memory (B, N, d) with its mask (B, N)."""
        for layer in self.layers:
            x = layer(x, memory, mask)
        return self.norm(x)
