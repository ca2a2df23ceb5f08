"""CLIP between every pair of modalities: Symile's baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..benchmark.registry import method, two_or_more
from .blocks.contrasted import ContrastedConfig, ContrastedFusion
from .blocks.contrastive import clip_pairwise


@method(
    "clip-pairwise",
    paper="Radford et al., ICML 2021, over all pairs as in Saporta et al., NeurIPS 2024",
    modalities=two_or_more,
    mark="reconstruction",
    cost="sum T_m^2",
)
class ClipPairwise(ContrastedFusion):
    """Encoders and a head trained by the supervised loss and CLIP's loss on every pair.

    (P) The sum over pairs of modalities of symmetric InfoNCE between unit representations, scores
    exp(s) <r_m, r_n> with s learned, negatives from the batch. It can align what two modalities
    share and nothing that takes three: where c = a xor b it stays at chance. One modality has no
    pair. (C) Encoders, head and everything else are `symile`'s, the product of all representations
    under the head included, so that the two differ in the loss alone; of examples that lack a
    modality no pair is contrasted, as there.
    """

    @dataclass(frozen=True)
    class Config(ContrastedConfig):
        """Settings of the encoders and of the loss."""

    def contrast(self, parts: Sequence[Tensor], scale: Tensor, counted: Tensor) -> Tensor:
        return clip_pairwise(parts, scale, counted)

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """Encoders and head; in training every ordered pair, 6 M (M - 1) B^2 d."""
        from .blocks import algebra

        cost, count = super().flops(batch, lengths, training), len(self.task.names)
        if not training:
            return cost
        pair = algebra.product(batch, self.config.width, batch)
        return cost + (count * (count - 1) * pair).flops(training)
