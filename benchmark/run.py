"""One run: a plan's missing cells through the executor into the store."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import sentiment
from .cell import Cell
from .cluster.asked import Cluster
from .contract import UserError
from .cost.beside import Beside
from .cost.study import Running
from .digest import code_digest
from .ensemble.asked import Ensemble
from .executors import Done, Executor, Job, LocalExecutor, default_memory_limit
from .plan import Plan, Planned, identities
from .precision import check_precision
from .progress import Progress
from .provenance import origin, without_folders
from .records import Damaged
from .registration import check_kept, registered
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
    cluster: Cluster | None = None
    ensemble: Ensemble | None = None


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
    check_precision((cell.training for cell in planned.cells), options.ensemble is not None)
    store = Store(out).create()
    register(planned, store, options)
    progress = progress or Progress(quiet=True)
    for _, record in store.loose():
        if isinstance(record, Damaged):
            progress.say(f"damaged, counts as missing: {record}")
    put = 0
    with executors(planned, options) as executor_of:
        for cells in batches(planned, store, progress.say):
            chosen = to_do(survey(planned, store, options, cells), options)
            if not chosen:
                continue
            executor = executor_of(len(chosen))
            ended = executor.run(jobs(chosen, planned, store, options))
            with progress.over(len(cells), len(chosen), executor.workers), closing(ended):
                for job, done in ended:
                    record = make_record(job.cell, planned, done, executor.execution)
                    store.put(record, done.predictions)
                    progress.advance(record)
                    put += 1
                    if put % LOOSE == 0:
                        store.compact()
    measure(planned, store, options, progress)
    store.compact()
    return store


@contextmanager
def executors(planned: Planned, options: Options) -> Iterator[Callable[[int], Executor]]:
    """Give what makes an executor for so many cells; a cluster is joined for the first one.

    Raises
    ------
    UserError
        A cluster that cannot be used.
    """
    with ExitStack() as stack:

        @functools.cache
        def cluster(asked: Cluster) -> Executor:
            from .cluster.connect import connected

            stack.enter_context(connected(asked))
            from .cluster.driver import Crew, RayExecutor

            crew = Crew(planned, options.plugins, asked, options.workers)
            return RayExecutor(crew, options.time_limit)

        def executor(cells: int) -> Executor:
            if options.cluster:
                return cluster(options.cluster)
            if options.ensemble:
                from .ensemble.executor import EnsembleExecutor

                at_once = workers(options) if options.ensemble.device == "cpu" else 1
                return EnsembleExecutor(options.ensemble, at_once, options.time_limit)
            return LocalExecutor(min(workers(options), cells), options.time_limit)

        yield executor


def workers(options: Options) -> int:
    """Return how many processes of this machine run cells."""
    return options.workers or os.cpu_count() or 1


def memory_limit(options: Options) -> int:
    """Return the bytes that a cell may hold."""
    if options.memory_limit:
        return options.memory_limit
    if options.cluster:
        return options.cluster.memory
    return default_memory_limit(workers(options))


def measure(planned: Planned, store: Store, options: Options, progress: Progress) -> None:
    """Measure the cost of the plan's methods, where it asks for any and the store lacks it."""
    found, how = beside(planned, options), running(options)
    missing = found.missing(store, how)
    with progress.counting("cost cells", missing) as advance:
        if missing:
            found.run(store, how, lambda _: advance())


def beside(planned: Planned, options: Options) -> Beside:
    """Return what is measured beside, on the kind of device that cells are trained on."""
    asked = options.ensemble.device if options.ensemble else "cpu"
    return Beside.of(planned, "cpu" if asked == "cpu" else "cuda")


def running(options: Options) -> Running:
    """Return how cost cells are run."""
    return Running(
        workers=options.workers, memory_limit=options.memory_limit, time_limit=options.time_limit,
        plugins=options.plugins, keep_stale=options.keep_stale, retry_failed=options.retry_failed,
    )  # fmt: skip


def unmeasured(planned: Planned, store: Store, options: Options) -> int:
    """Cost cells that the store lacks."""
    return beside(planned, options).missing(store, running(options))


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
        elif brief.digest not in own_code(planned.digests(cell)[0], brief.digest):
            found.stale.append(cell)
        elif brief.status != "ok":
            found.failed.append(cell)
        else:
            found.done.append(cell)
    return found


def own_code(digest: str, kept: str | None) -> tuple[str, ...]:
    """Return the digests of a cell that was run by the code that is here, in either way."""
    return (digest, with_ensemble(digest)) if "+" in (kept or "") else (digest,)


def with_ensemble(digest: str) -> str:
    """Return the digest of a cell that was trained beside others: that code counts too."""
    return f"{digest}+{code_digest(('fusemark.benchmark.ensemble.executor',))}"


def to_do(found: Found, options: Options) -> list[Cell]:
    """Return the cells to run, in the plan's order of kinds: missing, then stale, then failed."""
    chosen = list(found.missing)
    chosen += [] if options.keep_stale else found.stale
    chosen += found.failed if options.retry_failed else []
    return chosen


def jobs(cells: Iterable[Cell], planned: Planned, store: Store, options: Options) -> Iterator[Job]:
    """Yield the jobs, passing over what another run into the same store has meanwhile finished."""
    cells, limit = list(cells), memory_limit(options)
    before = store.briefs(identities(cells))
    for cell in cells:
        if cell.id not in before and store.get(cell.id) is not None:
            continue
        yield Job(
            cell, planned.sources[cell.dataset], planned.root, options.plugins, limit, os.getpid()
        )


def make_record(cell: Cell, planned: Planned, done: Done, execution: str) -> dict[str, Any]:
    """Return the record of a finished cell."""
    digest, harness = planned.digests(cell)
    digest = with_ensemble(digest) if done.device else digest
    ran = done.origin or origin()
    return {
        "schema": SCHEMA,
        "id": cell.id,
        "cell": asdict(cell),
        "size": planned.plan.size,
        "status": done.status,
        "error": None,
        **with_sentiment(done),
        "overhead": overhead(done),
        "versions": ran["versions"],
        "machine": ran["machine"],
        "device": done.device or "cpu",
        "execution": done.execution or execution,
        "git": ran["git"],
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


def register(planned: Planned, store: Store, options: Options) -> None:
    """Write the plan into its store, with when it was fixed.

    Raises
    ------
    UserError
        The plan that is there was damaged, or changed by hand.
    """
    before, plan = store.plan(), describe(planned, options)
    check_kept(before, store.path / "plan.json")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    store.put_plan({**plan, "registered": registered(plan, before, now, store.count())})


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
        "asked": {
            "methods": list(planned.plan.methods),
            "datasets": [without_folders(name) for name in planned.plan.datasets],
        },
        "hash": planned.plan.hash,
        "command": without_folders(options.command),
        "cells": planned.names,
        "costs": beside(planned, options).ids(),
        "series": series(planned),
        "comparisons": [asdict(pair) for pair in planned.comparisons],
        "python": sys.version.split()[0],
    }
