"""What is not there: cells that failed and why, and planned cells without a record."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..benchmark.records import Damaged
from .cells import Cell
from .formatting import NOTHING, clean, ranges, visible

Spared = Mapping[tuple[str, str], Collection[int]]
DAMAGED = "damaged"
REASONS = {
    "failed": "raised an error",
    "crashed": "its process died",
    "timeout": "ran out of time",
    "memory": "ran out of memory",
    DAMAGED: "its record cannot be used",
}


@dataclass(frozen=True)
class Failure:
    """Cells of one method on one dataset that ended in the same way."""

    method: str
    dataset: str
    where: str
    cells: int
    status: str
    type: str
    message: str
    traceback: str

    @property
    def reason(self) -> str:
        return REASONS.get(self.status, self.status)

    @property
    def error(self) -> str:
        """The error as its last line would say it."""
        return ": ".join(filter(None, (self.type, self.message)))


@dataclass(frozen=True)
class Missing:
    """Seeds of a method on a dataset that were planned and have no record, or not all folds."""

    method: str
    dataset: str
    seeds: tuple[int, ...]
    cells: int


@dataclass(frozen=True)
class Gaps:
    """Failures, missing cells, and how many records are of an earlier plan than the last."""

    failures: tuple[Failure, ...]
    missing: tuple[Missing, ...]
    missing_cells: int
    planned_cells: int
    other_plans: int

    @property
    def unnamed_cells(self) -> int:
        """Missing cells whose method and seed cannot be told from the plan."""
        return max(self.missing_cells - sum(m.cells for m in self.missing), 0)


def gaps(
    cells: Sequence[Cell],
    plan: Mapping[str, Any] | None,
    other_kinds: Sequence[str],
    spared: Spared | None = None,
    damaged: Sequence[Damaged] = (),
) -> Gaps:
    """Find what a store lacks.

    Parameters
    ----------
    other_kinds
        Ids of the records that are no quality cells; they are not this report's, but not missing.
    spared
        Seeds by (dataset, method) that a run in looks did not need.
    damaged
        Records that cannot be used: whose they are is not known, so that they are missing too.
    """
    planned = set((plan or {}).get("cells", []))
    recorded = {cell.id for cell in cells} | set(other_kinds)
    seen, folds = recorded_folds(cells, planned)
    needless = sum(
        folds[dataset] - seen.get((method, dataset, seed), 0)
        for (dataset, method), seeds in (spared or {}).items()
        for seed in seeds
    )
    lacking = len(planned - recorded) - needless
    return Gaps(
        failures=(*failures(cells), *map(unusable, damaged)),
        missing=missing(cells, plan, planned, spared) if lacking else (),
        missing_cells=lacking,
        planned_cells=len(planned) - needless,
        other_plans=len({cell.id for cell in cells} - planned) if plan else 0,
    )


def failures(cells: Sequence[Cell]) -> tuple[Failure, ...]:
    """Put cells that failed in the same way together, in order of their first."""
    alike: dict[tuple[str, ...], list[Cell]] = defaultdict(list)
    for cell in sorted(cells, key=lambda c: (c.dataset, c.method, c.seed, c.fold)):
        if not cell.ok:
            error = cell.record.get("error") or {}
            kind, message = error.get("type") or "", error.get("message") or ""
            alike[cell.dataset, cell.method, cell.record["status"], kind, message].append(cell)
    return tuple(
        Failure(
            method=clean(method),
            dataset=clean(dataset),
            where=places(same),
            cells=len(same),
            status=status,
            type=clean(kind),
            message=clean(message),
            traceback=relative((same[0].record.get("error") or {}).get("traceback") or ""),
        )
        for (dataset, method, status, kind, message), same in alike.items()
    )


def unusable(record: Damaged) -> Failure:
    """Put a damaged record among the failures."""
    why = f"{record.why}; restore it from a copy, or run its plan again"
    return Failure(NOTHING, NOTHING, clean(record.file), 1, DAMAGED, "", clean(why), "")


def places(cells: Sequence[Cell]) -> str:
    """Name seeds, and folds where there are several; of many the first, the rest counted."""
    if not any(cell.fold for cell in cells):
        return f"seed {ranges([cell.seed for cell in cells])}"
    names = [f"seed {cell.seed} fold {cell.fold}" for cell in cells]
    rest = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + rest


def relative(traceback: str) -> str:
    """Return a traceback whose files have no folder above their package."""
    text = re.sub(
        r'File "(?:[A-Za-z]:)?[/\\][^"]*?([^/\\"]+[/\\][^/\\"]+)"', r'File "\1"', traceback
    )
    return visible(text).rstrip()


def recorded_folds(
    cells: Sequence[Cell], planned: set[str]
) -> tuple[dict[tuple[str, str, int], int], dict[str, int]]:
    """Count the planned cells of each (method, dataset, seed), and the folds of each dataset."""
    seen: dict[tuple[str, str, int], int] = defaultdict(int)
    folds: dict[str, int] = defaultdict(lambda: 1)
    for cell in cells:
        if cell.id in planned:
            seen[cell.method, cell.dataset, cell.seed] += 1
            folds[cell.dataset] = max(folds[cell.dataset], cell.folds)
    return seen, folds


def missing(
    cells: Sequence[Cell],
    plan: Mapping[str, Any] | None,
    planned: set[str],
    spared: Spared | None = None,
) -> tuple[Missing, ...]:
    """Name the planned seeds that have no record, or not one of each fold.

    The plan lists its cells by their hash, and its methods as they were asked for: of ``only:*``
    and ``all`` those can be named that have a record of another seed.
    """
    plan = plan or {}
    seen, folds = recorded_folds(cells, planned)
    named = [m for m in plan.get("methods", []) if m != "all" and ":*" not in m]
    found = []
    for dataset in plan.get("datasets", []):
        methods = dict.fromkeys([*named, *(m for m, d, _ in seen if d == dataset)])
        for method in methods:
            counts = {s: seen.get((method, dataset, s), 0) for s in plan.get("seeds", [])}
            needless = (spared or {}).get((dataset, method), ())
            lacking = tuple(
                s for s, n in counts.items() if n < folds[dataset] and s not in needless
            )
            if lacking:
                cells_ = sum(folds[dataset] - counts[s] for s in lacking)
                found.append(Missing(clean(method), clean(dataset), lacking, cells_))
    return tuple(found)
