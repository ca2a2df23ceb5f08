"""The paths for a GPU, against a device made here: a queue that works behind the host's back."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
from fusemark.benchmark.cost import blocks, energy, latency, measured, used
from fusemark.benchmark.cost.steps import Measured, full_batch
from fusemark.benchmark.cost.sweep import CREMAD, task_at
from fusemark.benchmark.recipes import parse

LENGTHS = {"audio": 12, "visual": 6}


class Device:
    """A clock for the host, and when the device will have done what was launched."""

    def __init__(self):
        self.host = self.done = 0.0

    def launch(self, host, device):
        """Work whose launch keeps the host busy, and then the device."""

        def call():
            self.host += host
            self.done = max(self.host, self.done) + device

        return call

    def synchronize(self):
        self.host = max(self.host, self.done)

    def event(self, enable_timing):
        made = SimpleNamespace(at=0.0)

        def record():
            self.done = made.at = max(self.host, self.done)

        made.record = record
        made.elapsed_time = lambda other: 1e3 * (other.at - made.at)
        return made


def test_a_short_call_takes_as_long_behind_a_long_one(monkeypatch):
    """Launch 2 ms and work 1 ms are 3 ms, whoever's turn was before."""
    device = Device()
    monkeypatch.setattr(torch.cuda, "Event", device.event)
    monkeypatch.setattr(torch.cuda, "synchronize", device.synchronize)
    work = {"short": device.launch(0.002, 0.001), "long": device.launch(0.002, 1.0)}
    found = latency.measure(work, "short", budget=10.0, device="cuda")
    assert found["short"].samples == pytest.approx([0.003] * found["short"].repeats)
    assert found["long"].median == pytest.approx(1.002)


def test_energy_is_read_of_the_gpu_by_the_name_that_nvml_knows(monkeypatch):
    asked, uuid, meter = [], "12345678-9abc-def0-1234-56789abcdef0", iter((0, 1000, 7000))

    def handle(name):
        asked.append(name)
        return name

    nvml = SimpleNamespace(
        nvmlInit=lambda: None, nvmlDeviceGetHandleByUUID=handle,
        nvmlDeviceGetTotalEnergyConsumption=lambda _: next(meter),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid=uuid))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    clock = iter((0.0, 0.1, 0.2, 0.3, 1.4))
    monkeypatch.setattr(energy.time, "perf_counter", lambda: next(clock))
    assert energy.joules(lambda: None, "cuda") == pytest.approx(6.0 / 3)  # 6,000 mJ, three calls
    assert asked == [f"GPU-{uuid}"]


def test_the_allocator_may_reserve_the_limit_and_no_more(monkeypatch):
    calls: list[tuple] = []
    monkeypatch.setattr(used, "fastest", lambda *words: calls.append(words))
    card = SimpleNamespace(total_memory=80 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(
        torch.cuda, "set_per_process_memory_fraction", lambda share: calls.append((share,))
    )
    for limit in (8 * 2**30, None, 2**40):
        used.prepare_gpu("bfloat16", limit)
    # The reference product is measured before it is limited itself.
    assert calls[:2] == [("cuda", "bfloat16"), (0.1,)]
    assert [share for (share,) in calls[3::2]] == [1.0, 1.0]
    assert blocks.capacity(8 * 2**30, "cuda") == 8 * 2**30
    assert blocks.capacity(None, "cuda") == blocks.capacity(2**40, "cuda") == 80 * 2**30


@pytest.fixture
def on_cpu(monkeypatch):
    """Let the harness take the CPU for a GPU whose allocator tells known numbers."""
    for name in ("synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 700)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: 900)
    monkeypatch.setattr(measured, "Measured", lambda model, device, dtype: Measured(model))
    monkeypatch.setattr(measured, "full_batch", lambda *words: full_batch(*words[:3]))


@pytest.mark.parametrize("work", ["inference", "training"])
def test_what_loads_kernels_breaks_no_limit(on_cpu, monkeypatch, work):
    """The first call takes 2 s, the others 10 ms: under a limit of 50 ms, both peaks are read."""
    recipe = parse("late-concat")
    model = recipe.build(task_at(CREMAD, LENGTHS), recipe.resolve("small", {}))
    monkeypatch.setattr(model, "to", lambda device: model)
    moments = iter((0.0, 2.0, 10.0, 10.01, 20.0, 20.01))
    monkeypatch.setattr(measured.time, "perf_counter", lambda: next(moments))
    found = measured.measure_memory(lambda: model, 2, LENGTHS, work, "cuda", limit=0.05)
    assert (found.allocated, found.reserved) == (700, 900)
    assert found.seconds == pytest.approx(0.01)
