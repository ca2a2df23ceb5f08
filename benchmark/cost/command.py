"""``bench cost``: what methods cost as sequences grow."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from ..contract import Task, UserError
from ..contract.errors import near
from ..opening import open_examined
from ..plan import matched
from ..provenance import without_folders
from ..recipes import Settings, parse
from ..registry import methods as registered
from ..registry import strategies
from ..store import Store, write_json
from .cells import CostCell, Quantity
from .rows import PASSES, Growth, Row, as_csv, growths, rows, samples
from .schedule import run_study, wanted
from .standing import FAILED, broken
from .steps import DTYPES, Device
from .study import Running, Study, cells, configured
from .sweep import CREMAD, leading, parse_lengths, parse_sizes, shapes, task_at
from .tables import Comparison, agreement, comparison_tables, comparisons, legend, pivot

QUANTITIES: dict[str, tuple[Quantity, ...]] = {
    "flops": ("flops",),
    "predicted": ("predicted",),
    "memory": ("predicted", "memory"),
    "latency": ("latency",),
}
DATASET = "CREMA-D's task"


@dataclass(frozen=True)
class Asked:
    """The command's options as they were typed, limits in seconds and bytes."""

    methods: str
    lengths: str
    batch: str
    vary: str
    device: str
    dtype: str
    only: str
    size: str
    baseline: str | None
    dataset: str | None
    settings: Settings
    threads: int
    out: Path
    command: str = ""


def run_command(asked: Asked, running: Running, root: Path | None, console: Console) -> bool:
    """Run a study, write its results and print them; return whether every cell has a result.

    Raises
    ------
    UserError
        A name, length or setting that is wrong; nothing has been run then.
    """
    task = open_examined(asked.dataset, {}, root).task if asked.dataset else CREMAD
    study = make_study(asked, task)
    by_lengths = {tuple(shape.lengths.values()): shape for shape in study.shapes}
    store = Store(asked.out).create()
    missing = {cell.id for cell in cells(study) if wanted(cell, store, running)}
    kept = [store.get(cell.id) for cell in cells(study) if cell.id not in missing]
    before = sum(bool(failures(record)) for record in kept if record is not None)
    if before:
        Console(stderr=True).print(
            f"{before} cells failed before: --retry-failed runs them again", soft_wrap=True
        )
    columns = (TextColumn("{task.completed}/{task.total} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=len(missing))
        for record in run_study(study, store, running, by_lengths):
            where = ", ".join(f"{n} {steps}" for n, steps in record["cell"]["lengths"].items())
            what = ",".join(record["cell"]["configs"])[:40]
            progress.update(bar, description=f"{record['cell']['quantity']} of {what}: {where}")
            progress.advance(bar)
    records = [r for r in (store.get(cell.id) for cell in cells(study)) if r is not None]
    lead = task.modalities[leading(task, asked.vary)]
    report(study, records, lead.rate, running.memory_limit, asked, console)
    return not any(map(failures, records))


def make_study(asked: Asked, task: Task) -> Study:
    """Read the options."""
    swept = shapes(task, parse_lengths(asked.lengths), asked.vary)
    names = expanded(asked.methods, task)
    baseline = asked.baseline or names[0]
    if baseline not in names:
        raise UserError(
            f"--baseline {baseline!r} is not among the methods{near(baseline, names)}; expected "
            f"one of {', '.join(names)}"
        )
    wanted_parts = chosen(asked.only, QUANTITIES, "--only")
    quantities: dict[Quantity, None] = {}
    for part in wanted_parts:
        quantities |= dict.fromkeys(QUANTITIES[part])
    devices = chosen(asked.device, get_args(Device), "--device")
    if "cuda" in devices and not torch.cuda.is_available():
        raise UserError("--device cuda: torch finds no CUDA device here; expected cpu")
    biggest = task_at(task, swept[-1].lengths)
    configs = configured(names, biggest, asked.dataset or DATASET, asked.size, asked.settings)
    check_settings(asked.settings, names)
    return Study(
        configs=configs,
        task=task,
        vary=asked.vary,
        shapes=swept,
        batches=parse_sizes(asked.batch, "batch"),
        devices=devices,
        dtypes=chosen(asked.dtype, DTYPES, "--dtype"),
        quantities=tuple(quantities),
        baseline=baseline,
        threads=asked.threads,
    )


def chosen(text: str, known: Any, option: str) -> tuple[Any, ...]:
    """Read names by commas, each of a known few."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in names or ("",):
        if name not in known:
            raise UserError(
                f"{option} {name!r}{near(name, known) or ';'} expected of {', '.join(known)}"
            )
    return names


def expanded(text: str, task: Task) -> list[str]:
    """Spell out ``all`` (every method and strategy) and ``only:*``.

    Of all, those are left out that the task's number of modalities does not suit.
    """
    names: list[str] = []
    for name in (part.strip() for part in text.split(",") if part.strip()):
        if name != "all":
            names.append(name)
            continue
        for entry in registered:
            least, greatest = entry.modalities
            if least <= len(task.names) <= (greatest or len(task.names)):
                names.append(f"{entry.name}:*" if entry.argument else entry.name)
        names += [entry.name for entry in strategies]
    if not names:
        raise UserError(f"--methods {text!r} names no method; `bench list methods` shows all")
    spelled = []
    for name in names:
        several = [name.replace(":*", f":{m}") for m in task.names] if ":*" in name else [name]
        spelled += several
    return list(dict.fromkeys(spelled))


def check_settings(settings: Settings, names: Sequence[str]) -> None:
    """Refuse a setting that reached nothing."""
    used = set().union(*(matched(parse(name), settings) for name in names))
    for path in settings:
        if path not in used:
            raise UserError(
                f"setting {path!r} reaches no method of this sweep{near(path, used) or ';'} "
                f"expected such as METHOD.layers of a method that is named"
            )


def report(
    study: Study, records: Sequence[Mapping[str, Any]], rate: float | None, limit: int | None,
    asked: Asked, console: Console,
) -> None:  # fmt: skip
    """Write CSV and JSON beside the records, and print tables."""
    table = [row for record in records for row in rows(record, limit)]
    declared = {name: parse(name).entry.cost for name in study.configs}
    grown = growths(table, declared, samples(records))
    agreeing = formulas(study, records)
    compared = comparisons(table, study.baseline, rate, agreeing)
    folder = asked.out
    (folder / "cost.csv").write_text(as_csv(table, Row), encoding="utf-8")
    (folder / "cost-growth.csv").write_text(as_csv(grown, Growth), encoding="utf-8")
    (folder / "cost-break-even.csv").write_text(as_csv(compared, Comparison), encoding="utf-8")
    options = {**dataclasses.asdict(asked), "out": None}
    options["command"] = without_folders(asked.command)
    write_json(
        folder / "cost.json",
        {
            "asked": options,
            "task": dataclasses.asdict(study.task),
            "shapes": [dataclasses.asdict(shape) for shape in study.shapes],
            "rows": [dataclasses.asdict(row) for row in table],
            "growth": [dataclasses.asdict(each) for each in grown],
            "break_even": [dataclasses.asdict(each) for each in compared],
            "formulas": verdicts(records),
            "cells": [cell.id for cell in cells(study)],
        },
    )
    for drawn in (*pivot(table, grown), *comparison_tables(compared)):
        console.print(drawn)
        console.print()
    notes = (agreement(table), uncounted(records), disagreements(records), errors(records))
    for line in (*legend(table), *itertools.chain(*notes)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"results: {folder / 'cost.csv'}", soft_wrap=True, highlight=False)


def formulas(
    study: Study, records: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str, int], Callable[[int], int]]:
    """Return the formulas that agree with every count, as functions of the sweep's length."""
    found: dict[tuple[str, str, int], Callable[[int], int]] = {}
    verdict = verdicts(records)
    for method in study.configs:
        for work in PASSES:
            if verdict.get(f"{method} {work}") == "equal":
                for batch in study.batches:
                    function = functools.partial(at_length, study, method, batch, work)
                    found[method, work, batch] = functools.cache(function)
    return found


def at_length(study: Study, method: str, batch: int, work: str, length: int) -> int:
    """Evaluate a method's formula at a length of the sweep's modality."""
    shape = shapes(study.task, [length], study.vary)[0]
    cell = CostCell(
        "flops", {method: study.configs[method]}, study.task, batch, shape.lengths
    )  # fmt: skip
    built = cell.builder(method, "meta")(shape.lengths)
    return built.flops(batch, dict(shape.lengths), work == "training")


def verdicts(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By method and pass: whether its formula equals every count, to the last digit."""
    found: dict[str, str] = {}
    for record in records:
        if record["cell"]["quantity"] != "flops" or record["status"] != "ok":
            continue
        for work in measured(record):
            key = f"{next(iter(record['cell']['configs']))} {work}"
            counted = record["result"][work]
            if counted["analytic"] is None:
                found[key] = "not declared"
            elif counted["analytic"] != counted["total"]:
                found[key] = "differs"
            else:
                found.setdefault(key, "equal")
    return found


def measured(record: Mapping[str, Any]) -> list[str]:
    """Return the passes of which a record has a result."""
    return [work for work in PASSES if record["result"].get(work) is not None]


def disagreements(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which formulas do not equal the counts."""
    differing = [key for key, verdict in verdicts(records).items() if verdict == "differs"]
    absent = [key for key, verdict in verdicts(records).items() if verdict == "not declared"]
    lines = []
    if differing:
        lines.append(f"formula differs from the count: {', '.join(differing)}")
    if absent:
        lines.append(f"no formula declared: {', '.join(absent)}")
    return lines


def uncounted(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the operators that did arithmetic without a formula."""
    found: dict[str, set[str]] = {}
    for record in records:
        if record["cell"]["quantity"] == "flops" and record["status"] == "ok":
            method = next(iter(record["cell"]["configs"]))
            for work in measured(record):
                found.setdefault(method, set()).update(record["result"][work]["uncounted"])
    return [f"not counted in {m}: {', '.join(sorted(ops))}" for m, ops in found.items() if ops]


def failures(record: Mapping[str, Any]) -> list[str]:
    """Say what failed in a record and why; limits that were broken stand in the tables."""
    place = f"{record['cell']['quantity']} at {record['length']}"
    lines = [
        f"{each.method} {place}: {each.message}" for each in broken(record) if each.status in FAILED
    ]
    return list(dict.fromkeys(lines))


def errors(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say of all records what failed."""
    return list(dict.fromkeys(line for record in records for line in failures(record)))
