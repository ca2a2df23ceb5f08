"""Training with missing modalities: clips or frames of a modality are zeroed at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from ..benchmark.contract import Batch, FusionMethod, TrainingStrategy, search
from ..benchmark.registry import strategy


@strategy("missing-modality", paper="Parthasarathy and Sundaram, ICMI 2020 Companion",
          default="early-concat", mark="reconstruction")  # fmt: skip
class MissingModality(TrainingStrategy):
    """Ablates the visual input of training batches, whole clips or single frames at random.

    Clip level: with probability ``rate`` an example loses the modality. Frame level: each step is
    zeroed with probability ``rate``, for itself. (P) Both levels, of the *visual* input, while
    training; evaluation is untouched. (C) The rate, independent draws for each modality that is
    named, and the default model: the paper's is an audiovisual transformer, which ``early-concat``
    is too. (C) The default level is the clip's: the paper finds frames best where some of them are
    missing, but a model that has never met a clip without the modality keeps leaning on it, and
    ``mult`` trained so by frames loses half of what plain ``mult`` does when all of it is gone.
    A modality ablated at clip level is marked absent, so that a method which leaves absent ones out
    of its mean does so here; at frame level its steps are zero and valid. Where several are named,
    an example may lose them all.

    Raises
    ------
    ValueError
        A modality that the task does not have, or a rate outside [0, 1].
    """

    @dataclass(frozen=True)
    class Config:
        """Level and rate of the ablation, and what is ablated.

        Parameters
        ----------
        modalities
            Names; by default ``visual``, or the task's last modality where it has no ``visual``.
        """

        level: Literal["clip", "frame"] = search("clip", choices=("clip", "frame"))
        rate: float = search(0.3, low=0.1, high=0.7)
        modalities: tuple[str, ...] = ()

    def __init__(self, inner: FusionMethod, config: Config):
        super().__init__(inner, config)
        names = self.task.names
        for name in config.modalities:
            if name not in names:
                raise ValueError(f"modality {name!r} is not one of the task's: {', '.join(names)}")
        if not 0.0 <= config.rate <= 1.0:
            raise ValueError(f"rate {config.rate} lies outside [0, 1]")
        used = inner.uses
        self.ablated = config.modalities or (("visual",) if "visual" in used else used[-1:])

    def corrupt(self, batch: Batch, generator: torch.Generator) -> Batch:
        batch = self.inner.corrupt(batch, generator)
        for name in self.ablated:
            values = batch.values[name]
            shape = values.shape[:1] if self.config.level == "clip" else values.shape[:2]
            draw = torch.rand(shape, generator=generator, device=generator.device)
            lost = draw.to(batch.device) < self.config.rate
            if self.config.level == "clip":
                batch = batch.without(name, lost)
            else:
                gaps = lost.reshape(lost.shape + (1,) * (values.ndim - 2))
                batch = batch.with_values(name, values.masked_fill(gaps, 0.0))
        return batch
