"""A study of cost: which cells it has, what the store holds of them, and running the rest."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import torch

from ..contract import Task
from ..digest import PACKAGE, code_digest, source
from ..executors import default_memory_limit
from ..provenance import git_state, machine, versions
from ..recipes import Settings, parse
from ..store import Store
from .cells import Configs, CostCell, Limits, Quantity
from .steps import Device
from .sweep import Shape, task_at
from .workers import CostDone, CostJob, run_jobs

SCHEMA = 1
COUNTED: tuple[Quantity, ...] = ("flops", "predicted")


@dataclass(frozen=True)
class Study:
    """What is asked: methods, shapes and quantities.

    Parameters
    ----------
    configs
        Whole configuration of each method.
    task, vary, shapes
        Modalities and outputs, the modality that is varied or ``all``, and the lengths, ascending.
    batches, devices, dtypes, quantities
        Of each, one or more.
    baseline
        The method that latencies are compared with.
    threads
        Of one worker.
    """

    configs: Configs
    task: Task
    vary: str
    shapes: tuple[Shape, ...]
    batches: tuple[int, ...]
    devices: tuple[Device, ...]
    dtypes: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    baseline: str
    threads: int = 1


@dataclass(frozen=True)
class Running:
    """How a study is run; none of it changes a result."""

    workers: int | None = None
    memory_limit: int | None = None
    time_limit: float = 600.0
    call_limit: float = 0.5
    budget: float = 15.0
    plugins: tuple[str, ...] = ()
    keep_stale: bool = False
    retry_failed: bool = False


def configured(
    names: Iterable[str], task: Task, dataset: str, size: str, settings: Settings
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return each method's whole configuration, checked against the task by building it on meta.

    Raises
    ------
    UserError
        An unknown name or setting, or a method that does not take the task.
    """
    configs = {}
    for name in names:
        recipe = parse(name)
        recipe.check(task, dataset)
        configs[name] = recipe.resolve(size, settings)
        with torch.device("meta"):
            recipe.build(task, configs[name])
    return configs


def cells(study: Study) -> list[CostCell]:
    """List the cells, each quantity's by method, batch and then ascending length."""
    found: list[CostCell] = []
    for quantity in study.quantities:
        if quantity == "latency":
            continue
        for method in study.configs:
            for batch in study.batches:
                for device, dtype in machines(study, quantity):
                    for shape in study.shapes:
                        found.append(cell(study, quantity, (method,), batch, shape, device, dtype))
    if "latency" in study.quantities:
        for device, dtype in machines(study, "latency"):
            for batch in study.batches:
                for shape in study.shapes:
                    methods = tuple(study.configs)
                    found.append(cell(study, "latency", methods, batch, shape, device, dtype))
    return found


def machines(study: Study, quantity: Quantity) -> list[tuple[Device, str]]:
    """Return devices and types of a quantity; counting has neither, predicting has the CPU."""
    if quantity == "flops":
        return [("cpu", "float32")]
    devices: tuple[Device, ...] = ("cpu",) if quantity == "predicted" else study.devices
    return [(device, dtype) for device in devices for dtype in study.dtypes]


def cell(
    study: Study, quantity: Quantity, methods: Sequence[str], batch: int, shape: Shape,
    device: Device, dtype: str,
) -> CostCell:  # fmt: skip
    latency = quantity == "latency"
    return CostCell(
        quantity=quantity,
        configs={name: study.configs[name] for name in methods},
        task=task_at(study.task, shape.lengths),
        batch=batch,
        lengths=dict(shape.lengths),
        device=device,
        dtype=dtype,
        threads=study.threads if quantity in ("latency", "memory") else 1,
        baseline=study.baseline if latency else "",
    )


def run_study(
    study: Study, store: Store, running: Running, shapes: Mapping[tuple[int, ...], Shape]
) -> Iterator[dict[str, Any]]:
    """Run what the store lacks, put each record into it, and yield the record.

    What is counted runs on all cores; what is measured in time runs alone, at the end.
    """
    missing = [c for c in cells(study) if wanted(c, store, running)]
    workers = running.workers or os.cpu_count() or 1
    limit = running.memory_limit or default_memory_limit(workers)
    limits = Limits(limit, running.call_limit, running.budget)
    alone = [c for c in missing if c.quantity == "latency" or c.device == "cuda"]
    several = [c for c in missing if c not in alone]
    for group, side_by_side in ((several, workers), (alone, 1)):
        jobs = series(group, limits, running, predicted_peaks(store)) if group else []
        for done in run_jobs(jobs, side_by_side):
            record = make_record(done, shapes[tuple(done.cell.lengths.values())], study.vary)
            store.put(record, None)
            yield record


def wanted(cell: CostCell, store: Store, running: Running) -> bool:
    """Whether a cell is to be run: it is missing, was made by other code, or failed before."""
    record = store.get(cell.id)
    if record is None:
        return True
    if record["code"]["digest"] != digest(cell):
        return not running.keep_stale
    return record["status"] != "ok" and running.retry_failed


def series(
    group: Sequence[CostCell], limits: Limits, running: Running,
    peaks: Mapping[tuple[Any, ...], int],
) -> list[list[CostJob]]:  # fmt: skip
    """Put cells into jobs: counted ones of a method together, measured ones each by itself."""
    found: dict[tuple[Any, ...], list[CostCell]] = {}
    for each in group:
        key = (each.quantity, each.method, each.batch, each.device, each.dtype)
        found.setdefault(key, []).append(each)
    made = []
    for (quantity, *_), members in found.items():
        parts = [members] if quantity in COUNTED else [[member] for member in members]
        made.append(
            [
                CostJob(
                    tuple(part), informed(limits, part[0], peaks), running.plugins, os.getpid(),
                    running.time_limit * len(part),
                )
                for part in parts
            ]
        )  # fmt: skip
    return made


def informed(limits: Limits, cell: CostCell, peaks: Mapping[tuple[Any, ...], int]) -> Limits:
    """Add what the cell's methods are predicted to need, where that is known."""
    place = (cell.batch, tuple(cell.lengths.values()), cell.dtype)
    known = {name: peaks[name, *place] for name in cell.configs if (name, *place) in peaks}
    return replace(limits, peaks=known)


def digest(cell: CostCell) -> str:
    """Return the digest of the code that a cell's result depends on."""
    module = {"flops": "recurrence", "predicted": "recurrence", "memory": "measured"}
    own = f"fusemark.benchmark.cost.{module.get(cell.quantity, 'latency')}"
    classes: set[str] = set()
    for name in cell.configs:
        recipe = parse(name)
        classes |= {c.__module__ for c in (recipe.entry.cls, *(s.cls for s in recipe.strategies))}
    found = code_digest((own, "fusemark.benchmark.cost.steps", *sorted(classes)))
    if cell.quantity != "flops":
        return found
    # A digest leaves out formulas and what they import, but the count is compared with them.
    return "-".join([found, *sorted({formulas_beside(name) for name in classes})])


@functools.cache
def formulas_beside(module: str) -> str:
    """Hash every file that may hold a part of a method's formula: a plugin, or all methods."""
    file = source(module)
    files = sorted(file.parent.rglob("*.py")) if module.startswith(PACKAGE + ".") else [file]
    total = hashlib.sha256()
    for each in files:
        total.update(each.read_bytes())
    return total.hexdigest()[:8]


def make_record(done: CostDone, shape: Shape, vary: str) -> dict[str, Any]:
    """Return the record of a finished cell."""
    result = dict(done.result)
    return {
        "schema": SCHEMA,
        "id": done.cell.id,
        "cell": asdict(done.cell),
        "vary": vary,
        "length": shape.length,
        "seconds": shape.seconds,
        "status": done.status,
        "error": result.pop("error", None),
        "result": result,
        "duration": done.seconds,
        "versions": versions(),
        "machine": {**machine(), "threads": done.cell.threads},
        "git": git_state(),
        "code": {"digest": digest(done.cell)},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def predicted_peaks(store: Store) -> dict[tuple[Any, ...], int]:
    """Return the predicted peak of a training step by method, batch, lengths and type."""
    found = {}
    for record in store.records():
        asked = record["cell"]
        if asked.get("quantity") == "predicted" and record["status"] == "ok":
            method = next(iter(asked["configs"]))
            key = (method, asked["batch"], tuple(asked["lengths"].values()), asked["dtype"])
            found[key] = record["result"]["training"]
    return found
