"""A study of cost: which cells it has, what the store holds of them, and running the rest."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import torch

from ..contract import Task
from ..digest import PACKAGE, code_digest, source
from ..provenance import git_state, machine, versions
from ..recipes import Settings, parse
from .cells import Configs, CostCell, Quantity
from .steps import Device
from .sweep import Shape, task_at
from .workers import CostDone

SCHEMA = 1


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
    """Return devices and types of a quantity; counting has neither."""
    if quantity == "flops":
        return [("cpu", "float32")]
    return [(device, dtype) for device in study.devices for dtype in study.dtypes]


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


def make_record(
    done: CostDone, shape: Shape, vary: str, limits: Mapping[str, float | None] | None = None
) -> dict[str, Any]:
    """Return the record of a finished cell, with the limits that it was run under, if any."""
    result = dict(done.result)
    used = done.used
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
        "limits": limits,
        "used": used and {"memory": used.memory, "time": used.seconds},
        "versions": versions(),
        "machine": {**machine(), "threads": done.cell.threads},
        "gpu": used and used.gpu,
        "git": git_state(),
        "code": {"digest": digest(done.cell)},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
