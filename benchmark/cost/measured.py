"""Measured memory: what the allocator itself says, in a process that did nothing before.

On the CPU the profiler records every allocation and release, of operators' working memory too; on a
GPU the caching allocator keeps its own peaks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from ..contract import Batch, FusionMethod
from .bounds import TooSlowError
from .steps import Device, Measured, full_batch

SPAN = "fusemark: "


@dataclass(frozen=True)
class Peak:
    """Peak of a prediction and of a training step, in bytes.

    Parameters
    ----------
    inference, training
        Allocated for tensors, parameters and all.
    inference_reserved, training_reserved
        What a GPU's allocator held for them; None on the CPU.
    """

    inference: int
    training: int
    inference_reserved: int | None = None
    training_reserved: int | None = None


def measure_memory(
    build: Callable[[], FusionMethod], batch: int, lengths: Mapping[str, int],
    device: Device = "cpu", dtype: str = "float32", limit: float = math.inf,
) -> Peak:  # fmt: skip
    """Measure both peaks, each after a warm-up of its own.

    Call it in a fresh process: what was allocated before is not seen.

    Raises
    ------
    TooSlowError
        A prediction takes longer than the limit, in seconds; a training step takes about three
        times as long.
    """
    if device == "cuda":
        return on_gpu(build, batch, lengths, dtype, limit)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        for _ in phases(build, batch, lengths, "cpu", dtype, limit):
            pass
    peaks = spans(profiled.profiler.kineto_results.events())  # pyright: ignore
    return Peak(peaks["inference"], peaks["training"])


def phases(
    build: Callable[[], FusionMethod], batch: int, lengths: Mapping[str, int], device: Device,
    dtype: str, limit: float,
) -> Iterable[str]:  # fmt: skip
    """Warm up, say so, then do what is measured; first a prediction, then a training step."""
    measured = Measured(build().to(device), device, dtype)
    data = full_batch(measured.model.task, batch, lengths, device)
    work: dict[str, Callable[[Batch], Any]] = {
        "inference": measured.predict,
        "training": measured.train,
    }
    for name, function in work.items():
        measured.model.train(name == "training")
        start = time.perf_counter()
        function(data)
        if device == "cuda":
            torch.cuda.synchronize()
        took = time.perf_counter() - start
        if name == "inference" and took > limit:
            raise TooSlowError(
                f"a prediction takes {took:.3g} s, over the limit of a call, {limit:g} s"
            )
        yield f"before {name}"
        with record_function(SPAN + name):
            function(data)
        yield name


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


def on_gpu(
    build: Callable[[], FusionMethod], batch: int, lengths: Mapping[str, int], dtype: str,
    limit: float,
) -> Peak:  # fmt: skip
    """Measure both peaks by the caching allocator of a GPU."""
    found = {}
    for phase in phases(build, batch, lengths, "cuda", dtype, limit):
        torch.cuda.synchronize()
        if phase.startswith("before"):
            torch.cuda.reset_peak_memory_stats()
        else:
            found[phase] = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    (inference, inference_reserved), (training, training_reserved) = (
        found["inference"], found["training"],
    )  # fmt: skip
    return Peak(inference, training, inference_reserved, training_reserved)
