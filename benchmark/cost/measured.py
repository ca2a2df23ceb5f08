"""Measured memory: what the allocator itself says, in a process that did nothing before.

On the CPU the profiler records every allocation and release, of operators' working memory too; on a
GPU the caching allocator keeps its own peaks.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from ..contract import FusionMethod
from .bounds import TooSlowError
from .steps import Device, Measured, full_batch

SPAN = "fusemark: "
WARM_UP = {"cpu": 1, "cuda": 2}
"""Calls before the measured one; on a GPU the first also loads kernels, which takes seconds."""
LONGER = {"inference": 1, "training": 3}
"""By pass, how many predictions a call takes about as long as."""


@dataclass(frozen=True)
class Peak:
    """Peak of one pass.

    Parameters
    ----------
    allocated
        Bytes of tensors, parameters and all.
    reserved
        Bytes that a GPU's allocator held for them; None on the CPU.
    seconds
        What the last call of the warm-up took.
    """

    allocated: int
    reserved: int | None
    seconds: float


def measure_memory(
    build: Callable[[], FusionMethod], batch: int, lengths: Mapping[str, int],
    work: Literal["inference", "training"], device: Device = "cpu", dtype: str = "float32",
    limit: float = math.inf,
) -> Peak:  # fmt: skip
    """Measure the peak of a prediction, or of a training step that is not the first.

    Call it in a fresh process: what was allocated before is not seen on the CPU, and on a GPU what
    is cached counts as reserved.

    Raises
    ------
    TooSlowError
        A prediction takes longer than the limit, in seconds, or a training step than three times
        that: it is about three predictions.
    """
    gc.collect()
    steps = phases(build, batch, lengths, work, device, dtype, limit)
    if device == "cuda":
        seconds = next(steps)
        torch.cuda.reset_peak_memory_stats()
        next(steps)
        return Peak(torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved(), seconds)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        seconds = next(steps)
        next(steps)
    peaks = spans(profiled.profiler.kineto_results.events())  # pyright: ignore
    return Peak(peaks[work], None, seconds)


def phases(
    build: Callable[[], FusionMethod], batch: int, lengths: Mapping[str, int],
    work: Literal["inference", "training"], device: Device, dtype: str, limit: float,
) -> Iterator[float]:  # fmt: skip
    """Warm up and yield the seconds of the last call; then do what is measured, and yield again."""
    measured = Measured(build().to(device), device, dtype)
    data = full_batch(measured.model.task, batch, lengths, device)
    measured.model.train(work == "training")
    function = measured.train if work == "training" else measured.predict

    def call() -> float:
        start = time.perf_counter()
        function(data)
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    took = [call() for _ in range(WARM_UP[device])][-1]
    if took > LONGER[work] * limit:
        what = {"inference": "prediction", "training": "training step"}[work]
        raise TooSlowError(
            f"a {what} takes {took:.3g} s, over {LONGER[work]} x the limit of a call, {limit:g} s"
        )
    yield took
    with record_function(SPAN + work):
        call()
    yield took


def spans(events: Iterable[Any]) -> dict[str, int]:
    """Return the greatest sum of allocations less releases within each marked span of time."""
    changes: list[tuple[int, int]] = []
    marked: dict[str, tuple[int, int]] = {}
    for event in events:
        if event.name() == "[memory]":
            changes.append((event.start_ns(), event.nbytes()))
        elif event.name().startswith(SPAN):
            start = event.start_ns()
            marked[event.name().removeprefix(SPAN)] = start, start + event.duration_ns()
    changes.sort(key=lambda change: change[0])
    peaks = {}
    for name, (start, end) in marked.items():
        now = peak = 0
        for moment, size in changes:
            if moment > end:
                break
            if moment >= start:
                peak = max(peak, now)
            now += size
        peaks[name] = max(peak, now)
    return peaks
