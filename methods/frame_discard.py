"""Frame discarding: the costly modality at a lower rate, otherwise fused at full length."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..benchmark.contract import Task, search
from ..benchmark.registry import any_number, method
from .blocks.costly import CostlyConfig, ReducedFusion


@method(
    "frame-discard",
    paper="baseline of chunked: every n-th frame kept",
    modalities=any_number,
    mark="reconstruction",
    cost="(T_a + T_v / n)^2",
)
class FrameDiscard(ReducedFusion):
    """Cross-attention in which the costly modality keeps every n-th frame, from the first on.

    (C) The blocks of ``unchunked``. The default n is W / k of ``chunked``, so that as many frames
    remain as it has tokens. What happens between kept frames is lost.
    """

    @dataclass(frozen=True)
    class Config(CostlyConfig):
        """Settings of the transformers and of the crossing; ``every`` is n."""

        every: int = search(8, choices=(2, 4, 8))

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        if config.every < 1:
            raise ValueError(f"every {config.every} is not positive")

    def reduce(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        every = self.config.every
        return values[:, ::every], (lengths + every - 1) // every

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """`unchunked` with ceil(T_v / n) frames of the costly modality."""
        kept = -(-lengths[self.expensive] // self.config.every)
        return super().flops(batch, {**lengths, self.expensive: kept}, training)
