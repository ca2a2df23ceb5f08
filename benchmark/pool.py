"""Many small tasks of one kind in worker processes that live on, one thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pebble import ProcessExpired, ProcessPool

from .executors import (
    OUT_OF_MEMORY,
    default_memory_limit,
    one_thread,
    plain_main,
    start_worker,
    watch,
)

Task = TypeVar("Task")
AHEAD = 2  # tasks that wait for each worker, so that none is ever idle


@dataclass(frozen=True)
class Lost:
    """What became of a task that returned nothing: the reason goes on after the task's name."""

    reason: str


@dataclass(frozen=True)
class Pool(Generic[Task]):
    """Runs a function over tasks; one that crashes, or takes too long, costs itself alone.

    Parameters
    ----------
    workers
        Processes at once.
    time_limit
        Seconds that a task may take.
    memory_limit
        Bytes that a worker may hold; None for its share of the machine.
    """

    workers: int
    time_limit: float
    memory_limit: int | None = None

    def __call__(
        self, function: Callable[[Task], Any], tasks: Iterable[Task]
    ) -> Iterator[tuple[Task, Any]]:
        """Yield each task with its result, or :class:`Lost`, as it ends."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["torch", "numpy"])
        limit = self.memory_limit or default_memory_limit(self.workers)
        pool = ProcessPool(
            max_workers=self.workers, context=context, initializer=start,
            initargs=(limit, os.getpid()),
        )  # fmt: skip
        waiting, running = iter(tasks), {}
        try:
            with plain_main(), one_thread():
                while True:
                    while len(running) < AHEAD * self.workers:
                        task = next(waiting, None)
                        if task is None:
                            break
                        running[pool.schedule(function, (task,), timeout=self.time_limit)] = task
                    if not running:
                        return
                    for future in wait(running, timeout=0.25, return_when=FIRST_COMPLETED).done:
                        yield running.pop(future), self.outcome(future)
        finally:
            pool.stop()
            pool.join()

    def outcome(self, future: Future[Any]) -> Any:
        """Return a future's result; what a user can mend (UserError) goes on as it is."""
        try:
            return future.result()
        except TimeoutError:
            return Lost(f"took more than {self.time_limit:g} s; raise --time-limit or leave it out")
        except ProcessExpired as error:
            if error.exitcode == OUT_OF_MEMORY:
                return Lost("went over the worker's memory limit; raise --memory-limit")
            if error.exitcode == -signal.SIGKILL:
                return Lost("its worker was killed (signal 9); most often memory: fewer --workers")
            return Lost(f"its worker crashed (exit code {error.exitcode}); leave it out")


def start(limit: int, owner: int) -> None:
    """Prepare a worker, which ends when it holds too much, or when its run is gone."""
    start_worker()
    threading.Thread(target=watch, args=(limit, owner), daemon=True).start()
