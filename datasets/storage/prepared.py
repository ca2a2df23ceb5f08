"""A dataset that reads a prepared feature store; what its protocols are, its subclasses say."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...benchmark.contract import Example, FusionDataset, Modality, Task, UserError
from .features import FeatureStore, Stored

SEEN = "face"  # says in which pictures a face was seen


class PreparedDataset(FusionDataset):
    """Clips of a store: modalities, labels and speakers.

    Its configuration has ``path``, ``modalities`` and ``flag``.

    Attributes
    ----------
    store, rows
        The store, and the row of the store of each example.

    Raises
    ------
    UserError
        No store at the path, a damaged one, an unknown modality, or fewer than two classes.
    """

    needs_root: ClassVar[bool] = False

    def __init__(self, config: Any, root: Path | None = None):
        super().__init__(config, root)
        if not config.path:
            raise UserError(f"dataset {self.name!r} needs its path: '{self.name}:path/to/folder'")
        self.name = f"{self.name}:{config.path}"
        self.store = FeatureStore(Path(config.path))
        self.names = self.chosen()
        words = self.words()
        self.rows = np.array([row for row, word in enumerate(words) if word], np.int64)
        self.ids = [self.store.columns["id"][row] for row in self.rows]
        self.groups = [self.store.columns["speaker"][row] for row in self.rows]
        words = [words[row] for row in self.rows]
        self.task = Task({n: self.modality(n) for n in self.names}, self.outputs(set(words)))
        index = {label: place for place, label in enumerate(self.task.outputs)}
        self.labels = np.array([index[word] for word in words], np.int64)
        self.choose_protocol()

    def words(self) -> list[str]:
        """Return what is to be told of each clip of the store; ``""`` leaves a clip out."""
        return self.store.columns["label"]

    @abstractmethod
    def choose_protocol(self) -> None:
        """Say how the parts are made; raise UserError where they cannot be."""

    def fault(self, message: str) -> UserError:
        return UserError(f"feature store {self.config.path!r}: {message}")

    def chosen(self) -> tuple[str, ...]:
        """Return the modalities to use, in the store's order."""
        known = [n for n in self.store.modalities if n != SEEN]
        for name in self.config.modalities:
            if name not in known:
                raise self.fault(f"no modality {name!r}; it has {', '.join(known)}")
        names = tuple(n for n in known if n in (self.config.modalities or known))
        if self.config.flag and not self.flagged(names):
            raise self.fault("flag=true needs visual vectors with a record of faces; leave it out")
        return names

    def flagged(self, names: tuple[str, ...]) -> bool:
        kinds = self.store.modalities
        return "visual" in names and SEEN in kinds and len(kinds["visual"].shape) == 1

    def modality(self, name: str) -> Modality:
        kind = self.store.modalities[name]
        return Modality(
            self.shape(name, kind), max(1, self.store.longest(name)), kind.rate,
            one_unit=is_picture(kind),
        )  # fmt: skip

    def shape(self, name: str, kind: Stored) -> tuple[int, ...]:
        """Return the shape of a step as methods see it; of pictures the channels come first."""
        if is_picture(kind):
            return (kind.shape[2], kind.shape[0], kind.shape[1])
        extra = self.config.flag and name == "visual"
        return (kind.shape[0] + 1,) if extra else kind.shape

    def outputs(self, found: set[str]) -> tuple[str, ...]:
        """Return the classes that occur, in the corpus's order."""
        known = tuple(c for c in self.store.classes if c in found)
        if len(known) < 2:
            raise self.fault(
                f"its clips have {len(found)} label ({', '.join(sorted(found))}); expected two or "
                "more: prepare with --pattern or from a CSV that says them"
            )
        if len(known) < len(found):
            raise self.fault("the index has labels that store.json does not name; prepare again")
        return known

    def need_speakers(self, positions: np.ndarray, least: int) -> None:
        found = len(set(np.asarray(self.groups)[positions]))
        if found < least:
            raise self.fault(
                f"{found} speakers to draw from; expected {least} or more, to draw parts that "
                "share none: prepare with --pattern or from a CSV that says who speaks"
            )

    def fingerprint(self) -> str:
        """Hash the content of the modalities in use, and how they are read."""
        names = (*self.names, SEEN) if self.config.flag else self.names
        rates = [self.task.modalities[n].rate for n in self.names]
        labels = [self.task.outputs[label] for label in self.labels]
        text = f"{self.store.fingerprint(names)} {self.config.flag} {self.ids} {labels} {rates}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def examples(self, positions: np.ndarray) -> Iterator[Example]:
        for position in positions:
            row = int(self.rows[position])
            yield {name: self.values(name, row) for name in self.names}

    def values(self, name: str, row: int) -> np.ndarray | None:
        """Return the steps (T, *shape) float32 of a clip of the store, or None."""
        found = self.store.read(name, row)
        if found is None:
            return None
        if is_picture(self.store.modalities[name]):
            return np.ascontiguousarray(found.transpose(0, 3, 1, 2))
        if self.config.flag and name == "visual":
            seen = self.store.read(SEEN, row)
            seen = np.ones((len(found), 1), np.float32) if seen is None else seen
            return np.concatenate([found, seen], 1)
        return found


def is_picture(kind: Stored) -> bool:
    """Say whether steps are pictures (height, width, 3) of pixels."""
    return len(kind.shape) == 3 and kind.dtype == "uint8"
