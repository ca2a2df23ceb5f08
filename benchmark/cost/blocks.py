"""Blocks of latencies: all methods at one shape in turn; one that breaks leaves the rest be."""

from __future__ import annotations

import functools
import gc
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, TypeVar

import psutil
import torch

from ..contract import Batch
from ..provenance import describe_error
from .ahead import bound
from .breaks import RAISED, Note, status_of
from .cells import PASSES, CostCell, Limits, Marks, Pass, Result
from .energy import joules
from .latency import TurnError, measure
from .steps import Device, Measured, full_batch
from .sweep import task_at

T = TypeVar("T")
WARM_UP = {"cpu": 1, "cuda": 2}
"""Calls before timing; on a GPU the first also loads kernels, which takes seconds."""


def latency_results(
    cells: list[CostCell], limits: Limits, note: Note | None = None
) -> Iterator[Result]:
    """Time all methods of each block against one another, inference and then training steps."""
    for cell in cells:
        yield Block(cell, limits, note or Note(None)).run()


class Block:
    """The methods of one cell, in one process.

    Every method is called first in both passes, and only what neither raised nor broke a limit is
    timed; what broke gets a mark in its pass, and in training where it broke in inference, which a
    training step holds. Where a method ends the process the note names it, for the caller to try
    the block again with the method marked.

    A method's need of memory is compared with the limit as that is enforced: what the process holds
    (on a GPU: its allocator) with every method and the batch there, none called yet, and what a
    call is predicted to add. All methods of a block are there at once, so that what the others hold
    counts too.
    """

    def __init__(self, cell: CostCell, limits: Limits, note: Note):
        self.cell, self.limits, self.note = cell, limits, note
        known = limits.known
        self.marks: dict[str, Marks] = {w: Marks().joined(known.get(w, Marks())) for w in PASSES}
        self.methods: dict[str, Measured] = {}

    def run(self) -> Result:
        """Build, call and time all methods."""
        cell = self.cell
        data = full_batch(task_at(cell.task, cell.lengths), cell.batch, cell.lengths, cell.device)
        for method in cell.configs:
            if method not in self.marks["inference"]:
                built = self.guarded("inference", method, functools.partial(self.build, method))
                self.methods |= {} if built is None else {method: built}
        self.inherit()
        there = held(cell.device)
        for work in PASSES:
            for method in self.left(work):
                self.guarded(work, method, functools.partial(self.admit, work, method, data, there))
            self.inherit()
        result: Result = {"threads": torch.get_num_threads()}
        for work in PASSES:
            times = self.timed(work, data)
            if work == "inference":
                result["joules"] = {
                    method: self.guarded(work, method, functools.partial(joules, call, cell.device))
                    for method, call in self.calls(work, data).items()
                }
            result[work] = {**times, **asdict(self.marks[work])}
            self.inherit()
        return result

    def build(self, method: str) -> Measured:
        torch.manual_seed(0)
        model = self.cell.builder(method)(self.cell.lengths).to(self.cell.device)
        return Measured(model, self.cell.device, self.cell.dtype)

    def admit(self, work: Pass, method: str, data: Batch, there: int) -> None:
        """Call a method for the first time, unless it is known that it would break a limit."""
        added, limit = self.limits.added.get(work, {}).get(method), self.limits.memory
        if added is not None and there + added > capacity(limit, self.cell.device):
            self.marks[work].too_large[method] = there + added
            return
        took = bound(self.cell, method, work, self.limits.before)
        if took <= self.limits.call:
            call = self.call(work, method, data)
            for _ in range(WARM_UP[self.cell.device]):
                took = seconds(call, self.cell.device)
        if took > self.limits.call:
            self.marks[work].too_slow[method] = took

    def timed(self, work: Pass, data: Batch) -> Result:
        """Time what is left in a pass; where one raises, begin again without it."""
        while calls := self.calls(work, data):
            base = self.cell.baseline if self.cell.baseline in calls else next(iter(calls))
            try:
                times = measure(
                    calls, base, budget=self.limits.budget, device=self.cell.device, warm_up=0,
                    noted=functools.partial(self.note.begin, work),
                )  # fmt: skip
            except TurnError as error:
                self.broke(work, error.name, error.__cause__ or error)
                continue
            self.note.end()
            return {"baseline": base, "times": {m: asdict(found) for m, found in times.items()}}
        self.note.end()
        return {"baseline": "", "times": {}}

    def left(self, work: Pass) -> list[str]:
        """Return the methods that have no mark in a pass."""
        return [method for method in self.methods if method not in self.marks[work]]

    def calls(self, work: Pass, data: Batch) -> dict[str, Callable[[], Any]]:
        """Return what one call of each method is that is left in a pass."""
        return {method: self.call(work, method, data) for method in self.left(work)}

    def call(self, work: Pass, method: str, data: Batch) -> Callable[[], Any]:
        """Return what one call of a method is, which is made ready for the pass."""
        measured = self.methods[method]
        measured.model.train(work == "training")
        return functools.partial(measured.train if work == "training" else measured.predict, data)

    def inherit(self) -> None:
        """Mark in training what broke in inference: a training step holds a prediction."""
        self.marks["training"] = self.marks["inference"].joined(self.marks["training"])

    def guarded(self, work: str, method: str, act: Callable[[], T]) -> T | None:
        """Do something with a method, and mark it where that raises."""
        self.note.begin(work, method)
        try:
            found = act()
        except RAISED as error:
            self.broke(work, method, error)
            found = None
        self.note.end()
        return found

    def broke(self, work: str, method: str, error: BaseException) -> None:
        """Mark a method by what it raised, and let go of what it left.

        Raises
        ------
        torch.AcceleratorError
            The device is of no use after that error, for any method; the note stays.
        """
        described = {"status": status_of(error), **describe_error(error)}
        self.marks[work].broken[method] = described
        if self.cell.device == "cuda":
            torch.cuda.synchronize()
        if work == "inference":
            self.methods.pop(method, None)
        elif method in self.methods:
            self.methods[method].optimiser.zero_grad(set_to_none=True)
        traceback.clear_frames(error.__traceback__)
        gc.collect()


def seconds(call: Callable[[], Any], device: Device) -> float:
    """Return the seconds of a call, up to the end of what it left to the device."""
    start = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def held(device: Device) -> int:
    """Return the bytes that this process holds: resident, or allocated on a GPU."""
    if device == "cuda":
        return torch.cuda.memory_allocated()
    return psutil.Process().memory_info().rss


def capacity(limit: int | None, device: Device) -> int:
    """Return the bytes that a process may hold on a device: the limit, at most the whole device."""
    if device == "cuda":
        whole = torch.cuda.get_device_properties(0).total_memory
        return min(limit or whole, whole)
    return limit or psutil.virtual_memory().total
