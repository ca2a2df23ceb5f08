"""What is run again when a limit changes, and what a block is told of its methods."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fusemark.benchmark import Store
from fusemark.benchmark.cost.cells import CostCell
from fusemark.benchmark.cost.schedule import limits, predictions, series, wanted, whole
from fusemark.benchmark.cost.study import Running, make_record
from fusemark.benchmark.cost.sweep import CREMAD, Shape
from fusemark.benchmark.cost.used import Used
from fusemark.benchmark.cost.workers import CostDone
from fusemark.benchmark.recipes import parse

GIB = 2**30
LENGTHS = {"audio": 188, "visual": 90}
SHAPE = Shape(90, LENGTHS, 3.0)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path).create()


def cell(quantity, *names, device="cpu", **settings) -> CostCell:
    configs = {name: parse(name).resolve("small", settings) for name in names}
    return CostCell(quantity, configs, CREMAD, 8, LENGTHS, device=device)


def put(store: Store, done: CostDone, running: Running) -> None:
    store.put(make_record(done, SHAPE, "visual", limits(done.cell, running)), None)


def half(asked: CostCell, work, status="ok", memory=GIB) -> CostDone:
    error = {"type": status, "message": "went over", "traceback": ""}
    result = {work: 5, f"{work}_call": 0.1} if status == "ok" else {"error": error}
    used = Used(memory, 20.0) if status == "ok" else None
    return CostDone(asked, status, result, 20.0, (work,), used)


def test_passes_of_memory_break_apart_and_a_larger_limit_runs_them_again(store):
    asked, running = cell("memory", "mult"), Running(memory_limit=8 * GIB)
    (done,) = whole([half(asked, "training", "memory"), half(asked, "inference")])
    assert done.status == "ok"
    assert (done.result["inference"], done.result["training"]) == (5, None)
    assert done.result["broken"]["training"]["status"] == "memory"
    put(store, done, running)
    assert not wanted(asked, store, running)
    assert wanted(asked, store, replace(running, memory_limit=16 * GIB))
    assert not wanted(asked, store, replace(running, memory_limit=4 * GIB))
    assert wanted(asked, store, replace(running, memory_limit=GIB // 2))
    assert not wanted(asked, store, replace(running, time_limit=9999.0))
    assert wanted(asked, store, replace(running, retry_failed=True))


def test_where_both_passes_break_the_cell_has_no_result():
    asked = cell("memory", "mult")
    (done,) = whole([half(asked, "training", "memory"), half(asked, "inference", "timeout")])
    assert done.status == "timeout"
    assert {work: e["status"] for work, e in done.result["broken"].items()} == {
        "inference": "timeout", "training": "memory",
    }  # fmt: skip


def test_each_pass_of_memory_is_a_series_of_its_own(store):
    asked = [cell("memory", "mult"), replace(cell("memory", "mult"), batch=1)]
    made = series(asked, Running(), store)
    assert sorted((jobs[0].cells[0].batch, *jobs[0].passes) for jobs in made) == [
        (1, "inference"), (1, "training"), (8, "inference"), (8, "training"),
    ]  # fmt: skip


def test_what_is_counted_is_under_no_limit_of_the_users(store):
    running = Running(memory_limit=1, time_limit=1e-3)
    for quantity in ("flops", "predicted"):
        (jobs,) = series([cell(quantity, "mult")], running, store)
        assert jobs[0].limits.memory > GIB
        assert jobs[0].seconds > 60


def test_a_gpus_limit_is_what_was_asked_and_nothing_of_the_hosts(store):
    asked = cell("memory", "mult", device="cuda")
    for limit in (None, 8 * GIB):
        for jobs in series([asked], Running(memory_limit=limit), store):
            assert jobs[0].limits.memory == limit


def test_a_prediction_is_that_of_the_configuration_and_of_the_device(store):
    """Two configurations of one method, on two devices, at one shape: four predictions."""
    sizes = {}
    for layers in (1, 2):
        for device in ("cpu", "cuda"):
            asked = cell("predicted", "mult", device=device, **{"mult.layers": layers})
            sizes[layers, device] = size = 100 * layers + (device == "cuda")
            result = {"inference": 10 * size, "training": 30 * size, "parameters": 7, "inputs": 2}
            result |= dict.fromkeys(("gradients", "optimiser", "activations"), 1)
            put(store, CostDone(asked, "ok", result), Running())
    for (layers, device), size in sizes.items():
        block = cell("latency", "mult", "mag", device=device, **{"mult.layers": layers})
        assert predictions(block, store) == {
            "inference": {"mult": 10 * size - 9}, "training": {"mult": 30 * size - 9},
        }  # fmt: skip
