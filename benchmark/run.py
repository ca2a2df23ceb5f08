"""One run: a plan's missing cells through the executor into the store."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import sentiment
from .cell import Cell
from .contract import UserError
from .cost.beside import Beside
from .cost.study import Running
from .executors import Done, Job, LocalExecutor, default_memory_limit
from .plan import Plan, Planned, identities
from .progress import Progress
from .provenance import git_state, machine, versions, without_folders
from .store import LOOSE, Store
from .until_decided import batches, check_part

SCHEMA = 1


@dataclass(frozen=True)
class Options:
    """How a plan is run; none of it changes a result, so none of it enters a cell's hash."""

    workers: int | None = None
    time_limit: float = 7200.0
    memory_limit: int | None = None
    keep_stale: bool = False
    retry_failed: bool = False
    part: tuple[int, int] = (1, 1)
    plugins: tuple[str, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Found:
    """The cells of a plan by what the store holds of them."""

    missing: list[Cell]
    stale: list[Cell]
    failed: list[Cell]
    done: list[Cell]


def run(
    plan: Plan | Planned,
    out: Path | str,
    root: Path | str | None = None,
    options: Options = Options(),
    progress: Progress | None = None,
) -> Store:
    """Run what a plan's store lacks and return the store.

    Parameters
    ----------
    plan
        What to run.
    out
        Folder of the store; a run that was stopped goes on in it.
    root
        Data root: one folder a corpus. Default: the environment's ``FUSEMARK_DATA``.

    Raises
    ------
    UserError
        A name, a setting or data that is wrong; nothing has been run then.
    """
    planned = plan if isinstance(plan, Planned) else Planned(plan, data_root(root))
    check_part(planned, options.part)
    store = Store(out).create()
    store.put_plan({**describe(planned, options), "registered": registered(planned, store)})
    progress = progress or Progress(quiet=True)
    workers = options.workers or os.cpu_count() or 1
    limit = options.memory_limit or default_memory_limit(workers)
    put = 0
    for cells in batches(planned, store, progress.say):
        chosen = to_do(survey(planned, store, options, cells), options)
        executor = LocalExecutor(min(workers, max(len(chosen), 1)), options.time_limit)
        wanted = jobs(chosen, planned, store, options, limit)
        with progress.over(len(cells), len(chosen), executor.workers):
            for job, done in executor.run(wanted) if chosen else ():
                record = make_record(job.cell, planned, done)
                store.put(record, done.predictions)
                progress.advance(record)
                put += 1
                if put % LOOSE == 0:
                    store.compact()
    measure(planned, store, options, progress)
    store.compact()
    return store


def measure(planned: Planned, store: Store, options: Options, progress: Progress) -> None:
    """Measure the cost of the plan's methods, where it asks for any and the store lacks it."""
    beside, how = Beside.of(planned), running(options)
    missing = beside.missing(store, how)
    with progress.counting("cost cells", missing) as advance:
        if missing:
            beside.run(store, how, lambda _: advance())


def running(options: Options) -> Running:
    """Return how cost cells are run."""
    return Running(
        workers=options.workers, memory_limit=options.memory_limit, time_limit=options.time_limit,
        plugins=options.plugins, keep_stale=options.keep_stale, retry_failed=options.retry_failed,
    )  # fmt: skip


def unmeasured(planned: Planned, store: Store, options: Options) -> int:
    """Cost cells that the store lacks."""
    return Beside.of(planned).missing(store, running(options))


def data_root(given: Path | str | None) -> Path | None:
    """Return the data root: as given, or the environment's FUSEMARK_DATA."""
    named = given or os.environ.get("FUSEMARK_DATA")
    if not named:
        return None
    root = Path(named).expanduser()
    if not root.is_dir():
        raise UserError(
            f"data root {str(named)!r} is not a folder; expected one with a folder for each corpus "
            f"(--data-root, or FUSEMARK_DATA)"
        )
    return root.resolve()


def survey(
    planned: Planned, store: Store, options: Options, cells: Sequence[Cell] | None = None
) -> Found:
    """Sort this part's cells, of those given or all, by what the store holds of them."""
    part, parts = options.part
    found = Found([], [], [], [])
    whole = cells is None or cells is planned.cells
    chosen = (planned.cells if cells is None else cells)[part - 1 :: parts]
    names = planned.names[part - 1 :: parts] if whole else identities(chosen)
    known = store.briefs(names)
    for cell, name in zip(chosen, names, strict=True):
        brief = known.get(name)
        if brief is None:
            found.missing.append(cell)
        elif brief.digest != planned.digests(cell)[0]:
            found.stale.append(cell)
        elif brief.status != "ok":
            found.failed.append(cell)
        else:
            found.done.append(cell)
    return found


def to_do(found: Found, options: Options) -> list[Cell]:
    """Return the cells to run, in the plan's order of kinds: missing, then stale, then failed."""
    chosen = list(found.missing)
    chosen += [] if options.keep_stale else found.stale
    chosen += found.failed if options.retry_failed else []
    return chosen


def jobs(
    cells: Iterable[Cell], planned: Planned, store: Store, options: Options, limit: int
) -> Iterator[Job]:
    """Yield the jobs, passing over what another run into the same store has meanwhile finished."""
    cells = list(cells)
    before = store.briefs(identities(cells))
    for cell in cells:
        if cell.id not in before and store.get(cell.id) is not None:
            continue
        yield Job(
            cell, planned.sources[cell.dataset], planned.root, options.plugins, limit, os.getpid()
        )


def make_record(cell: Cell, planned: Planned, done: Done) -> dict[str, Any]:
    """Return the record of a finished cell."""
    digest, harness = planned.digests(cell)
    return {
        "schema": SCHEMA,
        "id": cell.id,
        "cell": asdict(cell),
        "size": planned.plan.size,
        "status": done.status,
        "error": None,
        **with_sentiment(done),
        "overhead": overhead(done),
        "versions": versions(),
        "machine": {**machine(), "threads": 1},
        "device": "cpu",
        "execution": "worker process",
        "git": git_state(),
        "code": {"digest": digest, "harness": harness},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def with_sentiment(done: Done) -> dict[str, Any]:
    """Return what a cell measured; where it told a sentiment, with that field's metrics."""
    result, predictions = done.result, done.predictions or {}
    if done.status != "ok" or result.get("kind") != "regression":
        return result
    more = sentiment.scores(predictions["values"], predictions["labels"], result["outputs"])
    return {**result, "metrics": {**result["metrics"], **more}}


def overhead(done: Done) -> dict[str, float] | None:
    """Return the seconds around a cell that ended well: its process's start, and beside the cell.

    None where an executor does not know when the cell began.
    """
    if done.start is None or "durations" not in done.result:
        return None
    return {"start": done.start, "worker": done.seconds - done.result["durations"]["total"]}


def registered(planned: Planned, store: Store) -> dict[str, Any]:
    """Say when a plan was fixed, and how many cells the store held by then.

    The same plan asked for again keeps its first date: it was fixed before its first cell, or it
    was not.
    """
    before = store.plan() or {}
    if before.get("hash") == planned.plan.hash and "registered" in before:
        return before["registered"]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"time": now, "cells": store.count()}


def series(planned: Planned) -> dict[str, dict[str, int]]:
    """By dataset, the name that it has at each length with its frames; empty without lengths."""
    found: dict[str, dict[str, int]] = {}
    for variant in planned.variants.values():
        if variant.length is not None:
            found.setdefault(variant.base, {})[variant.name] = variant.length
    return found


def describe(planned: Planned, options: Options) -> dict[str, Any]:
    """Return what the store keeps of a plan."""
    return {
        **planned.plan.model_dump(),
        "datasets": list(planned.datasets),
        "methods": list(dict.fromkeys(cell.method for cell in planned.cells)),
        "hash": planned.plan.hash,
        "command": without_folders(options.command),
        "cells": planned.names,
        "costs": Beside.of(planned).ids(),
        "series": series(planned),
        "comparisons": [asdict(pair) for pair in planned.comparisons],
        "python": sys.version.split()[0],
    }
