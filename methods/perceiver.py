"""Perceiver: a few learned latents read all modalities at once, again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..benchmark.contract import Batch, FusionMethod, Output, Task, search
from ..benchmark.registry import any_number, method
from .blocks.attention import Layer, sinusoids
from .blocks.frames import Projection


@method(
    "perceiver",
    paper="Jaegle et al., ICML 2021",
    modalities=any_number,
    mark="reconstruction",
    cost="N sum T_m",
)
class Perceiver(FusionMethod):
    """Latents that attend to all modalities in a row, between transformers of their own.

    The inputs are one sequence, whatever they are; N learned latents L (N, d) read it R times,
    and its length counts in nothing else (P)::

        Z = [x_m + positions + e_m  for each m]           (B, sum T_m, d), e_m learned
        L <- Latent(Cross(Q = L, KV = Z)), R times;  y = W mean(L) + b

    Cross is one block with one head, Latent a stack of self-attention blocks, each with a
    feed-forward net; all repeats share their weights but the first Cross, which has its own,
    unless ``shared`` is off (P). Defaults are the network for ImageNet: 512 latents of width 1024
    from N(0, .02^2) cut off at 2, R = 8, 6 blocks of 8 heads (P).

    Ours (C): sinusoidal positions, each modality's its own, and the embedding e_m are added to a
    projection of the features, where the paper concatenates Fourier features and a code of the
    modality to them. In Cross latents and inputs pass the same LayerNorm and have one width, the
    feed-forward nets are 4d wide with ReLU (the paper's d with GELU), a LayerNorm stands before the
    mean, and an absent modality is read as zeros. Image frames pass a small convolutional network
    first.
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of Perceiver.

        Parameters
        ----------
        width, layers, heads
            Width d of latents and inputs, blocks of a latent transformer, heads of its attention.
        latents, repeats
            Number N of latents, and times R that they read the inputs.
        shared
            Whether the repeats share their weights.
        dropout
            Rate inside the feed-forward nets and on each sublayer's update.
        """

        width: int = search(1024, choices=(32, 64, 128))
        layers: int = search(6, low=1, high=4)
        heads: int = 8
        latents: int = search(512, choices=(8, 16, 32))
        repeats: int = search(8, low=1, high=4)
        shared: bool = search(True, choices=(True, False))
        dropout: float = search(0.0, low=0.0, high=0.5)

        def __post_init__(self):
            for name in ("width", "layers", "heads", "latents", "repeats"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} {getattr(self, name)} is not positive")

    small: ClassVar[Mapping[str, Any]] = {"latents": 16, "repeats": 2, "dropout": 0.1}

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        width, repeats = config.width, config.repeats
        self.project = nn.ModuleDict(
            {name: Projection(m, width) for name, m in task.modalities.items()}
        )
        self.modality = nn.ParameterDict(
            {name: nn.Parameter(0.02 * torch.randn(width)) for name in task.names}
        )
        self.latents = nn.Parameter(torch.empty(config.latents, width))
        nn.init.trunc_normal_(self.latents, std=0.02)
        self.cross = nn.ModuleList(
            block(config, heads=1) for _ in range(min(repeats, 2) if config.shared else repeats)
        )
        self.transformers = nn.ModuleList(
            nn.ModuleList(block(config, config.heads) for _ in range(config.layers))
            for _ in range(1 if config.shared else repeats)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(task.outputs))

    def forward(self, batch: Batch) -> Output:
        names = self.task.names
        inputs = torch.cat([self.embed(batch, name) for name in names], dim=1)
        mask = torch.cat([batch.mask(name) for name in names], dim=1)
        x = self.latents.expand(len(batch), -1, -1)
        for index in range(self.config.repeats):
            x = self.cross[min(index, len(self.cross) - 1)](x, inputs, mask)
            transformer: Any = self.transformers[min(index, len(self.transformers) - 1)]
            for layer in transformer:
                x = layer(x)
        return Output(self.head(self.norm(x).mean(1)))

    def embed(self, batch: Batch, name: str) -> Tensor:
        """Project a modality's steps, and say where each stands and whose it is; (B, T_m, d)."""
        x = self.project[name](batch.visible(name))
        return x + sinusoids(x) + self.modality[name]

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """B d R (4 T (d + N) + N (20 d + 24 L d + 4 L N)) for T = sum_m T_m."""
        from .blocks import algebra

        config, width, latents = self.config, self.config.width, self.config.latents
        steps = sum(lengths[n] for n in self.task.names)
        inputs = algebra.total(
            algebra.projection(batch * lengths[n], m, width)
            for n, m in self.task.modalities.items()
        )
        cross = algebra.layer(batch, latents, width, steps)
        repeat = cross + config.layers * algebra.layer(batch, latents, width)
        head = algebra.linear(batch, width, len(self.task.outputs))
        return (inputs + config.repeats * repeat + head).flops(training)


def block(config: Perceiver.Config, heads: int) -> Layer:
    """Build a block of attention and feed-forward net with these settings."""
    return Layer(config.width, heads, 0.0, config.dropout, config.dropout)
