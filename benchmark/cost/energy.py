"""Energy of one call, where the machine's own meter can tell: NVIDIA GPUs through NVML."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import torch


def joules(call: Callable[[], Any], device: str, seconds: float = 1.0) -> float | None:
    """Return the energy of a call, averaged over as many as fit into some seconds.

    Returns
    -------
    float or None
        Joules of the whole GPU, idle draw and all; None where no meter can be read: on a CPU,
        without the package ``nvidia-ml-py``, or on a GPU that has none.
    """
    if device != "cuda":
        return None
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        meter = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(0).uuid}")
        nvml.nvmlDeviceGetTotalEnergyConsumption(meter)
    except Exception:
        # A missing package, library, right or meter each raise an error of their own.
        return None
    torch.cuda.synchronize()
    before, start, calls = nvml.nvmlDeviceGetTotalEnergyConsumption(meter), time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        call()
        torch.cuda.synchronize()
        calls += 1
    return 1e-3 * (nvml.nvmlDeviceGetTotalEnergyConsumption(meter) - before) / calls
