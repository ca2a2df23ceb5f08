"""Multimodal adaptation gate: the other modalities displace the steps of a pivot's transformer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..benchmark.contract import Batch, FusionMethod, Output, Task, search
from ..benchmark.registry import method, two_or_more
from .blocks.dropout import Dropout
from .blocks.frames import Projection
from .blocks.pooling import masked_mean
from .blocks.resampling import resampled
from .blocks.stem import Stem
from .blocks.unimodal import UnimodalConfig, encoder


@method(
    "mag",
    paper="Rahman et al., ACL 2020",
    modalities=two_or_more,
    mark="reference",
    cost="T_p^2 + sum T_m",
)
class MultimodalAdaptationGate(FusionMethod):
    """A pivot's transformer whose steps are displaced by what the other modalities say there.

    For step z in R^d of the pivot and the other modalities' features m at that step (P)::

        g_m   = relu(W_gm [m; z] + b_m)
        H     = sum_m g_m * (W_m m) + b_H
        alpha = min(beta ||z|| / ||H||, 1)
        z'    = dropout(LayerNorm(z + alpha H))

    once, on the steps that enter layer ``injection`` of the transformer: 0, the embedding, is where
    the reference has it for BERT, and 1 for XLNet (R). The displacement is never longer than beta
    times the step itself. Two modalities or more; text is the pivot in the paper.

    Ours (C): the pivot is the modality ``text`` where there is one, otherwise the task's first, and
    can be set. Its transformer is this package's, behind a stem (``blocks/stem.py``) and trained
    with the rest, where the paper fine-tunes a pretrained one; y = W mean over its valid steps.
    With no displacement it is that transformer plain, with a LayerNorm where the gate stands.
    Features are aligned to the pivot's steps, words in the paper, by the mean over the steps of m
    that fall on each, both sequences spread over the example's duration; a step is repeated where
    the pivot has more of them. Image frames pass a small convolutional network first. An absent
    modality is zero and displaces nothing.

    The one bias b_H is the paper's; the reference has one in each W_m, behind the gate (R).

    Raises
    ------
    ValueError
        A pivot that the task does not have, an injection outside 0 to the layers, a negative beta.
    """

    @dataclass(frozen=True)
    class Config(UnimodalConfig):
        """Settings of the pivot's transformer, and of the gate in it.

        Parameters
        ----------
        pivot
            Name of the modality that is displaced; by default ``text``, or the task's first.
        injection
            Layer before which the gate stands: 0 is the embedding, ``layers`` behind the last.
        beta
            Greatest length of a displacement, in lengths of the step.
        gate_dropout
            Rate on displaced steps.
        """

        pivot: str = ""
        injection: int = search(0, choices=(0, 1))
        beta: float = search(1.0, low=0.1, high=2.0, log=True)
        gate_dropout: float = search(0.5, low=0.0, high=0.5)

        def __post_init__(self):
            if not 0 <= self.injection <= self.layers:
                raise ValueError(
                    f"injection {self.injection} lies outside 0 to {self.layers}, the layers"
                )
            if self.beta < 0:
                raise ValueError(f"beta {self.beta} is negative; expected 0 or more")

    small: ClassVar[Mapping[str, Any]] = {"gate_dropout": 0.1}

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        names = task.names
        self.pivot = config.pivot or ("text" if "text" in names else names[0])
        if self.pivot not in names:
            raise ValueError(f"pivot {self.pivot!r} is not one of the task's: {', '.join(names)}")
        width = config.width
        others = {n: m for n, m in task.modalities.items() if n != self.pivot}
        self.stem = Stem(task.modalities[self.pivot], width, config.kernel)
        self.frames = nn.ModuleDict(
            {n: Projection(m, width) for n, m in others.items() if len(m.shape) != 1}
        )
        widths = {n: width if n in self.frames else m.width for n, m in others.items()}
        self.gate = AdaptationGate(width, widths, config.beta, config.gate_dropout)
        self.encoder = encoder(config)
        self.head = nn.Linear(width, len(task.outputs))

    def forward(self, batch: Batch) -> Output:
        mask = batch.mask(self.pivot)
        features = {n: self.features(batch, n) for n in self.task.names if n != self.pivot}
        x = self.encoder.embed(self.stem(batch.visible(self.pivot), mask))
        for i, layer in enumerate(self.encoder.layers):
            if i == self.config.injection:
                x = self.gate(x, features)
            x = layer(x, mask=mask)
        if self.config.injection == len(self.encoder.layers):
            x = self.gate(x, features)
        return Output(self.head(masked_mean(self.encoder.norm(x), mask)))

    def features(self, batch: Batch, name: str) -> Tensor:
        """Features of a modality at the pivot's steps, (B, T_p, D); zero where it is absent."""
        x = batch.visible(name)
        if name in self.frames:
            # A frame of zeros is not a vector of zeros.
            seen = batch.mask(name) & batch.present[name][:, None]
            x = self.frames[name](x).masked_fill(~seen[..., None], 0.0)
        steps = batch.values[self.pivot].shape[1]
        return resampled(x, batch.lengths[name], batch.lengths[self.pivot], steps)

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """B T (24 L d^2 + 4 L T d + sum_m (2 d^2 + 4 D_m d)) for T steps of the pivot."""
        from .blocks import algebra

        config, modalities, width = self.config, self.task.modalities, self.config.width
        steps, pivot = lengths[self.pivot], modalities[self.pivot]
        work = algebra.stem(batch, steps, pivot, width, config.kernel)
        work += algebra.transformer(batch, steps, config)
        for name, modality in modalities.items():
            if name == self.pivot:
                continue
            images = len(modality.shape) != 1
            features = width if images else modality.width
            if images:
                work += algebra.projection(batch * lengths[name], modality, width)
            work += algebra.linear(batch * steps, features + width, width)
            work += algebra.linear(batch * steps, features, width, leaf=not images)
        return (work + algebra.linear(batch, width, len(self.task.outputs))).flops(training)


class AdaptationGate(nn.Module):
    """The gate itself: steps displaced by other modalities' features at the same steps.

    Parameters
    ----------
    width
        Width d of the steps that are displaced.
    others
        Width of the features of each other modality.
    beta, dropout
        Greatest length of a displacement in lengths of the step; rate on the result.
    """

    def __init__(self, width: int, others: Mapping[str, int], beta: float, dropout: float):
        super().__init__()
        self.beta = beta
        self.gates = nn.ModuleDict({n: nn.Linear(d + width, width) for n, d in others.items()})
        self.shifts = nn.ModuleDict({n: nn.Linear(d, width, bias=False) for n, d in others.items()})
        self.bias = nn.Parameter(torch.zeros(width))
        self.norm, self.dropout = nn.LayerNorm(width), Dropout(dropout)

    def forward(self, z: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        """Displace steps (B, T, d) by features (B, T, d_m)."""
        return self.dropout(self.norm(z + self.displacement(z, features)))

    def displacement(self, z: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        """Return alpha H, (B, T, d), of a length of at most beta ||z|| at every step."""
        shift = self.bias.expand_as(z)
        for name, m in features.items():
            gate = functional.relu(self.gates[name](torch.cat([m, z], dim=-1)))
            shift = shift + gate * self.shifts[name](m)
        longest = self.beta * torch.linalg.vector_norm(z, dim=-1, keepdim=True)
        length = torch.linalg.vector_norm(shift, dim=-1, keepdim=True)
        return (longest / length.clamp(min=1e-6)).clamp(max=1.0) * shift
