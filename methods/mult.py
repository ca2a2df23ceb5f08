"""MulT: every modality attends to every other, whatever their lengths and rates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..benchmark.contract import Batch, FusionMethod, Modality, Output, Task, search
from ..benchmark.registry import any_number, method
from .blocks.attention import Encoder
from .blocks.dropout import Dropout
from .blocks.frames import Projection
from .blocks.grouped import side_by_side
from .blocks.pooling import last_step


@method(
    "mult",
    paper="Tsai et al., ACL 2019",
    modalities=any_number,
    mark="reference",
    cost="sum T_m T_n",
)
class MulT(FusionMethod):
    """Multimodal transformer: directional cross-modal attention between unaligned sequences.

    For modalities X_1 to X_M of unequal lengths (P, R)::

        x_m = Conv1d(X_m), to width d, without bias
        z_(n->m) = Cross_D(Q = x_m, KV = x_n)  for every n != m
        h_m = last(Self_max(D, 3)([z_(n->m) for n != m]))  at width (M - 1) d
        h = [h_1 ... h_M],  y = W (h + W2 relu(W1 h))

    Both kinds of encoder multiply their input by sqrt(d) and add sinusoidal positions, are
    pre-LayerNorm with a feed-forward width of 4d, and end in a LayerNorm. Every cross block's keys
    and values are the source's embedding (its layer 0) behind the LayerNorm of the query (R). With
    d = 30, D = 5 and kernel 1 the reference has 1,073,731 parameters for widths 300, 74 and 35 and
    one output. Nothing attends from a modality to itself before the encoders Self.

    Width, layers and heads are the paper's for CMU-MOSI and IEMOCAP (P), kernel 1 and the rates of
    dropout the reference's (R); size ``small`` drops neither attention nor embeddings (C).

    Ours (C): the convolution's weights are drawn sqrt(d) smaller than torch's default, which makes
    up for the factor sqrt(d): without that a standardised input drowns its positions (.53 of
    subjects left out of UTD-MHAD are right, .68 with it, at size ``small``). One rate of attention
    dropout for all modalities, where the reference has one where text is the source and in the
    encoders Self, and none elsewhere. A convolution wider than one step pads with zeros at both
    ends, so that every length is kept and T = 1 works; with one modality, Self encodes the
    projected sequence; image frames pass a small convolutional network first. The reference's
    dropout on the raw text, before its projection, is left out.

    Not repeated from the reference: attention to padding and a readout at the last step whether
    padded or not, positions that skip every step whose first feature is exactly zero, and a causal
    mask by default (``causal=True`` has it).
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of MulT.

        Parameters
        ----------
        width, layers, heads
            Width d of a stream, blocks D of a cross encoder, heads of every attention.
        kernel
            Steps that the projecting convolution sees, an odd number.
        causal
            Whether attention is barred from later steps.
        attention_dropout, relu_dropout, residual_dropout, embedding_dropout, output_dropout
            Rates on attention weights, inside the feed-forward nets, on each sublayer's update, on
            embedded steps, and inside the last perceptron.
        """

        # Widths that 10 heads divide, and the small size's 4.
        width: int = search(40, choices=(20, 40, 80))
        layers: int = search(4, low=1, high=6)
        heads: int = 10
        kernel: int = search(1, choices=(1, 3, 5))
        causal: bool = False
        attention_dropout: float = search(0.1, low=0.0, high=0.4)
        relu_dropout: float = 0.1
        residual_dropout: float = 0.1
        embedding_dropout: float = search(0.25, low=0.0, high=0.5)
        output_dropout: float = search(0.0, low=0.0, high=0.5)

        def __post_init__(self):
            for name in ("width", "layers", "heads", "kernel"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} {getattr(self, name)} is not positive")
            if self.kernel % 2 == 0:
                raise ValueError(f"kernel {self.kernel} is even; an odd one keeps steps in place")

    # At width 32 dropping embeddings costs another .08 on UTD-MHAD.
    small: ClassVar[Mapping[str, Any]] = {"attention_dropout": 0.0, "embedding_dropout": 0.0}

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        width, names = config.width, task.names
        self.project = nn.ModuleDict(
            {name: Convolution(m, width, config.kernel) for name, m in task.modalities.items()}
        )
        self.cross = nn.ModuleDict(
            {
                target: nn.ModuleDict(
                    {n: self.stack(width, config.layers) for n in names if n != target}
                )
                for target in names
            }
        )
        fused = width * max(len(names) - 1, 1)
        depth = max(config.layers, 3)
        self.encoders = nn.ModuleDict({name: self.stack(fused, depth) for name in names})
        joint = fused * len(names)
        self.hidden = nn.ModuleList([nn.Linear(joint, joint), nn.Linear(joint, joint)])
        self.dropout = Dropout(config.output_dropout)
        self.out = nn.Linear(joint, len(task.outputs))

    def stack(self, width: int, layers: int) -> Encoder:
        """Build an encoder of some width and depth; everything else is a setting."""
        config = self.config
        return Encoder(
            width,
            config.heads,
            layers,
            attention_dropout=config.attention_dropout,
            relu_dropout=config.relu_dropout,
            residual_dropout=config.residual_dropout,
            embedding_dropout=config.embedding_dropout,
        )

    def forward(self, batch: Batch) -> Output:
        names = self.task.names
        streams = {n: self.project[n](batch.visible(n), batch.mask(n)) for n in names}
        encoded = self.encode(self.crossed(streams, batch), batch)
        h = torch.cat([last_step(encoded[n], batch.lengths[n]) for n in names], dim=-1)
        update = self.hidden[1](self.dropout(functional.relu(self.hidden[0](h))))
        return Output(self.out(h + update))

    def crossed(self, streams: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Encode each modality from every other one: (B, T_m, (M - 1) d), or d where it is alone.

        Pairs of equal padded lengths run side by side.
        """
        cross: Any = self.cross
        groups: dict[tuple[int, int], list[tuple[str, str]]] = {}
        for target, sources in cross.items():
            for source in sources:
                shape = (streams[target].shape[1], streams[source].shape[1])
                groups.setdefault(shape, []).append((target, source))
        parts = {}
        for pairs in groups.values():
            out = side_by_side(
                [cross[target][source] for target, source in pairs],
                torch.stack([streams[target] for target, _ in pairs]),
                torch.stack([streams[source] for _, source in pairs]),
                torch.stack([self.seen(batch, target, source) for target, source in pairs]),
            )
            parts.update(zip(pairs, out.unbind(), strict=True))
        if not parts:
            return dict(streams)
        return {t: torch.cat([parts[t, s] for s in cross[t]], dim=-1) for t in cross}

    def encode(self, crossed: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Encode each modality's crossed streams by self-attention, equal lengths side by side."""
        groups: dict[int, list[str]] = {}
        for name, stream in crossed.items():
            groups.setdefault(stream.shape[1], []).append(name)
        encoders: Any = self.encoders
        encoded = {}
        for names in groups.values():
            x = torch.stack([crossed[n] for n in names])
            masks = torch.stack([self.seen(batch, n, n) for n in names])
            out = side_by_side([encoders[n] for n in names], x, None, masks)
            encoded.update(zip(names, out.unbind(), strict=True))
        return encoded

    def seen(self, batch: Batch, target: str, source: str) -> Tensor:
        """Steps of the source that the target may attend to: (B, T_s), or causal (B, T_t, T_s).

        Step i sees steps up to i + |L_t - L_s|: the reference's rule, whose lengths are the padded
        ones there and each example's own here.
        """
        valid = batch.mask(source)
        if not self.config.causal:
            return valid
        shift = (batch.lengths[target] - batch.lengths[source]).abs()
        query = torch.arange(batch.values[target].shape[1], device=valid.device)
        key = torch.arange(valid.shape[1], device=valid.device)
        return valid[:, None] & (key <= query[:, None] + shift[:, None, None])

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """B d sum_m T_m (sum_n (4 D T_n + 24 D d) + (M - 1) D' (4 T_m + 24 (M - 1) d)), D' self."""
        from .blocks import algebra

        config, task, width = self.config, self.task, self.config.width
        fused, depth = width * max(len(task.names) - 1, 1), max(config.layers, 3)
        work = algebra.Work()
        for target, modality in task.modalities.items():
            steps, images = lengths[target], len(modality.shape) != 1
            rows, channels = batch * steps, width if images else modality.width
            if images:
                work += algebra.projection(rows, modality, width)
            work += algebra.convolution(rows, config.kernel, channels, width, leaf=not images)
            for source in (n for n in task.names if n != target):
                work += config.layers * algebra.layer(batch, steps, width, lengths[source])
            work += depth * algebra.layer(batch, steps, fused)
        joint = fused * len(task.names)
        work += algebra.perceptron(batch, joint, joint, joint, len(task.outputs))
        return work.flops(training)


class Convolution(nn.Module):
    """Temporal convolution without bias to the model width; every length is kept."""

    def __init__(self, modality: Modality, width: int, kernel: int):
        super().__init__()
        vectors = len(modality.shape) == 1
        self.frames = None if vectors else Projection(modality, width)
        channels = modality.width if vectors else width
        self.convolution = nn.Conv1d(channels, width, kernel, padding=kernel // 2, bias=False)
        with torch.no_grad():
            # The encoders multiply by sqrt(d), meant for embeddings drawn that much smaller:
            # otherwise a standardised input drowns its positions.
            self.convolution.weight.div_(math.sqrt(width))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, *shape), zeros in the padding, and its mask (B, T) -> (B, T, d)."""
        if self.frames is not None:
            # A frame of zeros is not a vector of zeros, and a wide kernel would reach it.
            x = self.frames(x).masked_fill(~mask[..., None], 0.0)
        return self.convolution(x.transpose(1, 2)).transpose(1, 2)
