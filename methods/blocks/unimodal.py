"""What one modality is made into by itself: projected, encoded by a transformer, one vector."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from ...benchmark.contract import Batch, Modality, search
from .attention import Encoder
from .dropout import Dropout
from .pooling import masked_mean
from .stem import Stem


@dataclass(frozen=True)
class TransformerConfig:
    """Settings of the transformers in the package's own baselines.

    Parameters
    ----------
    width, layers, heads
        Model width d, pre-LayerNorm blocks of an encoder, heads of their attention.
    dropout
        Rate inside the feed-forward nets and on each sublayer's update.
    embedding_dropout
        Rate on the projected steps with their positions.
    """

    width: int = search(128, choices=(32, 64, 128))
    layers: int = search(4, low=1, high=6)
    heads: int = 4
    dropout: float = search(0.1, low=0.0, high=0.5)
    embedding_dropout: float = search(0.0, low=0.0, high=0.5)


@dataclass(frozen=True)
class UnimodalConfig(TransformerConfig):
    """Settings of the transformers, and the ``kernel`` of the convolution before them."""

    kernel: int = search(9, choices=(3, 9, 15))


def encoder(config: TransformerConfig, positions: bool = True) -> Encoder:
    """Build an encoder of these settings; its input is not scaled, attention not dropped."""
    return Encoder(
        config.width,
        config.heads,
        config.layers,
        attention_dropout=0.0,
        relu_dropout=config.dropout,
        residual_dropout=config.dropout,
        embedding_dropout=config.embedding_dropout,
        positions=positions,
        scaled=False,
    )


class Unimodal(nn.Module):
    """One modality to one vector: stem, masked transformer, mean over valid steps."""

    def __init__(self, modality: Modality, config: UnimodalConfig):
        super().__init__()
        self.stem = Stem(modality, config.width, config.kernel)
        self.encoder = encoder(config)

    def forward(self, batch: Batch, name: str) -> Tensor:
        """Represent a modality of a batch, (B, d)."""
        mask = batch.mask(name)
        return masked_mean(self.encoder(self.stem(batch.visible(name), mask), mask=mask), mask)


class Perceptron(nn.Module):
    """One hidden layer with ReLU and dropout: (B, width) to (B, outputs)."""

    def __init__(self, width: int, hidden: int, outputs: int, dropout: float):
        super().__init__()
        self.hidden, self.out = nn.Linear(width, hidden), nn.Linear(hidden, outputs)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.dropout(functional.relu(self.hidden(x))))
