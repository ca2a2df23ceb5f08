"""OGM-GE: the gradients of the modality that is ahead are damped, and noise is added to all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..benchmark.contract import Batch, FusionMethod, Output, TrainingStrategy, search
from ..benchmark.registry import strategy
from .blocks.balance import classes, known, mean, ratios, true_class


@strategy("ogm-ge", paper="Peng et al., CVPR 2022", default="late-concat", mark="reference")
class OGMGE(TrainingStrategy):
    """On-the-fly gradient modulation with generalisation enhancement.

    (P) s_m is the batch's sum of the true class's probability from modality m alone, the softmax of
    its branch's logits, and rho_m = s_m / s_other. The gradients of the modality's own parameters
    are scaled by

        k_m = 1 - tanh(alpha rho_m)  where rho_m > 1,  else 1,

    and noise N(0, std(g)^2) is added to each gradient g, (R) whether scaled or not, with the
    standard deviation before the scaling.

    (C) With more than two modalities s_other is the mean of the others'; sums run over the labelled
    examples that have the modality, and are divided by their number. It modulates throughout, where
    the reference stops after half of its epochs; ``enhance=False`` is the paper's OGM, without
    noise. Needs classes, and a method with branches.

    Not repeated from the reference: only tensors of four dimensions (convolutions) are modulated
    there, so that of a transformer nothing would be.

    Raises
    ------
    ValueError
        The task is a regression.
    """

    requires: ClassVar[tuple[str, ...]] = ("branches",)

    @dataclass(frozen=True)
    class Config:
        """Strength alpha of the damping, and whether noise is added (``enhance``)."""

        alpha: float = search(0.8, low=0.1, high=1.0)
        enhance: bool = search(True, choices=(True, False))

    def __init__(self, inner: FusionMethod, config: Config):
        super().__init__(inner, config)
        classes(self.task)
        self.factors: Mapping[str, Tensor] = {}

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        # backward sees no logits and no labels: what it needs of them is measured here.
        branches = self.branches()
        logits = torch.stack([output.auxiliary[b.logits] for b in branches.values()]).detach()
        counted = torch.stack([known(batch, name) for name in branches])
        factors = modulation(logits, batch.labels, counted, self.config.alpha)
        self.factors = dict(zip(branches, factors.unbind(), strict=True))
        return self.inner.losses(output, batch)

    def backward(self, losses: Mapping[str, Tensor], parameters: Iterable[nn.Parameter]) -> None:
        self.inner.backward(losses, parameters)
        for name, branch in self.branches().items():
            for parameter in branch.parameters:
                if parameter.grad is None:
                    continue
                grad = parameter.grad
                parameter.grad = self.factors[name] * grad
                if self.config.enhance:
                    # Over all of the elements: a single one has no unbiased deviation.
                    parameter.grad += grad.std(correction=0) * torch.randn_like(grad)


def modulation(logits: Tensor, labels: Tensor, counted: Tensor, alpha: float) -> Tensor:
    """Factors k_m (M,) from branches' logits (M, B, C), labels (B,), and who counts (M, B)."""
    chosen = true_class(logits.log_softmax(-1), labels, counted).exp()
    rho = ratios(mean(chosen, counted), counted.any(-1))
    return torch.where(rho > 1.0, 1.0 - torch.tanh(alpha * rho), 1.0)
