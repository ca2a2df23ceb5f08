"""MISA: a shared and a private part of every modality, kept apart by losses, fused by attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..benchmark.contract import Batch, FusionMethod, Output, Task, search
from ..benchmark.registry import any_number, method
from .blocks.attention import Encoder
from .blocks.discrepancy import central_moment_discrepancy
from .blocks.unimodal import Perceptron, Unimodal, UnimodalConfig


@method(
    "misa",
    paper="Hazarika et al., ACM MM 2020",
    modalities=any_number,
    mark="reference",
    missing="mask",
    cost="sum T_m^2",
)
class Misa(FusionMethod):
    """Modality-invariant and modality-specific representations of every modality, fused.

    For modalities 1 to M (P, R)::

        u_m = LayerNorm(relu(W_m x_m))                   common width d
        c_m = sigmoid(W_c u_m),  p_m = sigmoid(W_pm u_m)  shared encoder, private encoders
        u^_m = W_dm (c_m + p_m)                          decoder
        y = MLP(Transformer([p_1 ... p_M, c_1 ... c_M]) concatenated)

        loss = task + a L_similarity + b L_difference + c L_reconstruction
        L_similarity      mean over pairs of CMD_5(c_m, c_n)
        L_difference      sum of D(p_m, c_m) over m and of D(p_m, p_n) over pairs
        L_reconstruction  mean over m of the mean squared error of u^_m

    CMD is the central moment discrepancy on [0, 1]; D(X, Y) = ||X' Y||_F^2 / d^2 of the batch's
    vectors as rows, centred and then each of length one; the factor 1 / d^2 is the reference's
    alone, and b is chosen for it (R). Weights (a, b, c) = (1, .3, 1), an MLP with one hidden layer
    M d wide, ReLU and dropout, a transformer of one layer (R; the losses read in copies of the
    reference).

    Ours (C): x_m is the mean over the steps of a transformer, where the reference has BERT and
    two-layer LSTMs; the fusing layer is pre-LayerNorm with a feed-forward width of 4d. With one
    modality there is no similarity. Absent modalities take no part: in the losses each statistic is
    over the examples that have what it compares, in the fusion their two vectors are neither
    attended to nor read.

    Trained from scratch with those weights, similarity and reconstruction make each u_m the same
    for every example before the task is heard, where a modality by itself says nothing of the
    label: at size ``small``, 1,500 clips of ``simulated:synergy`` and 25 epochs end at chance (.35,
    two seeds), with weights a tenth as great at 1.00, so that size has those (C).

    On ``simulated:lag`` at that size and 30 epochs it learns in some seeds and stays at chance in
    others (``results/reference/simulated``): both modalities reach the fusion as one vector each,
    so that the time between their events must stand in those two means, which the same losses
    flatten.

    Not repeated from the reference: a discriminator that no loss trains, and a CMD whose gradient
    is not a number where two moments agree.
    """

    @dataclass(frozen=True)
    class Config(UnimodalConfig):
        """Settings of every transformer, and the weights of the losses.

        Parameters
        ----------
        similarity, difference, reconstruction
            Weights a, b and c.
        """

        similarity: float = search(1.0, low=0.01, high=1.0, log=True)
        difference: float = search(0.3, low=0.01, high=1.0, log=True)
        reconstruction: float = search(1.0, low=0.01, high=1.0, log=True)

    # A tenth of the reference's, so that the task is heard before the vectors are all alike.
    small: ClassVar[Mapping[str, Any]] = {
        "similarity": 0.1,
        "difference": 0.03,
        "reconstruction": 0.1,
    }

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        width, names = config.width, task.names
        self.encoders = nn.ModuleDict({n: Unimodal(m, config) for n, m in task.modalities.items()})
        self.project = nn.ModuleDict({n: nn.Linear(width, width) for n in names})
        self.norms = nn.ModuleDict({n: nn.LayerNorm(width) for n in names})
        self.shared = nn.Linear(width, width)
        self.private = nn.ModuleDict({n: nn.Linear(width, width) for n in names})
        self.decoders = nn.ModuleDict({n: nn.Linear(width, width) for n in names})
        self.fusion = Encoder(
            width,
            config.heads,
            1,
            attention_dropout=0.0,
            relu_dropout=config.dropout,
            residual_dropout=config.dropout,
            embedding_dropout=0.0,
            positions=False,
            scaled=False,
        )
        joint = width * len(names)
        self.head = Perceptron(2 * joint, joint, len(task.outputs), config.dropout)

    def forward(self, batch: Batch) -> Output:
        parts: dict[str, Tensor] = {}
        for name, unimodal in self.encoders.items():
            u = self.norms[name](functional.relu(self.project[name](unimodal(batch, name))))
            shared = self.shared(u).sigmoid()
            private = self.private[name](u).sigmoid()
            parts |= {
                f"unimodal:{name}": u,
                f"shared:{name}": shared,
                f"private:{name}": private,
                f"decoded:{name}": self.decoders[name](shared + private),
            }
        return Output(self.fuse(parts, batch), parts)

    def fuse(self, parts: dict[str, Tensor], batch: Batch) -> Tensor:
        """Return the logits (B, outputs) of the private and shared vectors (B, d) together."""
        names = self.task.names
        vectors = [parts[f"{kind}:{name}"] for kind in ("private", "shared") for name in names]
        seen = torch.stack([batch.present[name] for name in names], dim=1).repeat(1, 2)
        # An example without any modality attends to all, so that no row is empty, and reads none.
        attended = seen | ~seen.any(1, keepdim=True)
        fused = self.fusion(torch.stack(vectors, dim=1), mask=attended)
        return self.head(fused.masked_fill(~seen[..., None], 0.0).flatten(1))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        config, parts, names = self.config, output.auxiliary, self.task.names
        present = batch.present
        terms = super().losses(output, batch)
        pairs = list(combinations(names, 2))
        if pairs:
            similarity = [
                central_moment_discrepancy(
                    parts[f"shared:{m}"], parts[f"shared:{n}"], present[m], present[n]
                )
                for m, n in pairs
            ]
            terms["similarity"] = config.similarity * mean(similarity)
        apart = [
            difference(parts[f"private:{n}"], parts[f"shared:{n}"], present[n]) for n in names
        ] + [
            difference(parts[f"private:{m}"], parts[f"private:{n}"], present[m] & present[n])
            for m, n in pairs
        ]
        decoded = [
            reconstruction(parts[f"decoded:{n}"], parts[f"unimodal:{n}"], present[n]) for n in names
        ]
        terms["difference"] = config.difference * torch.stack(apart).sum()
        terms["reconstruction"] = config.reconstruction * mean(decoded)
        return terms

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """sum_m B T_m (2 D_m d + 2 K d^2 + 24 L d^2 + 4 L T_m d), the parts and their fusion."""
        from .blocks import algebra

        config, task, width = self.config, self.task, self.config.width
        count = len(task.names)
        joint = count * width
        work = algebra.unimodals(batch, lengths, task, config)
        work += 4 * count * algebra.linear(batch, width, width)
        work += algebra.layer(batch, 2 * count, width)
        work += algebra.perceptron(batch, 2 * joint, joint, len(task.outputs))
        if training:
            pairs = count * (count - 1) // 2
            # Five moments of each of the two; then X' Y.
            work += pairs * 10 * algebra.product(1, batch, width, gradients=1)
            work += (count + pairs) * algebra.product(width, batch, width)
        return work.flops(training)


def mean(terms: Sequence[Tensor]) -> Tensor:
    """Mean of several scalars."""
    return torch.stack(tuple(terms)).mean()


def difference(x: Tensor, y: Tensor, kept: Tensor) -> Tensor:
    """Overlap ||X' Y||_F^2 / d^2 of two vectors of the same examples, (B, d) each.

    Rows are centred over the kept examples (B,) and then scaled to length one. It is zero where
    every column of X is orthogonal to every one of Y, and for one example alone.
    """
    weight = kept.to(x.dtype)[:, None]
    count = weight.sum().clamp(min=1.0)
    x, y = (
        functional.normalize((v - (v * weight).sum(0) / count) * weight, dim=1, eps=1e-6)
        for v in (x, y)
    )
    return (x.T @ y).square().mean()


def reconstruction(found: Tensor, wanted: Tensor, kept: Tensor) -> Tensor:
    """Mean squared error of vectors (B, d) over the kept examples (B,); zero where none is."""
    weight = kept.to(found.dtype)
    return ((found - wanted).square().mean(1) * weight).sum() / weight.sum().clamp(min=1.0)
