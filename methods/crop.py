"""Cropping: an excerpt of the costly modality, otherwise fused at full length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..benchmark.contract import Batch, Task, search
from ..benchmark.registry import any_number, method
from .blocks.costly import CostlyConfig, ReducedFusion


@method(
    "crop",
    paper="baseline of chunked: an excerpt of fixed length",
    modalities=any_number,
    mark="reconstruction",
    cost="(T_a + E)^2",
)
class Crop(ReducedFusion):
    """Cross-attention in which the costly modality is cut down to an excerpt of E frames.

    (C) The blocks of ``unchunked``. The excerpt is the centre, from frame floor((L - E) / 2); in
    training a random one, drawn by ``corrupt``; a shorter sequence is kept whole. The default E is
    m of ``chunked``: one of its chunks.
    """

    @dataclass(frozen=True)
    class Config(CostlyConfig):
        """Settings of the transformers and of the crossing; ``excerpt`` is E, in frames."""

        excerpt: int = search(32, choices=(16, 32, 64))

    small: ClassVar[Mapping[str, Any]] = {"excerpt": 16}

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        if config.excerpt < 1:
            raise ValueError(f"excerpt {config.excerpt} is not positive")

    def reduce(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.cut(values, lengths, self.spare(lengths) // 2)

    def corrupt(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Cut a random excerpt out of each example; its centre is then itself."""
        name = self.expensive
        lengths = batch.lengths[name]
        draw = torch.rand(len(batch), generator=generator, device=generator.device)
        spare = self.spare(lengths)
        start = (draw.to(batch.device) * (spare + 1)).long().minimum(spare)
        values, lengths = self.cut(batch.values[name], lengths, start)
        batch = batch.with_values(name, values)
        return replace(batch, lengths={**batch.lengths, name: lengths})

    def spare(self, lengths: Tensor) -> Tensor:
        """Return how many frames an excerpt leaves out, (B,)."""
        return (lengths - self.config.excerpt).clamp(min=0)

    def cut(self, values: Tensor, lengths: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        """Excerpts (B, min(T, E), *shape) from a start (B,) on, and their lengths (B,)."""
        steps = min(values.shape[1], self.config.excerpt)
        index = start[:, None] + torch.arange(steps, device=start.device)
        index = index.clamp(max=values.shape[1] - 1)
        index = index.reshape(index.shape + (1,) * (values.ndim - 2))
        index = index.expand(-1, -1, *values.shape[2:])
        return values.gather(1, index), lengths.clamp(max=self.config.excerpt)

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """`unchunked` with min(T_v, E) frames of the costly modality."""
        kept = min(lengths[self.expensive], self.config.excerpt)
        return super().flops(batch, {**lengths, self.expensive: kept}, training)
