"""Running a study: what the store lacks, in jobs, each with its limits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..executors import default_memory_limit
from ..store import Store
from .cells import PASSES, CostCell, Limits, Pass, Result
from .standing import broken, stands
from .study import Running, Study, cells, digest, make_record
from .sweep import Shape
from .workers import CostDone, CostJob, run_jobs

COUNTING = 3600.0
"""Seconds that counting one cell may take: no limit that is asked for, but an end."""


def run_study(
    study: Study, store: Store, running: Running, shapes: Mapping[tuple[int, ...], Shape]
) -> Iterator[dict[str, Any]]:
    """Run what the store lacks, put each record into it, and yield the record.

    What is counted runs on all cores; what is measured in time runs alone, at the end.
    """
    missing = [c for c in cells(study) if wanted(c, store, running)]
    alone = [c for c in missing if c.quantity == "latency" or c.on_gpu]
    several = [c for c in missing if c not in alone]
    for group, side_by_side in ((several, workers(running)), (alone, 1)):
        jobs = series(group, running, store) if group else []
        for done in whole(run_jobs(jobs, side_by_side)):
            shape = shapes[tuple(done.cell.lengths.values())]
            record = make_record(done, shape, study.vary, limits(done.cell, running))
            store.put(record, None)
            yield record


def workers(running: Running) -> int:
    """Return how many processes count at once."""
    return running.workers or os.cpu_count() or 1


def limits(cell: CostCell, running: Running) -> dict[str, float | None] | None:
    """Return the limits that are asked for what is measured: bytes, and seconds.

    A GPU's memory is limited by what was asked alone; None is the whole of it. What is counted runs
    nothing of the method and is under no limit of the user's: None.
    """
    if cell.counted:
        return None
    default = default_memory_limit(workers(running)) if cell.device == "cpu" else None
    memory = running.memory_limit or default
    return {"memory": memory, "call": running.call_limit, "time": running.time_limit}


def wanted(cell: CostCell, store: Store, running: Running) -> bool:
    """Whether a cell is to be run.

    It is missing, was made by other code, broke a limit that is now larger, or did not break one
    that is now too small for it; with ``retry_failed`` also what broke or failed in any way.
    """
    record = store.get(cell.id)
    if record is None:
        return True
    if record["code"]["digest"] != digest(cell):
        return not running.keep_stale
    if not stands(record, limits(cell, running)):
        return True
    return running.retry_failed and bool(broken(record))


def series(group: Sequence[CostCell], running: Running, store: Store) -> list[list[CostJob]]:
    """Put cells into jobs: counted ones of a method together, measured ones each by itself.

    The two passes of measured memory are series of their own, for each breaks at a length of its
    own.
    """
    found: dict[tuple[Any, ...], list[CostCell]] = {}
    for each in group:
        key = (each.quantity, each.method, each.batch, each.device, each.dtype)
        found.setdefault(key, []).append(each)
    made = []
    for members in found.values():
        if members[0].counted:
            limit = Limits(default_memory_limit(workers(running)))
            made.append([job(members, limit, running, COUNTING * len(members))])
            continue
        parts: tuple[tuple[Pass, ...], ...] = (PASSES,)
        if members[0].quantity == "memory":
            parts = tuple((work,) for work in PASSES)
        made += [
            [
                job([each], informed(each, running, store), running, running.time_limit, passes)
                for each in members
            ]
            for passes in parts
        ]  # fmt: skip
    return made


def job(
    members: Sequence[CostCell], limit: Limits, running: Running, seconds: float,
    passes: tuple[Pass, ...] = PASSES,
) -> CostJob:  # fmt: skip
    return CostJob(tuple(members), limit, running.plugins, os.getpid(), seconds, passes)


def informed(cell: CostCell, running: Running, store: Store) -> Limits:
    """Return a measured cell's limits, with what its methods are predicted to need."""
    asked = limits(cell, running) or {}
    memory = asked.get("memory")
    return Limits(
        None if memory is None else int(memory), running.call_limit, running.budget,
        predictions(cell, store) if cell.quantity == "latency" else {},
    )  # fmt: skip


def predictions(cell: CostCell, store: Store) -> dict[str, dict[str, int]]:
    """Return by pass and method the bytes that a call adds to model and batch, where predicted.

    A prediction is that of the method's own configuration, on the same device.
    """
    found: dict[str, dict[str, int]] = {work: {} for work in PASSES}
    for name, config in cell.configs.items():
        own: dict[str, Any] = {"configs": {name: config}, "threads": 1, "baseline": ""}
        twin = replace(cell, quantity="predicted", **own)
        record = store.get(twin.id)
        if record is None or record["status"] != "ok" or record["code"]["digest"] != digest(twin):
            continue
        result = record["result"]
        if result.get("broken"):  # it cannot be trained, and its parts are not known
            continue
        for work in PASSES:
            found[work][name] = result[work] - result["parameters"] - result["inputs"]
    return found


def whole(ended: Iterable[CostDone]) -> Iterator[CostDone]:
    """Join the passes of measured memory, each of which may break for itself."""
    halves: dict[str, dict[str, CostDone]] = {}
    for done in ended:
        if done.passes == PASSES:
            yield done
            continue
        own = halves.setdefault(done.cell.id, {})
        own[done.passes[0]] = done
        if len(own) == len(PASSES):
            yield joined([own[work] for work in PASSES])


def joined(parts: Sequence[CostDone]) -> CostDone:
    """Return the passes' results as one: ``ok`` where one of them is, with marks on the other."""
    fine = [part for part in parts if part.status == "ok"]
    result: Result = {"inference": None, "training": None, "broken": {}}
    for part in parts:
        if part.status == "ok":
            result |= part.result
        else:
            error = part.result["error"]
            result["broken"][part.passes[0]] = {**error, "status": part.status}
    if not fine:
        result["error"] = parts[0].result["error"]
    measured = [part.used for part in fine if part.used is not None]
    used = measured[0].joined(measured[-1]) if measured else None
    status = "ok" if fine else parts[0].status
    seconds = sum(part.seconds for part in parts)
    return CostDone(parts[0].cell, status, result, seconds, PASSES, used)
