"""What a worker used of memory and time, and the GPU that it was on."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from typing import Any

import torch

from .bounds import fastest


@dataclass(frozen=True)
class Used:
    """What a job used of what is limited.

    Parameters
    ----------
    memory
        Bytes: the greatest resident size, or on a GPU the most that its allocator reserved.
    seconds
        From the job's beginning to its end.
    gpu
        Name, bytes, driver's CUDA version and so on of the GPU; None on the CPU.
    """

    memory: int
    seconds: float
    gpu: dict[str, Any] | None = None

    def joined(self, other: Used) -> Used:
        """Return the most that either used."""
        return Used(
            max(self.memory, other.memory), max(self.seconds, other.seconds), self.gpu or other.gpu
        )


def used(on_gpu: bool, seconds: float) -> Used:
    """Return what this process has used up to now."""
    if on_gpu:
        return Used(torch.cuda.max_memory_reserved(), seconds, gpu())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Used(peak if sys.platform == "darwin" else 1024 * peak, seconds)


def gpu() -> dict[str, Any]:
    """Return the name, size and libraries of the GPU."""
    found = torch.cuda.get_device_properties(0)
    return {
        "name": found.name,
        "memory_gib": round(found.total_memory / 2**30, 1),
        "capability": f"{found.major}.{found.minor}",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def prepare_gpu(dtype: str, limit: int | None) -> None:
    """Let this process's allocator reserve no more than a limit, in bytes; None is the whole GPU.

    The speed that methods are compared with is measured before: that takes half a GiB itself.
    """
    fastest("cuda", dtype)
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, (limit or whole) / whole))
    torch.cuda.reset_peak_memory_stats()
