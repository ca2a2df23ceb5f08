"""Husformer: every modality attends to all modalities at once, then all of them to one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..benchmark.contract import Batch, FusionMethod, Output, Task, search
from ..benchmark.registry import any_number, method
from .blocks.attention import Encoder
from .blocks.dropout import Dropout
from .blocks.frames import Projection
from .blocks.pooling import masked_mean


@method(
    "husformer",
    paper="Wang et al., IEEE TCDS 2024",
    modalities=any_number,
    mark="reference",
    cost="(sum T_m)^2",
)
class Husformer(FusionMethod):
    """Cross-attention from each modality to all of them in a row, then self-attention over all.

    With x_m of width d and all sequences concatenated in time, for M modalities (P, R)::

        Z = [x_1 ... x_M]                                  (B, sum T_m, d)
        h_m = Cross_D(Q = x_m, KV = Z),  its own modality among the keys
        H = Self_D([h_1 ... h_M]),  y = W mean(H) + b

    Encoders are MulT's (positions, pre-LayerNorm, feed-forward width 4d, memory at its layer 0,
    final LayerNorm): 56,010 parameters each at d = 30, D = 5 (R). In classification the focal loss
    of Lin et al. (ICCV 2017) with a weight alpha for each class (P)::

        L = sum_i alpha_y (1 - p_y)^gamma (-log p_y) / sum_i alpha_y,  gamma 2 or 3

    and the squared error in regression. Width, depth, heads and rates of dropout are the
    reference's (R); the paper's table has d = 40, which its 3 heads do not divide.

    Ours (C): the paper sets alpha by hand for each corpus. So can ``class_weights``; otherwise
    alpha is one over a class's count among the batch's labelled examples, all that a loss sees, so
    that L is the mean over the batch's classes of each one's mean. Each sequence in a row has
    positions of its own: counted through, they would depend on another's padding. A masked mean
    over all steps, where the reference weights each step of its fixed lengths by a 1x1
    convolution; dropout on it. The projection has a bias, and its output is not multiplied by
    sqrt(d), which standardised features do not need (see MulT). Size ``small`` drops neither
    attention nor embeddings. Image frames pass a small convolutional network first.

    Not repeated from the reference: a causal mask by default, attention to padding, a residual
    perceptron that is computed and then left out of the prediction, and depths under five (self)
    or three (cross) that are silently raised to these.
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of Husformer.

        Parameters
        ----------
        width, layers, heads
            Width d of a stream, blocks D of every encoder, heads of every attention.
        gamma
            Exponent of the focal loss; 0 is cross-entropy.
        class_weights
            alpha for each class in the task's order; empty: balanced in every batch.
        attention_dropout, relu_dropout, residual_dropout, embedding_dropout, output_dropout
            Rates on attention weights, inside the feed-forward nets, on each sublayer's update, on
            embedded steps, and on the pooled vector.
        """

        # Widths that 3 heads divide, and the small size's 4.
        width: int = search(30, choices=(24, 36, 60))
        layers: int = search(5, low=1, high=6)
        heads: int = 3
        gamma: float = search(2.0, low=2.0, high=3.0)
        class_weights: tuple[float, ...] = ()
        attention_dropout: float = search(0.05, low=0.0, high=0.4)
        relu_dropout: float = 0.1
        residual_dropout: float = 0.1
        embedding_dropout: float = search(0.1, low=0.0, high=0.5)
        output_dropout: float = 0.1

        def __post_init__(self):
            if self.gamma < 0:
                raise ValueError(f"gamma {self.gamma} is negative")
            if any(weight <= 0 for weight in self.class_weights):
                raise ValueError(f"class_weights {self.class_weights} are not all positive")

    small: ClassVar[Mapping[str, Any]] = {"attention_dropout": 0.0, "embedding_dropout": 0.0}

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        given, classes = len(config.class_weights), len(task.outputs)
        if given and (task.kind != "classification" or given != classes):
            raise ValueError(
                f"class_weights has {given} numbers; expected one for each of the task's "
                f"{classes if task.kind == 'classification' else 0} classes"
            )
        names = task.names
        self.project = nn.ModuleDict(
            {name: Projection(m, config.width) for name, m in task.modalities.items()}
        )
        self.cross = nn.ModuleDict({name: stack(config) for name in names})
        self.encoder = stack(config)
        self.dropout = Dropout(config.output_dropout)
        self.head = nn.Linear(config.width, classes)

    def forward(self, batch: Batch) -> Output:
        names = self.task.names
        streams = [self.project[name](batch.visible(name)) for name in names]
        mask = torch.cat([batch.mask(name) for name in names], dim=1)
        crossed = [
            encode(self.cross[name], [x], mask, streams)
            for name, x in zip(names, streams, strict=True)
        ]
        pooled = masked_mean(encode(self.encoder, crossed, mask), mask)
        return Output(self.head(self.dropout(pooled)))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        if self.task.kind != "classification":
            return super().losses(output, batch)
        logits = output.logits
        labels = batch.labels.masked_fill(~batch.labelled, 0)
        if self.config.class_weights:
            alpha = torch.tensor(self.config.class_weights, device=logits.device)
        else:
            alpha = balanced(labels, batch.labelled, logits.shape[1])
        weights = alpha.to(logits.dtype)[labels] * batch.labelled
        return {"focal": focal_loss(logits, labels, weights, self.config.gamma)}

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """B d D T (8 T + (44 + 4 M) d) for T = sum_m T_m."""
        from .blocks import algebra

        config, width = self.config, self.config.width
        steps = sum(lengths[n] for n in self.task.names)
        work = config.layers * algebra.layer(batch, steps, width)
        for name, modality in self.task.modalities.items():
            work += algebra.projection(batch * lengths[name], modality, width)
            work += config.layers * algebra.layer(batch, lengths[name], width, steps)
        return (work + algebra.linear(batch, width, len(self.task.outputs))).flops(training)


def stack(config: Husformer.Config) -> Encoder:
    """Build an encoder of these settings."""
    return Encoder(
        config.width,
        config.heads,
        config.layers,
        attention_dropout=config.attention_dropout,
        relu_dropout=config.relu_dropout,
        residual_dropout=config.residual_dropout,
        embedding_dropout=config.embedding_dropout,
        scaled=False,
    )


def encode(
    encoder: Any, parts: Sequence[Tensor], mask: Tensor, memories: Sequence[Tensor] = ()
) -> Tensor:
    """Encode sequences (B, T_n, d) in a row, each embedded with positions of its own.

    Parameters
    ----------
    parts
        What is encoded.
    mask
        (B, sum of T_n) of the memories, or of the parts where there are none.
    memories
        What every layer attends to.
    """
    x = torch.cat([encoder.embed(part) for part in parts], dim=1)
    memory = torch.cat([encoder.embed(m) for m in memories], dim=1) if memories else None
    for layer in encoder.layers:
        x = layer(x, memory, mask)
    return encoder.norm(x)


def balanced(labels: Tensor, labelled: Tensor, classes: int) -> Tensor:
    """One over each class's count (C,) among labelled examples, for labels (B,) int64."""
    held = labels[:, None] == torch.arange(classes, device=labels.device)
    return 1.0 / (held & labelled[:, None]).sum(0).clamp(min=1)


def focal_loss(logits: Tensor, labels: Tensor, weights: Tensor, gamma: float) -> Tensor:
    """Focal loss, weighted by example and divided by the sum of the weights; zero without any.

    Parameters
    ----------
    logits, labels
        (B, C), and classes (B,) int64.
    weights
        (B,): alpha of each example's class, zero where an example does not count.
    gamma
        Exponent of 1 - p; with 0 the loss is the weighted cross-entropy.
    """
    log_p = -functional.cross_entropy(logits, labels, reduction="none")
    # Of an example that is as good as certain, 1 - p rounds to zero, where a root has no slope.
    wrong = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
    total = weights.sum()
    each = -weights * wrong.pow(gamma) * log_p
    return each.sum() / total.where(total > 0, torch.ones_like(total))
