"""Transformer layers whose residual is mixed in by a learned scalar (AuxFormer's "scalar" encoder).

Goncalves and Busso, ICASSP 2022; the form of the mixture and its initialisation are read in the
authors' code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .attention import Encoder, Layer


class ScalarLayer(Layer):
    """Block with x <- alpha x + (1 - alpha) sublayer(LN x) for both of its sublayers.

    One scalar a layer, drawn from U(0, 1) and not confined to that interval in training.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        attention_dropout: float = 0.1,
        relu_dropout: float = 0.1,
        residual_dropout: float = 0.1,
    ):
        super().__init__(width, heads, attention_dropout, relu_dropout, residual_dropout)
        self.alpha = nn.Parameter(torch.rand(1))

    def forward(
        self, x: Tensor, memory: Tensor | None = None, mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:  # fmt: skip
        x = torch.lerp(self.attend(x, memory, mask, causal), x, self.alpha)
        return torch.lerp(self.feed(x), x, self.alpha)


class ScalarEncoder(Encoder):
    """Self-encoder of scalar layers: scaled input without positions, layers, a final LayerNorm."""

    def __init__(
        self,
        width: int,
        heads: int,
        layers: int,
        *,
        attention_dropout: float = 0.1,
        relu_dropout: float = 0.1,
        residual_dropout: float = 0.1,
        embedding_dropout: float = 0.25,
    ):
        super().__init__(width, heads, 0, embedding_dropout=embedding_dropout, positions=False)
        rates = (attention_dropout, relu_dropout, residual_dropout)
        self.layers = nn.ModuleList(ScalarLayer(width, heads, *rates) for _ in range(layers))
