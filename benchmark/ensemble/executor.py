"""The executor of groups: cells that differ by seed and fold alone go to a worker together."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import torch

from ..contract.errors import UserError
from ..executors import Done, Job, failure
from ..pool import Lost, Pool
from ..provenance import describe_error
from ..registry import load_plugin
from .asked import Ensemble
from .group import run_group

MOST = 64  # cells in one group
AGAIN = ("memory", "crashed", "timeout")
"""What the rest of a group may be to blame for; a cell that failed did so by itself."""


@dataclass(frozen=True)
class Group:
    """Jobs that are run as one."""

    jobs: tuple[Job, ...]
    asked: Ensemble


class EnsembleExecutor:
    """Runs cells in groups of like ones, each group in a worker process with one thread.

    What of a group does not fit into memory, or is lost, is halved and tried again, so that a cell
    that is at fault ends by itself.

    Parameters
    ----------
    asked
        Where cells are trained, and whether side by side where the method allows it.
    workers
        Groups at once.
    time_limit
        Seconds that a cell may take; a group may take as many times more as it has cells.
    """

    execution = "worker process"

    def __init__(self, asked: Ensemble, workers: int, time_limit: float):
        self.asked, self.workers, self.time_limit = asked, workers, time_limit

    def run(self, jobs: Iterator[Job]) -> Generator[tuple[Job, Done]]:
        """Yield each job as its group ends."""
        waiting = self.groups(list(jobs))
        while waiting:
            ended, waiting = self.pass_over(waiting), []
            for group, outcome in ended:
                if isinstance(outcome, Lost):
                    outcome = [lost(outcome.reason)] * len(group.jobs)
                again = []
                for job, done in zip(group.jobs, outcome, strict=True):
                    if done.status in AGAIN and len(group.jobs) > 1:
                        again.append(job)
                    else:
                        yield job, done
                half = (len(again) + 1) // 2
                parts = (tuple(again[:half]), tuple(again[half:]))
                waiting += [replace(group, jobs=part) for part in parts if part]

    def pass_over(self, groups: Sequence[Group]) -> Iterator[tuple[Group, list[Done] | Lost]]:
        """Run groups and yield what became of each."""
        most = max(len(group.jobs) for group in groups)
        limit = groups[0].jobs[0].memory_limit * most
        yield from Pool(self.workers, self.time_limit * most, limit)(work, iter(groups))

    def groups(self, jobs: Sequence[Job]) -> list[Group]:
        """Put together what differs by seed and fold alone."""
        found: dict[str, list[Job]] = {}
        for job in jobs:
            asked = asdict(replace(job.cell, seed=0, fold=0))
            found.setdefault(json.dumps(asked, sort_keys=True), []).append(job)
        return [
            Group(tuple(alike[i : i + MOST]), self.asked)
            for alike in found.values()
            for i in range(0, len(alike), MOST)
        ]


def work(group: Group) -> list[Done]:
    """Run a group in a worker; an exception becomes every cell's record."""
    # Deterministic products need it before the first of them.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    began, start, first = time.time(), time.perf_counter(), group.jobs[0]
    try:
        for plugin in first.plugins:
            load_plugin(plugin)
        cells = [job.cell for job in group.jobs]
        results, reason = run_group(
            cells, first.root, first.source, group.asked.device, group.asked.together
        )
    except Exception as error:
        results, reason = [error] * len(group.jobs), None
    name = device_name(group.asked.device)
    execution = f"{len(group.jobs)} seeds side by side" if reason is None else alone(reason)
    seconds = (time.perf_counter() - start) / len(group.jobs)
    return [
        replace(done, seconds=seconds, began=began, device=name, execution=execution)
        for done in (ended(r, job) for r, job in zip(results, group.jobs, strict=True))
    ]


def ended(result: object, job: Job) -> Done:
    """Turn what became of a cell into what a store keeps."""
    if not isinstance(result, Exception):
        record, predictions = result  # type: ignore[misc]
        return Done("ok", record, predictions, 0.0)
    full = isinstance(result, MemoryError | torch.cuda.OutOfMemoryError)
    status = "memory" if full or "out of memory" in str(result).lower() else "failed"
    return Done(status, {"error": describe_error(result, job.root)}, None, 0.0)


def lost(reason: str) -> Done:
    """Return what became of a cell whose worker returned nothing."""
    kinds = {"took more than": ("timeout", "TimeLimit"), "memory limit": ("memory", "MemoryLimit")}
    status, kind = next((k for part, k in kinds.items() if part in reason), ("crashed", "Crashed"))
    return failure(status, kind, reason)


def alone(reason: str) -> str:
    """Say that seeds were trained one by one, and why."""
    return "worker process" + (f"; seeds one by one: {reason}" if reason else "")


def device_name(device: str) -> str:
    """Return what a record calls a device."""
    return "cpu" if device == "cpu" else f"cuda ({torch.cuda.get_device_name(device)})"


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises
    ------
    UserError
        It is none that is known, or this machine has none.
    """
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise UserError(f"--device {device!r}; expected cpu, cuda or cuda:1")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise UserError(
            f"--device {device!r}: torch {torch.__version__} sees {torch.cuda.device_count()} CUDA "
            f"devices here; expected a GPU and a build of torch for it, or use --device cpu"
        )
