"""PMR: class prototypes tell which modality is slow, and pull it along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from ..benchmark.contract import Batch, FusionMethod, Output, TrainingStrategy, search
from ..benchmark.registry import strategy
from .blocks.balance import classes, known, mean, ratios, true_class


@strategy("pmr", paper="Fan et al., CVPR 2023", default="late-concat", mark="reconstruction")
class PMR(TrainingStrategy):
    """Prototypical modal rebalance: the slow modality clusters round prototypes, the fast one less.

    (P) c_mk is the mean of class k's vectors z_m, and p_m(k | x) = softmax_k(-||z_m - c_mk||).
    With s_m the batch's sum of the true class's p_m and rho_m = s_m / s_other, the loss is

        L + alpha sum_m clip(1 / rho_m - 1, 0, 1) PCE_m - mu sum_m clip(rho_m - 1, 0, 1) H_m,

    PCE_m the cross-entropy of p_m, which speeds a slow modality up, and H_m its mean entropy, which
    keeps a dominant one from settling; the latter early in training alone.

    (C) z_m are the branch's logits, all that a method need show of a modality: for a linear head an
    affine image of its vector. Prototypes are running means over training batches,
    c <- momentum c + (1 - momentum) (the batch's mean of the class), taken over after each step and
    without gradient; the paper takes them afresh on a part of the training set after every epoch. A
    class is left out until it has one. ``early`` counts steps. With more than two modalities
    s_other is the mean of the others'; sums run over labelled examples that have the modality, and
    are divided by their number. mu and ``early`` are ours. Needs classes, and a method with
    branches.

    Not repeated from the reference: it has no entropy term, and switches the cross-entropy of
    whichever modality is behind, however little, fully on.

    Raises
    ------
    ValueError
        The task is a regression.
    """

    requires: ClassVar[tuple[str, ...]] = ("branches",)

    @dataclass(frozen=True)
    class Config:
        """Weights of both terms, and how prototypes move.

        Parameters
        ----------
        alpha, mu
            Weights of the prototypical cross-entropies and of the entropies.
        early
            Training steps with the entropies.
        momentum
            Share of a prototype that a batch leaves as it is.
        """

        alpha: float = search(1.0, low=0.1, high=3.0, log=True)
        mu: float = search(0.1, low=0.01, high=1.0, log=True)
        early: int = 500
        momentum: float = search(0.9, low=0.5, high=0.99)

    prototypes: Tensor
    seen: Tensor

    def __init__(self, inner: FusionMethod, config: Config):
        super().__init__(inner, config)
        count, size = len(self.branches()), classes(self.task)
        # State of training, not of the model: no prediction reads it, and no file keeps it.
        self.register_buffer("prototypes", torch.zeros(count, size, size), persistent=False)
        self.register_buffer("seen", torch.zeros(count, size, dtype=torch.bool), persistent=False)
        self.steps = 0
        self.last: tuple[Tensor, Tensor, Tensor] | None = None

    def corrupt(self, batch: Batch, generator: torch.Generator) -> Batch:
        # The first hook of the next step: losses may be measured twice, prototypes move once.
        if self.last is not None:
            self.prototypes, self.seen = moved(
                self.prototypes, self.seen, *self.last, self.config.momentum
            )
            self.steps, self.last = self.steps + 1, None
        return self.inner.corrupt(batch, generator)

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        terms, branches = self.inner.losses(output, batch), self.branches()
        z = torch.stack([output.auxiliary[branch.logits] for branch in branches.values()])
        counted = torch.stack([known(batch, name) for name in branches])
        if self.training:
            self.last = (z.detach(), batch.labels, counted)
        target = batch.labels.masked_fill(~batch.labelled, 0)
        counted = counted & self.seen[:, target]
        cross, entropy, rho = rebalance(z, self.prototypes, self.seen, batch.labels, counted)
        slow, fast = (1.0 / rho - 1.0).clamp(0.0, 1.0), (rho - 1.0).clamp(0.0, 1.0)
        terms["pmr:prototypes"] = self.config.alpha * (slow * cross).sum()
        if self.steps < self.config.early:
            terms["pmr:entropy"] = -self.config.mu * (fast * entropy).sum()
        return terms

    def flops(
        self, batch: int, lengths: dict[str, int], training: bool = False, **branches: str
    ) -> int:
        """The method's, in training with all branches heard, and 6 B M C^2 for distances."""
        from .blocks import algebra

        cost = super().flops(batch, lengths, training, **branches)
        if branches or not training:
            return cost
        # A difference, a square and a sum for each number of each pair; the same backward.
        distances = 3 * batch * self.prototypes.numel()
        return cost + algebra.heard(self.inner, batch, lengths, "together") + 2 * distances


def rebalance(
    z: Tensor, prototypes: Tensor, seen: Tensor, labels: Tensor, counted: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Prototypical cross-entropies, entropies and ratios rho without gradient, each (M,).

    Parameters
    ----------
    z
        (M, B, E).
    prototypes, seen
        (M, C, E), and which of them there are, (M, C).
    labels
        (B,) int64.
    counted
        (M, B): examples with a label, the modality, and a prototype of their class.
    """
    apart = torch.cdist(z, prototypes, compute_mode="donot_use_mm_for_euclid_dist")
    # A finite number: where no class has a prototype yet, infinities would leave no distribution.
    log_p = (-apart).masked_fill(~seen[:, None], -1e9).log_softmax(-1)
    chosen = true_class(log_p, labels, counted)
    entropy = mean(-(log_p.exp() * log_p).sum(-1), counted)
    rho = ratios(mean(chosen.detach().exp(), counted), counted.any(-1))
    return -mean(chosen, counted), entropy, rho


def moved(
    prototypes: Tensor, seen: Tensor, z: Tensor, labels: Tensor, counted: Tensor, momentum: float
) -> tuple[Tensor, Tensor]:
    """Prototypes (M, C, E) after a batch, and which there are; a first mean is taken whole."""
    target = labels.expand_as(counted).masked_fill(~counted, 0)
    members = functional.one_hot(target, prototypes.shape[1]) * counted[..., None]
    members = members.to(z.dtype).transpose(1, 2)
    counts = members.sum(-1, keepdim=True)
    means = members @ z.masked_fill(~counted[..., None], 0.0) / counts.clamp(min=1.0)
    met = counts > 0
    kept = torch.where(seen[..., None], momentum, 0.0)
    return torch.where(met, torch.lerp(means, prototypes, kept), prototypes), seen | met[..., 0]
