"""AuxFormer: a cross-attention network and auxiliary unimodal ones, trained by shared losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..benchmark.contract import (
    Batch,
    Branch,
    FusionMethod,
    Modality,
    Output,
    Task,
    search,
    supervised_loss,
)
from ..benchmark.registry import any_number, method
from .blocks.attention import Encoder
from .blocks.dropout import Dropout
from .blocks.frames import Projection
from .blocks.pooling import last_step
from .blocks.scalar import ScalarEncoder

PASSES = 3  # times that an auxiliary encoder is applied to its own output

Visit = Callable[[str, str, Tensor], Tensor]
"""Called with (stack, modality, hidden layer) at each level; what it returns goes on upwards."""


@method(
    "auxformer",
    paper="Goncalves and Busso, ICASSP 2022",
    modalities=any_number,
    mark="reference",
    cost="T_m sum_n T_n",
)
class AuxFormer(FusionMethod):
    """Cross-attention between modalities beside tied unimodal networks, three losses averaged.

    With two modalities, widths d, sequences A and V (P, R)::

        main:  s_A = last(Self_A(Cross_A(Q = A, KV = V))),  s_V mirrored
               r = [s_A; s_V],  y = head(r + W2 relu(W1 r))
        aux:   a = last(E_A(E_A(E_A(A)))),  y_A = head'(a + MLP(a)), MLP d-512-256-d
               the same for V; MLP and head' shared by both
        loss   (CE(y) + CE(y_A) + CE(y_V)) / 3,  prediction (y + y_A + y_V) / 3

    Cross encoders have sinusoidal positions and no attention dropout; the encoders Self mix their
    residual by a learned scalar, x <- alpha x + (1 - alpha) sublayer(LN x); E has neither (R). A
    modality whose width is d already is not projected, others by a 1x1 convolution without bias
    (R). 7,038,632 parameters for audio 130-D and video 4096-D in six classes (R).

    Training zeroes a whole batch's modality: at .4 of the batches one of them, so .2 each with two
    (R). It leaves an example alone that has no other modality (C).

    Ours (C): with more than two modalities a target's cross encoder attends to all others, each
    embedded with its own positions and put one after the other in time; with one modality it
    attends to itself, and nothing is zeroed. The width 512-256 of the auxiliary MLP is a setting.
    A projection's weights are drawn sqrt(d) smaller than torch's default, which makes up for the
    encoders' factor sqrt(d), as in ``mult``; size ``small`` drops neither attention nor embeddings.
    On ``simulated:synergy`` at width 16 torch's weights stay near chance for 8 epochs; with these
    .90 and .95 of the held-out clips are right after 20.

    Not repeated from the reference: a readout at the last step whether padded or not, attention to
    padding, a causal mask by default, and modality zeroing in validation.
    """

    @dataclass(frozen=True)
    class Config(FusionMethod.Config):
        """Width d, sizes and dropout rates; ``modality_drop`` is the share of zeroed batches."""

        # Widths that both 10 heads and the small size's 4 divide.
        width: int = search(130, choices=(20, 40, 80, 160))
        layers: int = search(5, low=1, high=6)
        heads: int = 10
        hidden: int = 512
        attention_dropout: float = 0.1
        relu_dropout: float = 0.1
        residual_dropout: float = 0.1
        embedding_dropout: float = search(0.25, low=0.0, high=0.4)
        output_dropout: float = search(0.2, low=0.0, high=0.4)
        modality_drop: float = search(0.4, low=0.0, high=0.6)

        def __post_init__(self):
            if not 0.0 <= self.modality_drop <= 1.0:
                raise ValueError(f"modality_drop {self.modality_drop} lies outside [0, 1]")

        @property
        def rates(self) -> Mapping[str, Any]:
            """Dropout rates of a self-encoder."""
            return {
                "attention_dropout": self.attention_dropout,
                "relu_dropout": self.relu_dropout,
                "residual_dropout": self.residual_dropout,
                "embedding_dropout": self.embedding_dropout,
            }

    small: ClassVar[Mapping[str, Any]] = {
        "hidden": 128,
        "attention_dropout": 0.0,
        "embedding_dropout": 0.0,
    }

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        width, names, classes = config.width, task.names, len(task.outputs)
        shape = (width, config.heads, config.layers)
        self.projections = nn.ModuleDict(
            {name: projection(m, width) for name, m in task.modalities.items()}
        )
        self.cross = nn.ModuleDict({n: Cross(config) for n in names})
        self.self_encoders = nn.ModuleDict(
            {n: ScalarEncoder(*shape, **config.rates) for n in names}
        )
        self.auxiliary = nn.ModuleDict(
            {n: Encoder(*shape, **config.rates, positions=False) for n in names}
        )
        joint = width * len(names)
        self.readout = Residual((joint, joint, joint), config.output_dropout)
        self.head = nn.Linear(joint, classes)
        narrow = (width, config.hidden, max(1, config.hidden // 2), width)
        self.auxiliary_readout = Residual(narrow, config.output_dropout)
        self.auxiliary_head = nn.Linear(width, classes)

    def forward(self, batch: Batch) -> Output:
        return output(self.predictions(batch))

    def predictions(self, batch: Batch, visit: Visit | None = None) -> dict[str, Tensor]:
        """Return the logits (B, outputs) of the main network and of each auxiliary one.

        ``visit`` sees, and may change, every level: per modality the ``"input"`` that both networks
        share, then the two encoders' outputs of the ``"fused"`` stream and the three passes'
        outputs of the ``"unimodal"`` stack.
        """
        see = visit or untouched
        names = self.task.names
        masks = {n: batch.mask(n) for n in names}
        inputs = {n: see("input", n, self.projections[n](batch.visible(n))) for n in names}
        parts = []
        for name in names:
            others = [n for n in names if n != name] or [name]
            memories, mask = [inputs[n] for n in others], torch.cat([masks[n] for n in others], 1)
            x = see("fused", name, self.cross[name](inputs[name], memories, mask))
            x = see("fused", name, self.self_encoders[name](x, mask=masks[name]))
            parts.append(last_step(x, batch.lengths[name]))
        logits = {"main": self.head(self.readout(torch.cat(parts, dim=1)))}
        for name in names:
            x = inputs[name]
            for _ in range(PASSES):
                x = see("unimodal", name, self.auxiliary[name](x, mask=masks[name]))
            last = last_step(x, batch.lengths[name])
            logits[auxiliary(name)] = self.auxiliary_head(self.auxiliary_readout(last))
        return logits

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        names = ("main", *(auxiliary(n) for n in self.task.names))
        each = [supervised_loss(output.auxiliary[n], batch, self.task) for n in names]
        return {"supervised": torch.stack(each).mean()}

    def corrupt(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Zero one modality of the whole batch, or none; one draw decides, with equal chances."""
        names = self.task.names
        share = self.config.modality_drop / len(names)
        draw = torch.rand((), generator=generator, device=generator.device).to(batch.device)
        present = torch.stack([batch.present[n] for n in names])
        for i, name in enumerate(names):
            hit = (draw >= i * share) & (draw < (i + 1) * share)
            others = present.sum(0) > present[i].long()
            batch = batch.without(name, hit & others)
        return batch

    def branches(self) -> Mapping[str, Branch]:
        """By modality its projection and auxiliary encoder, which no other modality feeds."""
        return {
            n: Branch(
                (*self.projections[n].parameters(), *self.auxiliary[n].parameters()), auxiliary(n)
            )
            for n in self.task.names
        }

    def flops(
        self, batch: int, lengths: dict[str, int], training: bool = False, branches: str = ""
    ) -> int:
        """4 B d L sum_m T_m (4 T_m + sum_(n != m) T_n): cross, self and three passes; then 24 d."""
        from .blocks import algebra

        config, width, names = self.config, self.config.width, self.task.names
        outputs, hidden = len(self.task.outputs), config.hidden
        main = inputs = alone = algebra.Work()
        for name, modality in self.task.modalities.items():
            steps = lengths[name]
            if modality.shape != (width,):
                inputs += algebra.projection(batch * steps, modality, width)
            memory = sum(lengths[n] for n in names if n != name) or steps
            own = algebra.layer(batch, steps, width)
            main += config.layers * (algebra.layer(batch, steps, width, memory) + own)
            alone += PASSES * config.layers * own
            narrow = (width, hidden, max(1, hidden // 2), width, outputs)
            alone += algebra.perceptron(batch, *narrow)
        joint = width * len(names)
        main += algebra.perceptron(batch, joint, joint, joint, outputs)
        if branches:
            # The loss hears every branch anyway.
            return (inputs + alone).backward if branches == "apart" else 0
        return (inputs + main + alone).flops(training)


class Cross(nn.Module):
    """Encoder with positions that attends to several memories, one after the other in time."""

    def __init__(self, config: AuxFormer.Config):
        super().__init__()
        rates = {**config.rates, "attention_dropout": 0.0}
        self.encoder = Encoder(config.width, config.heads, config.layers, **rates)

    def forward(self, x: Tensor, memories: Sequence[Tensor], mask: Tensor) -> Tensor:
        """Encode x (B, T, d) from memories (B, T_n, d), with their mask (B, sum of T_n)."""
        # Embedded one by one: positions behind another memory would depend on its padding.
        memory = torch.cat([self.encoder.embed(m) for m in memories], dim=1)
        x = self.encoder.embed(x)
        for layer in self.encoder.layers:
            x = layer(x, memory, mask)
        return self.encoder.norm(x)


class Residual(nn.Module):
    """Multilayer perceptron with ReLU and dropout between its layers, added to its input."""

    def __init__(self, widths: tuple[int, ...], dropout: float):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.layers[0](x)
        for layer in self.layers[1:]:
            hidden = layer(self.dropout(functional.relu(hidden)))
        return x + hidden


def projection(modality: Modality, width: int) -> nn.Module:
    """Map steps to the model width: 1x1 convolution, nothing at that width, or a net for frames."""
    if len(modality.shape) != 1:
        return Projection(modality, width)
    if modality.width == width:
        return nn.Identity()
    linear = nn.Linear(modality.width, width, bias=False)
    with torch.no_grad():
        # The encoders multiply by sqrt(d), as in MulT: a standardised input would drown its
        # positions.
        linear.weight.div_(math.sqrt(width))
    return linear


def output(logits: Mapping[str, Tensor]) -> Output:
    """Predict the mean of all logits, and keep each of them for the losses."""
    return Output(torch.stack(tuple(logits.values())).mean(0), logits)


def auxiliary(name: str) -> str:
    """Name of a modality's auxiliary logits."""
    return f"auxiliary:{name}"


def untouched(stack: str, modality: str, hidden: Tensor) -> Tensor:  # noqa: ARG001
    """Visit a level and leave it as it is."""
    return hidden
