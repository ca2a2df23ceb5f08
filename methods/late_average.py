"""Late averaging: one transformer a modality, each trained by itself, their logits averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..benchmark.contract import Batch, Branch, FusionMethod, Output, Task, supervised_loss
from ..benchmark.registry import method
from .blocks.unimodal import Unimodal, UnimodalConfig


@method(
    "late-average",
    paper="baseline: unimodal transformers, their logits averaged",
    mark="reconstruction",
    missing="mask",
    cost="sum T_m^2",
)
class LateAverage(FusionMethod):
    """Unimodal transformers trained each by its own loss; the prediction is their logits' mean.

    (C) A sum over modalities represents no interaction between them: on a label that is the sum
    modulo K of two latent symbols it stays at chance, which makes it a negative control. The loss
    is the mean over modalities of their supervised losses, each over the examples that have the
    modality; the mean of the logits is taken over the modalities that are present (over all where
    none is).
    """

    @dataclass(frozen=True)
    class Config(UnimodalConfig):
        """Settings of every transformer."""

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        outputs = len(task.outputs)
        self.encoders = nn.ModuleDict({n: Unimodal(m, config) for n, m in task.modalities.items()})
        self.heads = nn.ModuleDict({n: nn.Linear(config.width, outputs) for n in task.names})

    def forward(self, batch: Batch) -> Output:
        names = self.task.names
        each = {n: self.heads[n](self.encoders[n](batch, n)) for n in names}
        present = torch.stack([batch.present[n] for n in names])
        weight = (present | ~present.any(0)).to(each[names[0]].dtype)[..., None]
        logits = (weight * torch.stack(list(each.values()))).sum(0) / weight.sum(0)
        return Output(logits, {f"logits:{name}": value for name, value in each.items()})

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        each = []
        for name in self.task.names:
            seen = replace(batch, labelled=batch.labelled & batch.present[name])
            each.append(supervised_loss(output.auxiliary[f"logits:{name}"], seen, self.task))
        return {"supervised": torch.stack(each).mean()}

    def branches(self) -> Mapping[str, Branch]:
        return {
            name: Branch(
                (*self.encoders[name].parameters(), *self.heads[name].parameters()),
                f"logits:{name}",
            )
            for name in self.task.names
        }

    def flops(
        self, batch: int, lengths: dict[str, int], training: bool = False, branches: str = ""
    ) -> int:
        """sum_m B T_m (2 D_m d + 2 K d^2 + 24 L d^2 + 4 L T_m d)."""
        from .blocks import algebra

        config, task = self.config, self.task
        heads = len(task.names) * algebra.linear(batch, config.width, len(task.outputs))
        each = algebra.unimodals(batch, lengths, task, config) + heads
        if branches:
            # The loss hears every branch anyway.
            return each.backward if branches == "apart" else 0
        return each.flops(training)
