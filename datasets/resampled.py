"""Any dataset at a lower rate of frames: what a shorter sequence costs in accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool1d

from ..benchmark.contract import Example, FusionDataset, Split, Task, UserError
from ..benchmark.contract.config import configure
from ..benchmark.registry import dataset, datasets


@dataset("resampled", source="any other dataset, averaged in time", argument="of")
class Resampled(FusionDataset):
    """Another dataset whose modalities are all averaged down to a share of their frames.

    A sequence of T frames becomes one of ``max(1, round(rate T))``, each the mean of its share of
    the time (adaptive average pooling), so that every clip lasts as long as before and its frames
    stand for longer. Examples, labels, speakers and splits are the other dataset's. What its oracle
    could tell from frames that are now averaged nobody knows, so there is no ceiling.

    Raises
    ------
    UserError
        A rate outside (0, 1], a setting that is not ``name=value``, or no dataset of that name.
    """

    @dataclass(frozen=True)
    class Config:
        """Which dataset, and at what rate.

        Parameters
        ----------
        of
            The dataset as ``--datasets`` takes it: ``resampled:utd-mhad``.
        rate
            Share of the frames that is left, in (0, 1].
        settings
            The other dataset's own settings, each as ``name=value``.
        """

        of: str = ""
        rate: float = 0.5
        settings: tuple[str, ...] = ()

    needs_root = False

    def __init__(self, config: Config, root: Path | None = None):
        super().__init__(config, root)
        if not 0.0 < config.rate <= 1.0:
            raise UserError(
                f"dataset 'resampled' has rate {config.rate}; expected a share of the frames, over "
                f"0 and at most 1"
            )
        self.inner = inner = opened(config.of, config.settings, root)
        self.labels, self.ids, self.groups = inner.labels, inner.ids, inner.groups
        self.folds, self.design, self.leaks = inner.folds, inner.design, inner.leaks
        self.protocol, self.training = inner.protocol, inner.training
        self.task = slower(inner.task, config.rate)

    def fingerprint(self) -> str:
        return f"{self.inner.fingerprint()} at {self.config.rate!r}"

    def split(self, rng: np.random.Generator, fold: int) -> Split:
        return self.inner.split(rng, fold)

    def examples(self, positions: np.ndarray) -> Iterator[Example]:
        for example in self.inner.examples(positions):
            yield {
                name: values if values is None else averaged(values, self.config.rate)
                for name, values in example.items()
            }


def opened(name: str, settings: tuple[str, ...], root: Path | None) -> FusionDataset:
    """Open the dataset that is resampled."""
    base, _, argument = name.partition(":")
    if not base or base == "resampled":
        raise UserError(
            f"dataset 'resampled:{name}' names nothing to resample; expected another dataset, such "
            f"as resampled:utd-mhad"
        )
    entry = datasets[base]
    given = {}
    for pair in settings:
        key, sign, value = pair.partition("=")
        if not sign:
            raise UserError(f"resampled.settings {pair!r}; expected name=value")
        given[key] = value
    if entry.argument and argument:
        given[entry.argument] = argument
    inner = entry.cls(configure(entry.cls.Config, given, base), root)
    inner.name = f"{base}:{Path(argument).name}" if entry.local and argument else name
    return inner


def steps(length: int, rate: float) -> int:
    """Frames that are left of so many."""
    return max(1, round(rate * length))


def slower(task: Task, rate: float) -> Task:
    """Return the task at a share of its frames a second."""
    return replace(
        task,
        modalities={
            name: replace(
                modality,
                max_length=steps(modality.max_length, rate),
                rate=modality.rate * rate if modality.rate else None,
            )
            for name, modality in task.modalities.items()
        },
    )


def averaged(values: np.ndarray, rate: float) -> np.ndarray:
    """Average (T, *shape) down to ``steps(T, rate)`` frames."""
    frames = torch.from_numpy(np.ascontiguousarray(values, np.float32)).flatten(1).T
    kept = adaptive_avg_pool1d(frames, steps(len(values), rate)).T
    return kept.reshape(-1, *values.shape[1:]).numpy()
