"""MBT: transformers of single modalities that share nothing but a few bottleneck tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..benchmark.contract import Batch, FusionMethod, Output, Task, search
from ..benchmark.registry import any_number, method
from .blocks.frames import Projection
from .blocks.unimodal import TransformerConfig, encoder


@method(
    "mbt",
    paper="Nagrani et al., NeurIPS 2021",
    modalities=any_number,
    mark="reference",
    cost="sum T_m^2",
)
class MBT(FusionMethod):
    """Multimodal bottleneck transformer: modalities exchange what passes through B tokens.

    z_m is a class token and the projected steps of modality m with positions, (B, 1 + T_m, d).
    Layers below L_f are each modality's own; from there on the bottleneck tokens z_fsn take part,
    and what each modality makes of them is averaged after every layer (P)::

        [z_m; z_m,fsn] <- Layer_m([z_m; z_fsn]),  z_fsn <- mean_m z_m,fsn
        y = mean_m (W CLS_m + b),  one W for all modalities

    Pre-LayerNorm layers of their own for each modality (P), a zero class token and bottleneck
    tokens from N(0, .02^2) (R). Defaults are ViT-Base, four tokens, and fusion in the last four of
    12 layers, L_f = 8 (P). What is written into the tokens is read one layer later: with fusion in
    the last layer alone nothing would cross, so it takes two or more, and all layers where there
    are fewer.

    Ours (C): one token a step (image frames pass a small convolutional network first) where the
    paper has image patches, sinusoidal positions where it learns them for one length, ReLU for
    GELU, a final LayerNorm for each modality where the reference has one for all. The label's loss
    is that of the averaged logits; in the reference each modality's logits have their own, for
    mixing modalities of different clips. An absent modality is a sequence of zeros that is fused
    and averaged like any other. Training from the start: no ImageNet weights, mixup, label
    smoothing or stochastic depth.

    Not repeated from the reference: a fifth bottleneck token wherever there are class tokens.
    """

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        """Settings of the transformers, and of the exchange between them.

        Parameters
        ----------
        bottlenecks
            Number B of tokens; with none the modalities meet in the mean of their logits alone.
        fusion_layers
            Last layers in which the tokens take part: layers - L_f.
        """

        # Widths that 12 heads divide, and the small size's 4.
        width: int = search(768, choices=(48, 96, 192))
        layers: int = search(12, low=2, high=6)
        heads: int = 12
        dropout: float = search(0.0, low=0.0, high=0.5)
        bottlenecks: int = search(4, choices=(1, 2, 4, 8))
        fusion_layers: int = search(4, low=2, high=4)

        def __post_init__(self):
            if self.bottlenecks < 0:
                raise ValueError(f"bottlenecks {self.bottlenecks} is negative")
            if min(self.fusion_layers, self.layers) < 2:
                raise ValueError(
                    f"fusion_layers {self.fusion_layers} of layers {self.layers}: between fewer "
                    f"than two nothing crosses; set both to 2 or more"
                )

    small: ClassVar[Mapping[str, Any]] = {"dropout": 0.1}

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        width = config.width
        self.project = nn.ModuleDict(
            {name: Projection(m, width) for name, m in task.modalities.items()}
        )
        self.encoders = nn.ModuleDict({name: encoder(config) for name in task.names})
        self.classes = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(width)) for name in task.names}
        )
        self.bottleneck = nn.Parameter(0.02 * torch.randn(config.bottlenecks, width))
        self.head = nn.Linear(width, len(task.outputs))

    def forward(self, batch: Batch) -> Output:
        names, size = self.task.names, len(batch)
        encoders: Mapping[str, Any] = dict(self.encoders.items())
        tokens = {name: self.embed(batch, name) for name in names}
        masks = {n: functional.pad(batch.mask(n), (1, 0), value=True) for n in names}
        shared = self.bottleneck.expand(size, -1, -1)
        fused = {n: functional.pad(m, (0, shared.shape[1]), value=True) for n, m in masks.items()}
        start = self.config.layers - self.config.fusion_layers
        for index in range(self.config.layers):
            updates = []
            for name in names:
                x, layer = tokens[name], encoders[name].layers[index]
                if index < start:
                    tokens[name] = layer(x, mask=masks[name])
                else:
                    x = layer(torch.cat([x, shared], dim=1), mask=fused[name])
                    tokens[name], update = x.tensor_split([masks[name].shape[1]], dim=1)
                    updates.append(update)
            if updates:
                shared = self.exchange(updates)
        logits = {n: self.head(encoders[n].norm(tokens[n][:, 0])) for n in names}
        mean = torch.stack(list(logits.values())).mean(0)
        return Output(mean, {f"logits:{name}": each for name, each in logits.items()})

    def embed(self, batch: Batch, name: str) -> Tensor:
        """Put the class token before a modality's projected steps and add positions."""
        steps = self.project[name](batch.visible(name))
        encoder: Any = self.encoders[name]
        return encoder.embed(torch.cat([self.classes[name].expand(len(batch), 1, -1), steps], 1))

    def exchange(self, updates: Sequence[Tensor]) -> Tensor:
        """Average what the modalities made of the bottleneck tokens, each (B, tokens, d)."""
        return torch.stack(list(updates)).mean(0)

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """sum_m B d L (24 T d + 4 T^2) for T = 1 + T_m, and B tokens more in fusion layers."""
        from .blocks import algebra

        config, width, work = self.config, self.config.width, algebra.Work()
        fused = min(config.fusion_layers, config.layers)
        for name, modality in self.task.modalities.items():
            steps = 1 + lengths[name]
            work += algebra.projection(batch * lengths[name], modality, width)
            work += (config.layers - fused) * algebra.layer(batch, steps, width)
            work += fused * algebra.layer(batch, steps + config.bottlenecks, width)
            work += algebra.linear(batch, width, len(self.task.outputs))
        return work.flops(training)
