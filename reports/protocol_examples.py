"""McNemar's test of the two models that one seed trained, example by example."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..benchmark.statistics.mcnemar import McNemar, mcnemar
from ..benchmark.store import Store
from .cells import Cell
from .grouping import Row
from .predictions import by_seed

UNMATCHED = "no seed of which both have predictions of the same examples that can be read"


@dataclass(frozen=True)
class Answers:
    """Which examples of one cell are right, (n,), and a digest of what they are."""

    examples: bytes
    right: np.ndarray


class Examples(Store):
    """A store that remembers which examples the predictions it has read get right.

    The sums over speakers are made of the same files: so each is read once.
    """

    def __init__(self, store: Store):
        super().__init__(store.path)
        self.archive = store.archive
        self.known: dict[str, Answers | None] = {}

    def predictions(self, name: str) -> dict[str, np.ndarray]:
        found = super().predictions(name)
        self.known[name] = answers(found)
        return found

    def of(self, cells: Sequence[Cell]) -> Answers | None:
        """Return the answers of one seed's folds; None where a file is missing or damaged."""
        parts = []
        for cell in cells:
            if cell.id not in self.known:
                try:
                    self.predictions(cell.id)
                except (OSError, KeyError, ValueError):
                    self.known[cell.id] = None
            part = self.known[cell.id]
            if part is None:
                return None
            parts.append(part)
        whole = b"".join(part.examples for part in parts)
        return Answers(whole, np.concatenate([part.right for part in parts]))


def answers(found: Mapping[str, np.ndarray]) -> Answers | None:
    """Read which examples are right; None of a regression, or of what is not finite."""
    said, labels = found.get("probabilities"), found.get("labels")
    if said is None or labels is None or len(said) != len(labels) or not np.isfinite(said).all():
        return None
    names = hashlib.sha256()
    for key in ("ids", "groups", "labels"):
        names.update(np.ascontiguousarray(found[key]).tobytes() if key in found else b"-")
    return Answers(names.digest(), said.argmax(1) == labels)


def models(row: Row, other: Row, examples: Examples) -> dict[int, McNemar] | str:
    """Test every seed's pair of models, or say why none can be."""
    if any(cell.ok and cell.record["kind"] != "classification" for cell in row.cells):
        return "a regression has no right and wrong answers to count"
    mine, theirs = by_seed(row), by_seed(other)
    found = {}
    for seed in sorted(mine.keys() & theirs.keys()):
        a, b = examples.of(mine[seed]), examples.of(theirs[seed])
        if a is not None and b is not None and a.examples == b.examples:
            found[seed] = mcnemar(a.right, b.right)
    return found or UNMATCHED
