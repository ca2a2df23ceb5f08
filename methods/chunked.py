"""Chunked fusion: the costly modality is encoded chunk by chunk, to a few tokens each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..benchmark.contract import Task, search
from ..benchmark.registry import any_number, method
from .blocks.attention import sinusoids
from .blocks.costly import CostlyConfig, CostlyFusion
from .blocks.unimodal import encoder


@method(
    "chunked",
    paper="Efficient Fusion of Computationally Diverse Modalities Using Chunking and "
    "Cross-Attention, 2025",
    modalities=any_number,
    mark="reconstruction",
    cost="T_a^2 + T_a C k + C m^2",
)
class Chunked(CostlyFusion):
    """Cross-attention between encoded audio and a few tokens of each chunk of the costly modality.

    (P, the abstract) The costly modality is split into chunks, each encoded to k tokens by its
    backbone, and audio and chunks attend to each other in place of the backbones' full lengths.

    (C) The chunks are dynamic, after Lin and Busso (2020): each holds m frames, and every example
    has C = ceil(T_max / W) of them, W <= m, T_max the longest sequence of the task (never of the
    batch). Chunk i of an example of L frames starts at floor(i (L - m) / (C - 1)), so the last one
    ends at the last frame and no two neighbours leave a frame between them. An example of L <= m
    frames has one chunk, padded; where rounding starts two chunks at the same frame, one counts.
    A chunk's backbone is a transformer over its m frames and k learned tokens, whose outputs
    represent it; image frames pass a small convolutional network, trained with the rest. Frames and
    tokens have sinusoidal positions in the whole sequence (a token that of its chunk's start). The
    other modalities are encoded at full length; see ``blocks/costly.py`` for the crossing.

    With one other modality of T_a steps the attention costs T_a^2 + 2 T_a C k + C (m + k)^2, where
    `unchunked` pays T_a^2 + 2 T_a T_v + T_v^2.

    Raises
    ------
    ValueError
        An unknown modality, a stride outside 1 to m; in the forward pass, more frames than T_max.
    """

    @dataclass(frozen=True)
    class Config(CostlyConfig):
        """Settings of the transformers, of the crossing, and of the chunks.

        Parameters
        ----------
        chunk, stride, tokens
            Frames m of a chunk, frames W of the longest sequence for each chunk, and tokens k that
            a chunk is encoded to.
        """

        chunk: int = search(32, choices=(16, 32, 64))
        stride: int = search(16, choices=(8, 16))
        tokens: int = search(2, choices=(1, 2, 4))

        def __post_init__(self):
            if not 1 <= self.stride <= self.chunk:
                raise ValueError(
                    f"stride {self.stride} is not within 1 and chunk {self.chunk}; a longer one "
                    f"leaves frames between chunks"
                )
            if self.tokens < 1:
                raise ValueError(f"tokens {self.tokens} is not positive")

    small: ClassVar[Mapping[str, Any]] = {"chunk": 16, "stride": 16}

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        self.chunks = -(-self.longest // config.stride)
        self.backbone = encoder(config, positions=False)
        self.queries = nn.Parameter(torch.empty(config.tokens, config.width))
        nn.init.normal_(self.queries)

    def encode(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if values.shape[1] > self.longest:
            raise ValueError(
                f"{self.expensive!r} has {values.shape[1]} frames, the task's longest "
                f"{self.longest}: chunks would leave frames out"
            )
        tokens, chunk = self.config.tokens, self.config.chunk
        frames = self.project[self.expensive](values)
        positions = sinusoids(frames)
        frames = frames + positions
        starts, counted = starting(lengths, chunk, self.chunks)
        index, valid = within(starts, lengths, chunk)
        index = index.clamp(max=frames.shape[1] - 1).flatten(1)
        pieces = frames.gather(1, index[..., None].expand(-1, -1, frames.shape[-1]))
        pieces = pieces.unflatten(1, (self.chunks, chunk))
        queries = self.queries + positions[starts][:, :, None]
        x = torch.cat([queries, pieces], dim=2).flatten(0, 1)
        mask = torch.cat([valid.new_ones(*starts.shape, tokens), valid], dim=2).flatten(0, 1)
        encoded = self.backbone(x, mask=mask)[:, :tokens]
        encoded = encoded.unflatten(0, starts.shape).flatten(1, 2)
        return encoded, counted.repeat_interleave(tokens, dim=1)

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """B d (4 L C (k + m)^2 + sum_m (4 L T_m^2 + 8 X T_m C k)) for C chunks of the task."""
        from .blocks import algebra

        config, name = self.config, self.expensive
        chunks = -(-self.task.modalities[name].max_length // config.stride)
        modality, rows = self.task.modalities[name], batch * lengths[name]
        frames = algebra.projection(rows, modality, config.width)
        encoded = algebra.transformer(batch * chunks, config.tokens + config.chunk, config)
        crossed = super().flops(batch, {**lengths, name: chunks * config.tokens}, training)
        return (frames + encoded).flops(training) + crossed


def starting(lengths: Tensor, chunk: int, chunks: int) -> tuple[Tensor, Tensor]:
    """First frames of C chunks of m frames, (B, C) int64, and which of them count, (B, C) bool.

    A chunk that starts where the one before it does would weigh the same frames twice.
    """
    spare = (lengths - chunk).clamp(min=0)[:, None]
    order = torch.arange(chunks, device=lengths.device)
    starts = order * spare // max(chunks - 1, 1)
    counted = torch.cat([starts[:, :1] >= 0, starts[:, 1:] > starts[:, :-1]], dim=1)
    return starts, counted


def within(starts: Tensor, lengths: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Frames of each chunk: indices and whether the example has them, both (B, C, m)."""
    index = starts[..., None] + torch.arange(chunk, device=starts.device)
    return index, index < lengths[:, None, None]
