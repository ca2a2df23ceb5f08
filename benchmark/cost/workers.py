"""Where cost cells run: fresh worker processes; a cell that breaks a limit ends its series."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from typing import Any

from pebble import ProcessExpired, ProcessPool

from ..executors import OUT_OF_MEMORY, PRELOADED, one_thread, plain_main, watch
from ..provenance import describe_error
from ..registry import load_plugin
from .bounds import TooSlowError
from .cells import CostCell, Limits, run_cells, told


@dataclass(frozen=True)
class CostJob:
    """Cells of one kind for one worker, with what it needs; a fresh process runs them in turn."""

    cells: tuple[CostCell, ...]
    limits: Limits
    plugins: tuple[str, ...]
    owner: int
    seconds: float
    """Time limit of the whole job."""


@dataclass(frozen=True)
class CostDone:
    """What became of a cell: ``ok`` with a result, or why there is none."""

    cell: CostCell
    status: str
    result: dict[str, Any]
    seconds: float = 0.0


def run_jobs(series: Sequence[Sequence[CostJob]], workers: int) -> Iterator[CostDone]:
    """Run series of jobs side by side, the jobs of one series in turn.

    Lengths ascend within a series: after a job that failed, the rest of its series is not run.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    pool = ProcessPool(max_workers=workers, max_tasks=1, context=context, initializer=start_worker)
    waiting = [list(jobs) for jobs in series if jobs]
    running: dict[Future[Any], list[CostJob]] = {}
    try:
        with plain_main(), one_thread():
            while waiting or running:
                while waiting and len(running) <= workers:
                    jobs = waiting.pop(0)
                    running[pool.schedule(work, (jobs[0],), timeout=jobs[0].seconds)] = jobs
                ended, _ = wait(running, timeout=0.25, return_when=FIRST_COMPLETED)
                for future in ended:
                    first, *rest = running.pop(future)
                    found = outcome(future, first)
                    yield from found
                    broken = next((done for done in found if done.status != "ok"), None)
                    if broken is None and rest:
                        known = told(rest[0].limits, found[-1].cell, found[-1].result)
                        waiting.insert(0, [replace(rest[0], limits=known), *rest[1:]])
                    elif broken is not None:
                        yield from passed_over(rest, broken)
    finally:
        pool.stop()
        pool.join()


def outcome(future: Future[Any], job: CostJob) -> list[CostDone]:
    """Turn a future into what happened to each cell of its job."""
    try:
        return future.result()
    except TimeoutError:
        return failed(job, "timeout", f"took more than the time limit of {job.seconds:g} s")
    except ProcessExpired as error:
        if error.exitcode == OUT_OF_MEMORY:
            gib = job.limits.memory / 2**30
            return failed(job, "memory", f"went over the memory limit of {gib:.3g} GiB")
        if error.exitcode == -signal.SIGKILL:
            return failed(job, "memory", "the worker was killed: the system ran out of memory")
        return failed(job, "crashed", f"the worker ended with exit code {error.exitcode}")


def failed(job: CostJob, status: str, message: str) -> list[CostDone]:
    error = {"type": status, "message": message, "traceback": ""}
    return [CostDone(cell, status, {"error": error}) for cell in job.cells]


def passed_over(jobs: Sequence[CostJob], broken: CostDone) -> Iterator[CostDone]:
    """Say of jobs behind a failed one that they were not run, and why."""
    lengths = ", ".join(f"{n} {steps}" for n, steps in broken.cell.lengths.items())
    message = f"not run: {broken.status} at the shorter {lengths}"
    for job in jobs:
        yield from failed(job, broken.status, message)


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
    watched = (job.limits.memory, job.owner)
    threading.Thread(target=watch, args=watched, daemon=True).start()
    done: list[CostDone] = []
    start = time.perf_counter()
    try:
        for plugin in job.plugins:
            load_plugin(plugin)
        for cell, result in run_cells(job.cells, job.limits):
            done.append(CostDone(cell, "ok", result, time.perf_counter() - start))
            start = time.perf_counter()
    except Exception as error:
        text = str(error).lower()
        full = isinstance(error, MemoryError) or "out of memory" in text or "enough memory" in text
        status = "memory" if full or "allocate memory" in text else "failed"
        status = "timeout" if isinstance(error, TooSlowError) else status
        result = {"error": describe_error(error)}
        done += [CostDone(cell, status, result) for cell in job.cells[len(done) :]]
    return done
