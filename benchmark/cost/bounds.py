"""How long a call takes at least: its FLOPs at the speed of one large matrix product."""

from __future__ import annotations

import functools
import time

import torch

from ..contract import FusionMethod
from .steps import DTYPES, Device

SIDE = {"cpu": 768, "cuda": 8192}
TIMES = 10


class TooSlowError(Exception):
    """A call would break the time limit, however fast it ran, or has broken it."""


@functools.cache
def fastest(device: Device, dtype: str) -> float:
    """Return FLOP/s of a large square matrix product here, the best of ten.

    A GPU's memory is given back: what the allocator kept of it would count as a method's.
    """
    side = SIDE[device]
    a = torch.ones(side, side, device=device, dtype=DTYPES[dtype])
    best = float("inf")
    for _ in range(TIMES):
        start = time.perf_counter()
        torch.matmul(a, a)
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    del a
    if device == "cuda":
        torch.cuda.empty_cache()
    return 2 * side**3 / best


def least_seconds(
    method: FusionMethod, batch: int, lengths: dict[str, int], training: bool, device: Device,
    dtype: str,
) -> float:  # fmt: skip
    """Return the seconds that a call takes at least; zero where a method declares no formula.

    Parameters
    ----------
    method
        Built for these lengths; on the meta device, for nothing is run.
    """
    try:
        return method.flops(batch, lengths, training) / fastest(device, dtype)
    except NotImplementedError:
        return 0.0
