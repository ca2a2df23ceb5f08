"""One record of a store, read: what was asked, how it ended, and what was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What may differ between the cells of one table; everything else parts two tables.
WITHIN_TABLE = ("method", "config", "seed", "fold", "training")


@dataclass(frozen=True)
class Cell:
    """A quality cell and its raw record."""

    record: Mapping[str, Any]

    @property
    def asked(self) -> Mapping[str, Any]:
        return self.record["cell"]

    @property
    def id(self) -> str:
        return self.record["id"]

    @property
    def ok(self) -> bool:
        return self.record["status"] == "ok"

    @property
    def method(self) -> str:
        return self.asked["method"]

    @property
    def dataset(self) -> str:
        return self.asked["dataset"]

    @property
    def seed(self) -> int:
        return self.asked["seed"]

    @property
    def fold(self) -> int:
        return self.asked["fold"]

    @property
    def size(self) -> str:
        return self.record["size"]

    @property
    def folds(self) -> int:
        """Folds of its protocol; of a cell that failed, as many as can be told from itself."""
        return self.record["protocol"]["folds"] if self.ok else self.fold + 1

    @property
    def table_key(self) -> str:
        """Equal where two cells may stand in one table, but for their training settings."""
        shared = {k: v for k, v in self.asked.items() if k not in WITHIN_TABLE}
        return canonical({**shared, "size": self.size})

    @property
    def training_key(self) -> str:
        return canonical(self.asked["training"])

    @property
    def config_key(self) -> str:
        return canonical(self.asked["config"])

    def metric(self, key: str) -> float:
        """Return a measured value; one that is not finite stands as null in JSON and is nan."""
        return real(self.record["metrics"].get(key))


def real(value: Any) -> float:
    """Return a JSON number, or nan for null."""
    return math.nan if value is None else float(value)


def canonical(value: Any) -> str:
    """Return a text that is equal exactly where two JSON values are."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def flattened(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested settings with their dotted paths."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flattened(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def differing(several: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return of each of several nested settings the leaves in which not all agree."""
    flat = [dict(flattened(one)) for one in several]
    paths = dict.fromkeys(path for one in flat for path in one)
    varied = [p for p in paths if len({canonical(one.get(p)) for one in flat}) > 1]
    return [{p: one[p] for p in varied if p in one} for one in flat]


def said(settings: Mapping[str, Any]) -> str:
    """Write settings as the command line takes them: ``mult.layers=2, mult.width=40``."""
    return ", ".join(f"{path}={as_typed(v)}" for path, v in settings.items())


def as_typed(value: Any) -> str:
    """Write a setting's value as the command line takes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return ",".join(map(as_typed, value))
    return "none" if value is None else json.dumps(value, ensure_ascii=False)
