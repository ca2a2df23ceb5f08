"""What two runs share, what only one of them has, and in what their cells were made otherwise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..benchmark.contract.errors import UserError
from ..benchmark.store import Store
from .cells import Cell, as_typed, flattened
from .formatting import clean, count

Key = tuple[str, str, str, int, int]
"""Dataset, size, method, seed, fold: what a cell is called in both runs."""
NOT_SETTINGS = (
    "asked",
    "cells",
    "command",
    "comparisons",
    "costs",
    "hash",
    "preset",
    "python",
    "registered",
    "seal",
)


class Run:
    """One run's quality cells by what they are called; those of its last plan, where it has one."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self.plan: Mapping[str, Any] = self.store.plan() or {}
        if not self.store.cells.is_dir():
            raise UserError(
                f"{str(path)!r} holds no results; expected a folder that `bench run` made"
            )
        records, self.damaged = self.store.found()
        every = [Cell(r) for r in records if r["cell"]["kind"] == "quality"]
        if not every and records:
            raise UserError(
                f"{str(path)!r} holds no trainings, but {count(len(records), 'cost cell')}: "
                f"`bench compare` compares trainings"
            )
        if not every:
            spoilt = f" that can be used ({self.damaged[0]})" if self.damaged else ""
            raise UserError(f"{str(path)!r} holds no results{spoilt}; run its plan again")
        planned = set(self.plan.get("cells") or (cell.id for cell in every))
        self.cells: dict[Key, Cell] = {}
        self.several: set[Key] = set()
        for cell in every:
            key = (cell.dataset, cell.size, cell.method, cell.seed, cell.fold)
            if cell.id in planned:
                if key in self.cells:
                    self.several.add(key)
                self.cells[key] = cell


@dataclass(frozen=True)
class Lacking:
    """Cells of a method that only one of the runs has done."""

    dataset: str
    method: str
    seeds: tuple[int, ...]
    which: str


@dataclass(frozen=True)
class Difference:
    """Something other than results in which the runs differ."""

    name: str
    before: str
    after: str


def parted(keys: Iterable[Key], name: Callable[[Key], Any]) -> dict[Any, list[Key]]:
    """Part keys by what they have in common, in the order of their first appearance."""
    parts: dict[Any, list[Key]] = defaultdict(list)
    for key in keys:
        parts[name(key)].append(key)
    return dict(parts)


def lacking(one: Run, two: Run) -> Iterator[Lacking]:
    """Name what only one of the runs has, or has done."""
    done = [{key for key, cell in run.cells.items() if cell.ok} for run in (one, two)]
    for which, keys in (("first", done[0] - done[1]), ("second", done[1] - done[0])):
        for part in parted(sorted(keys), lambda key: key[:3]).values():
            seeds = tuple(sorted({key[3] for key in part}))
            yield Lacking(clean(part[0][0]), clean(part[0][2]), seeds, which)


def differences(one: Run, two: Run, shared: Sequence[Key]) -> Iterator[Difference]:
    """Name plan fields, settings, code and versions that differ."""
    plans = [
        dict(flattened({k: v for k, v in run.plan.items() if k not in NOT_SETTINGS}))
        for run in (one, two)
    ]
    yield from unequal("plan", *plans)
    for (dataset, _, method), keys in parted(shared, lambda key: key[:3]).items():
        asked = [dict(flattened(settings(run.cells[keys[0]]))) for run in (one, two)]
        yield from unequal(f"{method} on {dataset}", *asked)
    packages = {p for r in (one, two) for k in shared for p in versions(r.cells[k].record)}
    reads = {**FACTS, **{name: version(name) for name in sorted(packages)}}
    for name, read in reads.items():
        yield from other(name, one, two, shared, read)
    for method, keys in parted(shared, lambda key: key[2]).items():
        yield from other(f"code of {clean(method)}", one, two, keys, digest)


def other(
    name: str, one: Run, two: Run, keys: Sequence[Key], read: Callable[[Mapping[str, Any]], Any]
) -> Iterator[Difference]:
    """Yield a fact of the records in which the runs differ."""
    before, after = (values(run, keys, read) for run in (one, two))
    if before != after:
        yield Difference(name, *(", ".join(found) or "unknown" for found in (before, after)))


def digest(record: Mapping[str, Any]) -> str | None:
    """Return the digest of the code that made a record."""
    return ((record.get("code") or {}).get("digest") or "")[:12] or None


FACTS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "commit": lambda r: (r.get("git") or {}).get("commit"),
    "harness code": lambda r: (r.get("code") or {}).get("harness"),
    "processor": lambda r: (r.get("machine") or {}).get("processor"),
    "device": lambda r: r.get("device"),
}


def settings(cell: Cell) -> dict[str, Any]:
    """Return what a cell was asked for, but for what it is called."""
    own = ("method", "dataset", "seed", "fold", "kind")
    return {k: v for k, v in cell.asked.items() if k not in own}


def unequal(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the leaves in which two settings differ."""
    for path in dict.fromkeys((*before, *after)):
        a, b = (as_typed(x[path]) if path in x else "(none)" for x in (before, after))
        if a != b:
            yield Difference(clean(f"{name}: {path}"), clean(a), clean(b))


def versions(record: Mapping[str, Any]) -> Mapping[str, str]:
    return record.get("versions") or {}


def version(package: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda record: versions(record).get(package)


def values(run: Run, keys: Sequence[Key], read: Callable[[Mapping[str, Any]], Any]) -> list[str]:
    """Return the values of a fact of the shared records, each once."""
    return sorted({clean(v) for key in keys if (v := read(run.cells[key].record))})
