"""Whole runs of the toy plugin through real worker processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from fusemark.benchmark import Store
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.run import Options, run, survey

from ..processes import heeding_interrupts

BENCH = [sys.executable, "-m", "fusemark.benchmark.cli"]
FAST = {"training.epochs": 3}


def planned(methods="toy-linear", seeds=1, settings=FAST):
    plan = make_plan(
        {"methods": methods.split(","), "datasets": ["toy"], "seeds": seeds, "settings": settings}
    )
    return Planned(plan, None)


def options(toy, **more):
    return Options(workers=2, plugins=(str(toy),), **more)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """One run of every method that misbehaves, beside one that works."""
    from fusemark.benchmark.registry import load_plugin

    from .conftest import TOY

    load_plugin(TOY)
    plan = planned("toy-raises,toy-dies,toy-hungry,toy-sleeps,toy-diverges,toy-linear")
    out = tmp_path_factory.mktemp("broken")
    limits = {"time_limit": 6.0, "memory_limit": 900 * 2**20}
    store = run(plan, out, options=options(TOY, **limits))
    return {r["cell"]["method"]: r for r in store.records()}, store, plan


@pytest.mark.parametrize(
    ("method", "status", "message"),
    [
        ("toy-raises", "failed", "broken on purpose"),
        ("toy-diverges", "failed", "loss is nan"),
        ("toy-dies", "crashed", "signal 9"),
        ("toy-hungry", "memory", "memory limit"),
        ("toy-sleeps", "timeout", "time limit of 6 s"),
        ("toy-linear", "ok", None),
    ],
)
def test_a_cell_that_fails_is_recorded_and_the_rest_goes_on(broken, method, status, message):
    record = broken[0][method]
    assert record["status"] == status
    if message:
        assert message in record["error"]["message"]
    else:
        assert record["error"] is None


def test_tracebacks_name_no_folder_of_the_machine(broken):
    trace = broken[0]["toy-raises"]["error"]["traceback"]
    assert "toy.py" in trace
    assert "benchmark/training.py" in trace
    assert not [line for line in trace.splitlines() if line.startswith("/")]
    for record in broken[0].values():
        text = json.dumps(record)
        for part in (str(broken[1].path), f"{Path.home()}/", "/site-packages"):
            assert part not in text


def test_failed_cells_are_done_until_a_retry_is_asked_for(broken, toy):
    _, store, plan = broken
    found = survey(plan, store, Options())
    assert (len(found.missing), len(found.failed), len(found.done)) == (0, 5, 1)


def test_a_second_run_does_nothing_and_other_code_runs_again(toy, tmp_path, monkeypatch):
    plan = planned(seeds=2)
    store = run(plan, tmp_path, options=options(toy))
    before = {p: p.stat().st_mtime_ns for p in store.cells.iterdir()}
    assert len(before) == 4
    run(plan, tmp_path, options=options(toy))
    assert {p: p.stat().st_mtime_ns for p in store.cells.iterdir()} == before

    monkeypatch.setattr(Planned, "digests", lambda self, cell: ("other", "code"))
    assert len(survey(plan, store, Options()).stale) == 2
    run(plan, tmp_path, options=options(toy, keep_stale=True))
    assert {p: p.stat().st_mtime_ns for p in store.cells.iterdir()} == before
    run(plan, tmp_path, options=options(toy))
    assert {r["code"]["digest"] for r in store.records()} == {"other"}


def test_parts_of_a_plan_make_up_the_whole(toy, tmp_path):
    plan = planned(seeds=5)
    for part in (1, 2, 3):
        assert len(survey(plan, Store(tmp_path), Options(part=(part, 3))).missing) in (1, 2)
        run(plan, tmp_path, options=options(toy, part=(part, 3)))
    assert {r["id"] for r in Store(tmp_path).records()} == {c.id for c in plan.cells}


def test_workers_and_processes_change_no_prediction(toy, tmp_path):
    plan = planned(seeds=2)
    one = run(plan, tmp_path / "a", options=Options(workers=1, plugins=(str(toy),)))
    two = run(plan, tmp_path / "b", options=options(toy))
    for cell in plan.cells:
        first, second = (s.predictions(cell.id)["probabilities"] for s in (one, two))
        assert first.tobytes() == second.tobytes()


def command(toy, out, *more):
    return [
        *BENCH, "run", "--plugin", str(toy), "--methods", "toy-linear", "--datasets", "toy",
        "--out", str(out), "--no-report", *more,
    ]  # fmt: skip


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_loses_only_cells_in_flight_and_goes_on(toy, tmp_path, sign):
    words = command(toy, tmp_path, "--seeds", "12", "--set", "training.epochs=40",
                    "--set", "training.patience=none")  # fmt: skip
    process = subprocess.Popen(
        words, stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=heeding_interrupts
    )
    cells = tmp_path / "cells"
    wait_for(lambda: cells.is_dir() and len(list(cells.glob("*.json"))) >= 3)
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, sign)
    assert process.wait(20) in (-signal.SIGKILL, 130)
    wait_for(lambda: not any(p.is_running() and p.status() != "zombie" for p in family), 20)
    kept = {p: p.stat().st_mtime_ns for p in cells.glob("*.json")}
    assert 3 <= len(kept) < 12
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    assert len(list(cells.glob("*.json"))) == 12
    assert {p: p.stat().st_mtime_ns for p in kept} == kept, "a finished cell was run again"


@pytest.mark.slow
def test_the_workers_of_a_killed_run_end_with_it(toy, tmp_path):
    words = [w.replace("toy-linear", "toy-sleeps") for w in command(toy, tmp_path)]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, start_new_session=True)
    run = psutil.Process(process.pid)
    # The workers are the fork server's children.
    wait_for(lambda: any(p.ppid() != run.pid for p in run.children(recursive=True)))
    time.sleep(2)
    family = run.children(recursive=True)
    assert len(family) > 2, "the worker has ended before the run was killed"
    process.kill()
    process.wait(20)
    wait_for(lambda: not any(p.is_running() and p.status() != "zombie" for p in family), 5)


@pytest.mark.slow
def test_two_runs_into_one_store_at_once(toy, tmp_path):
    words = command(toy, tmp_path, "--seeds", "6", "--set", "training.epochs=3")
    both = [subprocess.Popen(words, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [p.wait(120) for p in both] == [0, 0]
    records = Store(tmp_path).records()
    assert [r["status"] for r in records] == ["ok"] * 6


def test_a_plan_is_registered_once_and_a_later_one_says_what_was_there(toy, tmp_path):
    first = run(planned(), tmp_path, options=options(toy)).plan()
    again = run(planned(), tmp_path, options=options(toy)).plan()
    assert first["registered"]["cells"] == 0
    assert again["registered"] == first["registered"]
    other = run(planned(seeds=2), tmp_path, options=options(toy)).plan()
    assert other["registered"]["cells"] == 1


def test_records_say_where_they_come_from(toy, tmp_path):
    store = run(planned(), tmp_path, options=options(toy, command="bench run"))
    (record,) = store.records()
    assert set(record["versions"]) >= {"python", "torch", "numpy", "scikit-learn", "fusemark"}
    assert record["machine"]["threads"] == 1
    assert record["machine"]["processor"]
    assert set(record["git"] or {"commit": 0, "dirty": 0}) == {"commit", "dirty"}
    assert record["counts"] == {"train": 72, "labelled": 72, "valid": 24, "test": 24}
    assert set(record["absent"]) == {"audio", "visual"}
    predictions = store.predictions(record["id"])
    assert sorted(set(predictions["groups"])) == record["protocol"]["test_groups"]
    said = predictions["probabilities"].argmax(1)
    assert (said == predictions["labels"]).mean() == pytest.approx(record["metrics"]["accuracy"])


def test_folds_are_cells_of_their_own(toy, tmp_path):
    plan = planned(settings={**FAST, "toy.folds": 3})
    assert sorted((c.seed, c.fold) for c in plan.cells) == [(0, 0), (0, 1), (0, 2)]
    store = run(plan, tmp_path, options=options(toy))
    groups = [set(r["protocol"]["test_groups"]) for r in store.records()]
    assert len(groups) == 3
