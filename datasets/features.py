"""Data that ``bench data prepare`` made from raw media."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..benchmark.contract import Split
from ..benchmark.registry import dataset
from .storage import PARTS, draw_speakers
from .storage.prepared import PreparedDataset

HELD = 0.15  # share of the speakers in validation, and in test


@dataset(
    "features",
    source="a folder that `bench data prepare` made",
    argument="path",
    local=True,
)
class Features(PreparedDataset):
    """Prepared audio and faces, from the folder that ``bench data prepare`` made.

    ``audio`` is openSMILE's 130 columns, ``visual`` an embedding (D,) or a face (3, size, size) in
    [-1, 1] for each picture. Nothing is read before it is asked for, and nothing unpickled.

    Raises
    ------
    UserError
        No store at the path, a damaged one, or too few speakers or classes for the protocol.
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of a feature store.

        Parameters
        ----------
        path
            The folder.
        modalities
            Which to use; all where none is given.
        protocol
            ``"drawn"``: each seed draws 70/15/15 of the speakers, disjoint; ``"folds"``: the
            speakers, sorted, are cut into ``folds`` parts of neighbours, each is tested in turn and
            the next one validates; ``"given"``: the corpus's own split. ``"auto"`` is ``given``
            where the corpus has one, and else ``drawn``.
        folds
            Parts of the protocol ``folds``.
        flag
            Whether a last number of each visual vector says if a face was seen (vectors only).
        """

        path: str = ""
        modalities: tuple[str, ...] = ()
        protocol: Literal["auto", "drawn", "folds", "given"] = "auto"
        folds: int = 6
        flag: bool = False

    name = "features"

    def choose_protocol(self) -> None:
        """Say how the parts are made; raise UserError where they cannot be."""
        words = np.asarray(self.store.columns["split"])[self.rows]
        self.given = {part: np.flatnonzero(words == part) for part in PARTS}
        asked = self.config.protocol
        has = len(self.given["train"]) > 0 and len(self.given["test"]) > 0
        self.mode = ("given" if has else "drawn") if asked == "auto" else asked
        self.speakers = sorted(set(self.groups))
        if self.mode == "given":
            self.given_protocol(has)
        elif self.mode == "folds":
            self.folds = self.config.folds
            if not 3 <= self.folds <= len(self.speakers):
                raise self.fault(
                    f"folds={self.folds} of {len(self.speakers)} speakers; expected 3 to that many"
                )
            self.protocol = (
                f"{self.folds} folds of {len(self.speakers)} speakers, each tested in turn, the "
                "next one validates"
            )
        else:
            self.design = "re-drawn"
            self.protocol = "70/15/15 of the speakers, disjoint, drawn per seed"
            self.need_speakers(np.arange(len(self)), 3)

    def given_protocol(self, has: bool) -> None:
        if not has:
            raise self.fault("protocol='given', but no clip is in 'train' or none in 'test'")
        whose = {part: set(np.asarray(self.groups)[self.given[part]]) for part in PARTS}
        self.leaks = bool(whose["test"] & (whose["train"] | whose["valid"]))
        self.protocol = "split given by the corpus"
        if not len(self.given["valid"]):
            self.protocol += "; validation speakers drawn per seed from the training ones"
            self.need_speakers(self.given["train"], 2)

    def split(self, rng: np.random.Generator, fold: int) -> Split:
        if self.mode == "folds":
            parts = np.array_split(np.asarray(self.speakers), self.folds)
            test = np.isin(self.groups, parts[fold])
            valid = np.isin(self.groups, parts[(fold + 1) % self.folds])
            return Split(*(np.flatnonzero(part) for part in (~(test | valid), valid, test)))
        if self.mode == "drawn":
            return Split(*self.drawn(rng, np.arange(len(self)), (HELD, HELD)))
        train, valid, test = (self.given[part] for part in PARTS)
        if not len(valid):
            train, valid = self.drawn(rng, train, (HELD / (1 - HELD),))
        return Split(train, valid, test)

    def drawn(
        self, rng: np.random.Generator, positions: np.ndarray, shares: tuple[float, ...]
    ) -> list[np.ndarray]:
        """Hold out shares of the speakers of some clips; the training ones come first."""
        groups, classes = np.asarray(self.groups)[positions], set(self.labels[positions].tolist())

        def whole(part: np.ndarray) -> bool:
            return set(self.labels[positions[part]].tolist()) == classes

        parts = draw_speakers(rng, groups, shares, whole)
        if parts is None:
            raise self.fault(
                "no draw of validation and test speakers in 100 leaves every class a training "
                "clip; add speakers of the rare classes"
            )
        return [positions[part] for part in parts]
