"""The phases that a run's records hold, by dataset and method, and what a cell costs around them.

A worker records ``load``, ``train``, ``refit`` and ``evaluate`` (and their ``total``) of its cell;
the process that runs the plan adds ``overhead``: ``start``, from a worker's place falling free to
the cell's beginning in a new process, and ``worker``, what that process spent beside the cell.
Writing a record comes after all that it holds, so it is timed on copies of records of the store.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..store import Store

PHASES = ("load", "train", "refit", "evaluate", "other", "overhead")
"""``other`` is what a cell's total holds beside the phases before it."""
WRITTEN = 20
"""Records whose writing is timed."""


@dataclass(frozen=True)
class Row:
    """Mean seconds of a cell by phase, over the cells of a method on a dataset that ended well.

    ``overhead`` is None where a cell's record does not hold it (of runs before it was recorded).
    """

    dataset: str
    method: str
    cells: int
    seconds: Mapping[str, float | None]

    @property
    def total(self) -> float:
        return sum(value or 0.0 for value in self.seconds.values())


def phases(records: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return a row for each method on each dataset, in the order of datasets and of cost."""
    spent: dict[tuple[str, str], list[dict[str, float | None]]] = defaultdict(list)
    for record in records:
        cell = record["cell"]
        if record["status"] == "ok" and cell.get("kind", "quality") == "quality":
            spent[cell["dataset"], cell["method"]].append(of_cell(record))
    rows = [
        Row(dataset, method, len(each), {phase: mean(each, phase) for phase in PHASES})
        for (dataset, method), each in spent.items()
    ]
    return sorted(rows, key=lambda row: (row.dataset, -row.total, row.method))


def of_cell(record: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the seconds of one cell by phase."""
    durations, around = record["durations"], record.get("overhead")
    named = {phase: durations.get(phase, 0.0) for phase in PHASES[:4]}
    other = max(durations["total"] - sum(named.values()), 0.0)
    overhead = None if around is None else sum(around.values())
    return {**named, "other": other, "overhead": overhead}


def mean(cells: list[dict[str, float | None]], phase: str) -> float | None:
    """Return the mean over the cells that know the phase, or None."""
    known = [value for cell in cells if (value := cell[phase]) is not None]
    return statistics.mean(known) if known else None


def writing(store: Store, names: list[str]) -> float:
    """Return the median seconds of writing a cell's record and predictions, in a folder beside."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Store(Path(folder)).create()
        for name in names[:WRITTEN]:
            record = store.get(name)
            try:
                predictions = store.predictions(name)
            except FileNotFoundError:
                predictions = None
            assert record is not None
            start = time.perf_counter()
            copy.put(record, predictions)
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)
