"""What a dataset is to the harness: an index that is cheap, and examples that are streamed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from .config import NoSettings
from .errors import UserError
from .task import Task

Example = Mapping[str, np.ndarray | None]
"""For each modality (T, *shape) float32, or None where the example lacks it."""


@dataclass(frozen=True)
class Split:
    """Positions of the examples of each part, int64; no example in two parts."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    def check(self, dataset: FusionDataset) -> None:
        """Raise UserError where parts overlap, one is empty, or a class has no training example."""
        parts = {"training": self.train, "validation": self.valid, "test": self.test}
        for name, part in parts.items():
            if len(part) == 0:
                raise UserError(
                    f"{dataset.name}: the {name} part is empty; expected examples in it"
                )
        joined = np.concatenate(list(parts.values()))
        if len(np.unique(joined)) != len(joined):
            raise UserError(f"{dataset.name}: an example stands in two parts of the split")
        if dataset.task.kind == "classification":
            count = np.bincount(dataset.labels[self.train], minlength=len(dataset.task.outputs))
            missing = [c for c, n in zip(dataset.task.outputs, count, strict=True) if n == 0]
            if missing:
                raise UserError(
                    f"{dataset.name}: class {missing[0]!r} has no training example "
                    f"({len(self.train)} in all); add some, or leave the class out"
                )


class FusionDataset(ABC):
    """Base of every dataset.

    The constructor reads what planning needs: task, labels and speakers. The values are read in
    the process that trains, by :meth:`examples`.

    Attributes
    ----------
    Config
        Frozen dataclass of settings, nested in the subclass.
    name
        As asked for: ``"simulated:synergy"``. Set by the registry.
    task, labels, ids, groups
        The task; (N,) int64 classes or (N, targets) float32; N names of examples; N names of
        speakers (or of whatever must not stand in two parts).
    folds
        How many test parts the protocol has; each seed trains once for each.
    design
        ``"crossed"``: every seed is tested on the same examples; ``"re-drawn"``: each seed draws
        its own speaker-disjoint split.
    protocol
        One phrase for the report: how the parts are made.
    leaks
        Whether speakers stand on both sides of the split; flagged in every report.
    training
        Training settings that the protocol calls for, unless the run sets them: ``refit`` where
        few speakers train and every one counts.
    """

    Config: ClassVar[type] = NoSettings
    name: str = ""
    task: Task
    labels: np.ndarray
    ids: Sequence[str]
    groups: Sequence[str]
    folds: int = 1
    design: str = "crossed"
    protocol: str = ""
    leaks: bool = False
    training: Mapping[str, Any] = MappingProxyType({})
    needs_root: ClassVar[bool] = True

    def __init__(self, config: Any, root: Path | None = None):
        self.config = config
        self.root = root

    def __len__(self) -> int:
        return len(self.ids)

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a hash of the content: equal exactly where every example is equal."""

    @abstractmethod
    def split(self, rng: np.random.Generator, fold: int) -> Split:
        """Draw the parts of one seed (all of a split's chance comes from ``rng``) and one fold."""

    @abstractmethod
    def examples(self, positions: np.ndarray) -> Iterator[Example]:
        """Read the examples at these positions, one by one, in their order."""

    def oracle(self, positions: np.ndarray, modalities: Sequence[str]) -> np.ndarray | None:  # noqa: ARG002
        """Return the best possible decision from these modalities, (n,) int64 classes, if known."""
        return None

    def ceiling(self, modalities: Sequence[str]) -> float | None:  # noqa: ARG002
        """Return the expected accuracy of that decision in closed form, if known."""
        return None
