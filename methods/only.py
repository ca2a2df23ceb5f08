"""One modality alone: what a fusion method has to beat."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ..benchmark.contract import Batch, FusionMethod, Output, Task
from ..benchmark.registry import method
from .blocks.unimodal import Unimodal, UnimodalConfig


@method(
    "only",
    paper="baseline: a transformer on one modality",
    mark="reconstruction",
    cost="T_m^2",
    argument="modality",
)
class Only(FusionMethod):
    """One modality alone, the others unread: ``only:audio``.

    (C) One branch of ``late-concat``: h is the mean over the valid steps of a pre-LayerNorm
    transformer with sinusoidal positions behind a stem (``blocks/stem.py``), y = W h + b.

    Raises
    ------
    ValueError
        The task has no such modality.
    """

    @dataclass(frozen=True)
    class Config(UnimodalConfig):
        """Settings of the transformer, and the modality's name."""

        modality: str = ""

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        if config.modality not in task.modalities:
            raise ValueError(
                f"modality {config.modality!r} is not one of the task's: {', '.join(task.names)}"
            )
        self.encoder = Unimodal(task.modalities[config.modality], config)
        self.head = nn.Linear(config.width, len(task.outputs))

    @property
    def uses(self) -> tuple[str, ...]:
        return (self.config.modality,)

    def forward(self, batch: Batch) -> Output:
        return Output(self.head(self.encoder(batch, self.config.modality)))

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """B T (2 D d + 2 K d^2 + 24 L d^2 + 4 L T d) of the one modality."""
        from .blocks import algebra

        config, name = self.config, self.config.modality
        encoder = algebra.unimodal(batch, lengths[name], self.task.modalities[name], config)
        head = algebra.linear(batch, config.width, len(self.task.outputs))
        return (encoder + head).flops(training)
