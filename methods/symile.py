"""Symile: one contrastive loss on all modalities at once, which sees what no pair of them tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ..benchmark.contract import search
from ..benchmark.registry import method, two_or_more
from .blocks.contrasted import ContrastedConfig, ContrastedFusion
from .blocks.contrastive import drawn_orders, kept_orders, symile


@method(
    "symile",
    paper="Saporta et al., NeurIPS 2024",
    modalities=two_or_more,
    mark="reconstruction",
    cost="sum T_m^2",
)
class Symile(ContrastedFusion):
    """Encoders and a head trained by the supervised loss and Symile's contrastive loss.

    (P) With unit representations r_m (B, d), a tuple's score is exp(s) sum_d prod_m r_m[d], s
    learned. Each modality in turn is the anchor; the loss is the cross-entropy of telling the
    anchor's own tuple of the others from tuples of other examples, averaged over anchors. It bounds
    the total correlation of all modalities, where pairwise losses see what pairs share: where
    c = a xor b, every pair is independent, and Symile alone learns. With two modalities it is
    symmetric InfoNCE; one has nothing to contrast with. (R) The negatives: ``n``, B tuples in which
    the first non-anchor stays in place and the others are permuted, or ``n_squared``, all
    combinations of the batch, B^(M - 1) of them.

    (C) The paper pre-trains representations; here the loss is a second term beside the supervised
    one, and a linear head reads all r_m and their product (``blocks/contrasted.py``), so that it
    can use what the loss aligned. Encoders are the package's unimodal transformers. Only examples
    that have every modality are contrasted: a tuple is an example's own or it is not.

    Not repeated from a version of the reference: for all combinations of a list of modalities it
    detaches the non-anchors, whose gradients are then wrong, and takes combination i for example
    i's own, which for three modalities and more is another example's.
    """

    @dataclass(frozen=True)
    class Config(ContrastedConfig):
        """Settings of the encoders and of the loss, and its ``negatives``."""

        negatives: Literal["n", "n_squared"] = search("n", choices=("n", "n_squared"))

    def contrast(self, parts: Sequence[Tensor], scale: Tensor, counted: Tensor) -> Tensor:
        if self.config.negatives == "n_squared":
            return symile(parts, scale, counted)
        if self.training:
            return symile(parts, scale, counted, drawn_orders(len(parts), counted))
        return symile(parts, scale, counted, kept_orders(len(parts), counted))

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """Encoders and head; in training M anchors against N tuples, 6 M B N d."""
        from .blocks import algebra

        cost, width = super().flops(batch, lengths, training), self.config.width
        if not training:
            return cost
        count, built = len(self.task.names), algebra.Work()
        tuples = batch
        if self.config.negatives == "n_squared":
            tuples = batch ** (count - 1)
            built = algebra.outer(width, *[batch] * (count - 1))
        scores = algebra.product(batch, width, tuples)
        return cost + (count * (scores + built)).flops(training)
