"""Where cost cells run: fresh worker processes; a cell that breaks a limit ends its series.

A process that is ended by a limit takes a block of latencies with it; the block is then run again
without the method that was at work.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from ..executors import (
    OUT_OF_MEMORY,
    PRELOADED,
    default_memory_limit,
    one_thread,
    plain_main,
    watch,
)
from ..provenance import describe_error
from ..registry import load_plugin
from .ahead import passed_over, told
from .breaks import RAISED, Note, read_note, status_of
from .cells import PASSES, CostCell, Limits, Marks, Pass
from .kinds import run_cells
from .used import Used, prepare_gpu, used


@dataclass(frozen=True)
class CostJob:
    """Cells of one kind for one worker, with what it needs; a fresh process runs them in turn."""

    cells: tuple[CostCell, ...]
    limits: Limits
    plugins: tuple[str, ...]
    owner: int
    seconds: float
    """Time limit of the whole job."""
    passes: tuple[Pass, ...] = PASSES
    """Of measured memory, which of the two are measured."""
    note: Path | None = None
    """Where a block's worker writes at which method it is."""


@dataclass(frozen=True)
class CostDone:
    """What became of a cell: ``ok`` with a result, or why there is none."""

    cell: CostCell
    status: str
    result: dict[str, Any]
    seconds: float = 0.0
    passes: tuple[Pass, ...] = PASSES
    used: Used | None = None


def run_jobs(series: Sequence[Sequence[CostJob]], workers: int) -> Iterator[CostDone]:
    """Run series of jobs side by side, the jobs of one series in turn.

    Lengths ascend within a series: after a job that failed, the rest of its series is not run.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, *shared()])
    pool = ProcessPool(max_workers=workers, max_tasks=1, context=context, initializer=start_worker)
    waiting = [list(jobs) for jobs in series if jobs]
    running: dict[Future[Any], list[CostJob]] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            with plain_main(), one_thread():
                while waiting or running:
                    while waiting and len(running) <= workers:
                        first, *rest = waiting.pop(0)
                        first = with_note(first, Path(folder))
                        future = pool.schedule(work, (first,), timeout=first.seconds)
                        running[future] = [first, *rest]
                    ended, _ = wait(running, timeout=0.25, return_when=FIRST_COMPLETED)
                    for future in ended:
                        first, *rest = running.pop(future)
                        found = outcome(future, first)
                        again = without_broken(first, found)
                        if again is not None:
                            waiting.insert(0, [again, *rest])
                            continue
                        yield from found
                        broken = next((done for done in found if done.status != "ok"), None)
                        if broken is None and rest:
                            known = told(rest[0].limits, found[-1].cell, found[-1].result)
                            waiting.insert(0, [replace(rest[0], limits=known), *rest[1:]])
                        elif broken is not None:
                            yield from not_run(rest, broken)
        finally:
            pool.stop()
            pool.join()


def shared() -> list[str]:
    """Name the modules that every worker needs, and each of hundreds would import anew."""
    methods = [name for name in sys.modules if name.startswith("fusemark.methods.")]
    return [__name__, "torch.profiler", *methods]


def with_note(job: CostJob, folder: Path) -> CostJob:
    """Give a block a new file for its note."""
    if job.cells[0].quantity != "latency":
        return job
    file, name = tempfile.mkstemp(dir=folder)
    os.close(file)
    return replace(job, note=Path(name))


def without_broken(job: CostJob, found: Sequence[CostDone]) -> CostJob | None:
    """Return the block to run again, where it ended at the work of one method, which is marked.

    A block that reaches the time limit ended at the work of one method if that took the greater
    part of the time since the process began to work; a busy machine is long about starting it.
    """
    noted = read_note(job.note)
    status = found[0].status
    if status == "ok" or noted is None:
        return None
    name, method, since, began = noted
    marks = Marks()
    if method in job.limits.known.get(name, marks):
        return None
    now = time.time()
    if status == "timeout" and now - since < (now - began) / 2:
        return None
    marks.broken[method] = {**found[0].result["error"], "status": status}
    return replace(job, limits=job.limits.knowing(name, marks))


def outcome(future: Future[Any], job: CostJob) -> list[CostDone]:
    """Turn a future into what happened to each cell of its job."""
    try:
        return future.result()
    except TimeoutError:
        return failed(job, "timeout", f"took more than the time limit of {job.seconds:g} s")
    except ProcessExpired as error:
        if error.exitcode == OUT_OF_MEMORY:
            gib = host_limit(job) / 2**30
            return failed(job, "memory", f"went over the memory limit of {gib:.3g} GiB")
        if error.exitcode == -signal.SIGKILL:
            return failed(job, "memory", "the worker was killed: the system ran out of memory")
        return failed(job, "crashed", f"the worker ended with exit code {error.exitcode}")


def failed(job: CostJob, status: str, message: str) -> list[CostDone]:
    return failed_by(job, status, {"type": status, "message": message, "traceback": ""})


def failed_by(job: CostJob, status: str, error: Mapping[str, str]) -> list[CostDone]:
    return [CostDone(cell, status, {"error": error}, passes=job.passes) for cell in job.cells]


def not_run(jobs: Sequence[CostJob], broken: CostDone) -> Iterator[CostDone]:
    """Say of jobs behind a failed one that they were not run, and why."""
    for job in jobs:
        yield from failed_by(job, broken.status, passed_over(broken.status, broken.cell))


def host_limit(job: CostJob) -> int:
    """Return the bytes that a worker may be resident in: of a GPU's, what the machine has."""
    limit = None if job.cells[0].on_gpu else job.limits.memory
    return limit or default_memory_limit(1)


def start_worker() -> None:
    """Prepare a fresh worker: no answer to Ctrl-C, an end with its parent."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def work(job: CostJob) -> list[CostDone]:
    """Run a job's cells in a worker; an exception becomes the result of its cell."""
    import torch

    torch.set_num_threads(job.cells[0].threads)
    watched = (host_limit(job), job.owner)
    threading.Thread(target=watch, args=watched, daemon=True).start()
    done: list[CostDone] = []
    start, on_gpu = time.perf_counter(), job.cells[0].on_gpu
    try:
        for plugin in job.plugins:
            load_plugin(plugin)
        if on_gpu:
            prepare_gpu(job.cells[0].dtype, job.limits.memory)
        for cell, result in run_cells(job.cells, job.limits, job.passes, Note(job.note)):
            seconds = time.perf_counter() - start
            done.append(CostDone(cell, "ok", result, seconds, job.passes, used(on_gpu, seconds)))
            start = time.perf_counter()
    except RAISED as error:
        result = {"error": describe_error(error)}
        for cell in job.cells[len(done) :]:
            done.append(CostDone(cell, status_of(error), result, passes=job.passes))
    return done
