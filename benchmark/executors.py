"""Where cells run: single-thread worker processes on this machine, each cell in a fresh one."""

from __future__ import annotations

import bisect
import contextlib
import ctypes
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
from pebble import ProcessExpired, ProcessPool

from .cell import Cell, run_quality
from .provenance import describe_error
from .registry import load_plugin

OUT_OF_MEMORY = 77  # exit code of a worker that its own watcher ended
# Imported once in the fork server; none of them starts a thread, a parallel region or a CUDA query.
PRELOADED = ["torch", "torch._dynamo", "numpy", "sklearn.metrics", "pydantic", "psutil"]


class Freight(Protocol):
    """What a worker on another machine needs beside its job."""

    def unload(self) -> None: ...


@dataclass(frozen=True)
class Job:
    """A cell with what its worker needs to run it."""

    cell: Cell
    source: str
    root: Path | None
    plugins: tuple[str, ...]
    memory_limit: int
    owner: int
    """Process that runs the plan; a worker ends with it."""
    freight: Freight | None = None


@dataclass(frozen=True)
class Done:
    """What became of a job: ``ok`` with results, or another status with the error."""

    status: str
    result: dict[str, Any]
    predictions: dict[str, np.ndarray] | None
    seconds: float
    """From the job's beginning in its process to its end."""
    began: float | None = None
    """Time of day when it began, None where that cannot be known."""
    start: float | None = None
    """Seconds from a place falling free for it to its beginning in a new process."""
    origin: Mapping[str, Any] | None = None
    """Versions, machine and commit where it ran, None for those of this process."""
    device: str | None = None
    """Where it was trained, None for the CPU by an executor that knows no other."""
    execution: str | None = None
    """How, where that differs between an executor's cells."""


class Executor(Protocol):
    """Runs jobs somewhere, ``workers`` at once; ``execution`` is what records say of it."""

    workers: int
    execution: str

    def run(self, jobs: Iterator[Job]) -> Generator[tuple[Job, Done]]:
        """Yield each job as it ends; jobs are taken from the iterator only as places fall free."""
        ...


class Places:
    """When places fell free: jobs begin in the order in which they were handed over.

    The k-th job of n workers (from 0) waits for the end of the (k - n)-th job to end, so that what
    passes from then to its beginning is the harness's own: a process's end, a new one's start, and
    the parent's time to hand a job over.
    """

    def __init__(self, workers: int):
        self.free = [time.time()] * workers

    def ended(self, number: int, done: Done) -> Done:
        """Note that the job of this number ended, and return what became of it with its start."""
        if done.began is None:
            bisect.insort(self.free, time.time())
            return done
        bisect.insort(self.free, done.began + done.seconds)
        return replace(done, start=max(done.began - self.free[number], 0.0))


class LocalExecutor:
    """Runs jobs in worker processes from a fork server, each in its own fresh process.

    Parameters
    ----------
    workers
        Processes at once; each uses one thread.
    time_limit
        Seconds a cell may take.
    """

    execution = "worker process"

    def __init__(self, workers: int, time_limit: float):
        self.workers, self.time_limit = workers, time_limit

    def run(self, jobs: Iterator[Job]) -> Generator[tuple[Job, Done]]:
        """Yield each job as it ends; jobs are taken from the iterator only as places fall free."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        pool = ProcessPool(
            max_workers=self.workers, max_tasks=1, context=context, initializer=start_worker
        )
        running: dict[Future[Any], tuple[int, Job]] = {}
        places, numbers = Places(self.workers), itertools.count()
        try:
            with plain_main(), one_thread():
                while True:
                    # One more than can run waits its turn, so that no worker is ever idle.
                    while len(running) <= self.workers:
                        job = next(jobs, None)
                        if job is None:
                            break
                        future = pool.schedule(work, (job,), timeout=self.time_limit)
                        running[future] = next(numbers), job
                    if not running:
                        return
                    ended, _ = wait(running, timeout=0.25, return_when=FIRST_COMPLETED)
                    for future in sorted(ended, key=lambda each: running[each][0]):
                        number, job = running.pop(future)
                        yield job, places.ended(number, self.outcome(future))
        finally:
            pool.stop()
            pool.join()

    def outcome(self, future: Future[Any]) -> Done:
        """Turn a future into what happened."""
        try:
            return future.result()
        except TimeoutError:
            message = f"took more than the time limit of {self.time_limit:g} s"
            return failure("timeout", "TimeLimit", message)
        except ProcessExpired as error:
            code = error.exitcode
            if code == OUT_OF_MEMORY:
                return failure("memory", "MemoryLimit", "went over the memory limit of the worker")
            if code == -signal.SIGKILL:
                message = "the worker was killed (signal 9): most often by a system out of memory"
                return failure("crashed", "Killed", message)
            return failure("crashed", "Crashed", f"the worker ended with exit code {code}")


def failure(status: str, kind: str, message: str) -> Done:
    error = {"type": kind, "message": message, "traceback": ""}
    return Done(status, {"error": error}, None, 0.0)


def start_worker() -> None:
    """Prepare a fresh worker: one thread, no answer to Ctrl-C, an end with its parent."""
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # When the run is killed its fork server ends, and this worker with it.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def work(job: Job) -> Done:
    """Run one job in a worker; an exception becomes a record, a crash is seen by the parent."""
    watched = (job.memory_limit, job.owner)
    threading.Thread(target=watch, args=watched, daemon=True).start()
    began, start = time.time(), time.perf_counter()
    try:
        if job.freight:
            job.freight.unload()
        for plugin in job.plugins:
            load_plugin(plugin)
        result, predictions = run_quality(job.cell, job.root, job.source)
        return Done("ok", result, predictions, time.perf_counter() - start, began)
    except Exception as error:
        text = str(error).lower()
        full = (
            isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text
        )
        described = describe_error(error, job.root)
        status = "memory" if full or "not enough memory" in text else "failed"
        return Done(status, {"error": described}, None, time.perf_counter() - start, began)


def watch(limit: int, owner: int) -> None:
    """End this process as soon as it holds more than the limit, in bytes, or its run is gone.

    A run that is killed leaves its fork server alive for as long as a worker is.
    """
    process = psutil.Process()
    try:
        run = psutil.Process(owner)
        while process.memory_info().rss <= limit and run.is_running():
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        pass
    os._exit(OUT_OF_MEMORY)


def default_memory_limit(workers: int) -> int:
    """Nine tenths of the machine's memory, shared by the workers, in bytes."""
    return int(0.9 * psutil.virtual_memory().total / workers)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let the fork server and its children see one thread for every numerical library."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def plain_main() -> Iterator[None]:
    """Keep workers from importing the main script again: they need nothing of it."""
    main = sys.modules["__main__"]
    saved = {name: main.__dict__.pop(name) for name in ("__file__",) if name in main.__dict__}
    spec, main.__spec__ = main.__spec__, None
    try:
        yield
    finally:
        main.__dict__.update(saved)
        main.__spec__ = spec
