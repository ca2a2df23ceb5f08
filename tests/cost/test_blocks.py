"""One method that breaks in a block of latencies leaves the others' times be."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from fusemark.benchmark.cost.ahead import told
from fusemark.benchmark.cost.blocks import held, latency_results
from fusemark.benchmark.cost.cells import Before, CostCell, Limits
from fusemark.benchmark.cost.sweep import CREMAD
from fusemark.benchmark.cost.workers import CostJob, run_jobs
from fusemark.benchmark.registry import load_plugin

PLUGIN = Path(__file__).parent / "breaking.py"
LENGTHS = {"audio": 188, "visual": 90}
SOUND = "breaking-not"


@pytest.fixture(autouse=True, scope="module")
def breaking() -> str:
    return load_plugin(PLUGIN)


def block(*names: str, **lengths: int) -> CostCell:
    configs = {name: {name: {}} for name in (SOUND, *names)}
    return CostCell("latency", configs, CREMAD, 2, LENGTHS | lengths, baseline=SOUND)


def run(cell: CostCell, **limits):
    (found,) = latency_results(
        [cell], Limits(**{"memory": 2**40, "call": 60.0, "budget": 0.05} | limits)
    )
    return found


def job(cell: CostCell, memory: int = 2**40) -> CostJob:
    limits = Limits(memory, call=60.0, budget=0.05)
    return CostJob((cell,), limits, (str(PLUGIN),), os.getpid(), 60.0)


def test_what_raises_in_one_pass_is_marked_in_that_pass():
    found = run(block("breaking-training"))
    assert set(found["inference"]["times"]) == {SOUND, "breaking-training"}
    assert set(found["training"]["times"]) == {SOUND}
    assert found["inference"]["broken"] == {}
    error = found["training"]["broken"]["breaking-training"]
    assert (error["status"], error["message"]) == ("failed", "no training here")


def test_what_raises_while_it_is_timed_costs_the_others_nothing():
    found = run(block("breaking-late"), budget=1.0)  # five rounds on a busy machine too
    for work in ("inference", "training"):
        assert set(found[work]["times"]) == {SOUND}
        assert found[work]["times"][SOUND]["repeats"] >= 3
        assert found[work]["broken"]["breaking-late"]["message"] == "tired"


def test_a_need_is_compared_with_what_the_process_holds_and_each_pass_for_itself():
    """A MiB more than there is room for is too large; a MiB less is not."""
    room = 2**30
    limit = psutil.Process().memory_info().rss + room
    slack = 2**28  # by which the process may grow or shrink meanwhile
    added = {
        "inference": {SOUND: room - slack, "breaking-late": room + slack},
        "training": {SOUND: room + slack},
    }
    found = run(block("breaking-late"), memory=limit, added=added)
    assert set(found["inference"]["times"]) == {SOUND}
    assert set(found["inference"]["too_large"]) == {"breaking-late"}
    assert found["training"]["times"] == {}
    assert set(found["training"]["too_large"]) == {SOUND, "breaking-late"}
    needed = found["training"]["too_large"][SOUND]
    assert needed == pytest.approx(held("cpu") + room + slack, abs=slack)


def test_a_process_that_ends_takes_only_the_method_that_was_at_work():
    cell = block("breaking-dead", "breaking-greedy", visual=101)
    limit = 900 * 2**20  # a worker holds less than half of it, and with the greedy one's more
    (done,) = run_jobs([[job(cell, limit)]], 1)
    assert done.status == "ok"
    names = {SOUND, "breaking-dead", "breaking-greedy"}
    assert set(done.result["inference"]["times"]) == names
    assert set(done.result["training"]["times"]) == {SOUND}
    broken = done.result["training"]["broken"]
    assert {name: error["status"] for name, error in broken.items()} == {
        "breaking-dead": "crashed", "breaking-greedy": "memory",
    }  # fmt: skip
    assert "exit code 3" in broken["breaking-dead"]["message"]


def test_what_broke_at_a_shorter_length_is_not_run_at_the_next():
    cell = block("breaking-training")
    limits = told(Limits(2**40, budget=0.05), cell, run(cell))
    ahead = replace(cell, lengths={"audio": 188, "visual": 180})
    (found,) = latency_results([ahead], limits)
    assert set(found["inference"]["times"]) == {SOUND, "breaking-training"}
    error = found["training"]["broken"]["breaking-training"]
    assert error["message"] == "not run: failed at the shorter audio 188, visual 90"
    (last,) = latency_results([ahead], told(limits, ahead, found))
    assert last["training"]["broken"]["breaking-training"] == error


def test_without_a_formula_a_call_takes_no_less_than_at_a_shorter_length():
    before = Before({"audio": 188, "visual": 45}, {"inference": {}, "training": {SOUND: 0.7}})
    found = run(block(), before=before, call=0.6)
    assert set(found["inference"]["times"]) == {SOUND}
    assert found["training"]["too_slow"] == {SOUND: 0.7}
