"""A dataset without its test part: what a trial of tuning is given."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..contract import FusionDataset
from ..contract.dataset import Example, Split


class TestPartError(RuntimeError):
    """Tuning asked for an example of the test part."""

    __test__ = False


class Withheld(FusionDataset):
    """The training and the validation examples of one split, at their positions.

    The examples of the test part cannot be read through it, and their labels are not in it: -1, or
    NaN. Its own :meth:`split` names none of them.
    """

    def __init__(self, dataset: FusionDataset, split: Split):
        super().__init__(dataset.config, dataset.root)
        self.name, self.task = dataset.name, dataset.task
        self.ids, self.groups = dataset.ids, dataset.groups
        self.folds, self.design = dataset.folds, dataset.design
        self.protocol, self.training = dataset.protocol, dataset.training
        self.open = np.zeros(len(dataset), bool)
        self.open[split.train] = self.open[split.valid] = True
        self.labels = dataset.labels.copy()
        self.labels[~self.open] = -1 if self.labels.dtype.kind == "i" else np.nan
        self._parts = Split(split.train, split.valid, np.empty(0, np.int64))
        self._read = dataset.examples
        self._fingerprint = dataset.fingerprint

    def fingerprint(self) -> str:
        return self._fingerprint()

    def split(self, rng: np.random.Generator, fold: int) -> Split:  # noqa: ARG002
        """Return the parts that the dataset was opened with; the test part is empty."""
        return self._parts

    def examples(self, positions: np.ndarray) -> Iterator[Example]:
        """Read training and validation examples.

        Raises
        ------
        TestPartError
            A position of the test part, before anything has been read.
        """
        positions = np.asarray(positions, np.int64)
        if not self.open[positions].all():
            position = positions[~self.open[positions]][0]
            raise TestPartError(
                f"{self.name}: example {self.ids[position]!r} stands in the test part, which "
                f"tuning does not read"
            )
        return self._read(positions)
