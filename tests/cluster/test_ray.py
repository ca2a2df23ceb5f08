"""Whole runs on a real cluster of two nodes: equal to local ones, whatever is lost on the way."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import replace

import psutil
import pytest
from fusemark.benchmark import Store, UserError
from fusemark.benchmark import run as run_module
from fusemark.benchmark.cluster.asked import Cluster
from fusemark.benchmark.cluster.driver import Crew
from fusemark.benchmark.run import Options, run, survey

from ..processes import heeding_interrupts
from .conftest import NODE, PLUGINS, command, planned

pytestmark = pytest.mark.cluster
SENT = '''
from fusemark.benchmark import method
from fusemark.benchmark.registry import methods

@method("toy-sent", paper="made here")
class ToySent(methods["toy-linear"].cls):
    """A method in a file that is removed before it is needed."""
'''
GOES_ON = "the same command goes on from"
CIRCUMSTANCES = ("finished", "durations", "overhead", "execution")
MEMORY = 900 * 2**20


def options(nodes=None, time_limit=60.0, **asked):
    cluster = Cluster(nodes.address, memory=MEMORY, **asked) if nodes else None
    return Options(workers=None if nodes else 2, time_limit=time_limit, memory_limit=MEMORY,
                   plugins=PLUGINS, cluster=cluster)  # fmt: skip


def measured(store):
    """Return all of a store that is no circumstance: what was asked, measured and predicted."""
    found = {}
    for record in store.records():
        kept = {k: v for k, v in record.items() if k not in CIRCUMSTANCES}
        predictions = store.predictions(record["id"])
        found[record["id"]] = json.dumps(kept), {k: v.tobytes() for k, v in predictions.items()}
    return found


def without_progress(said):
    """Return the lines of a run but those of its progress, of which a slow machine prints more."""
    return [line for line in said.splitlines() if not re.match(r"\d+/\d+ cells, ", line)]


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def ancestors(process):
    try:
        return [parent.pid for parent in process.parents()]
    except psutil.NoSuchProcess:
        return []


def cells_in_flight():
    """Return the processes that a Ray worker's fork server has forked."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "multiprocessing.forkserver" in " ".join(process.info["cmdline"] or ()):
            try:
                above = [" ".join(parent.cmdline()) for parent in process.parents()[:2]]
            except psutil.NoSuchProcess:
                continue
            found += [process] if len(above) > 1 and above[1].startswith("ray::") else []
    return found


def count(out):
    return len(list((out / "cells").glob("*.json")))


def test_a_node_is_removed_and_every_cell_ends_once_as_it_would_locally(
    nodes, tmp_path, monkeypatch, capfd
):
    # Cells of some seconds: one that ends while its node is being removed is not lost.
    plan = planned("toy-linear", 6, {"training.epochs": 600, "training.patience": None})
    lost, put = [], []
    answer, put_whole = Crew.answer, Store.put

    def noted(*given):
        found = answer(*given)
        lost.extend([given] if found is None else [])
        return found

    monkeypatch.setattr(Crew, "answer", noted)
    monkeypatch.setattr(Store, "put", lambda s, r, p: (put.append(r["id"]), put_whole(s, r, p)))
    raylet = nodes.second.all_processes["raylet"][0].process.pid

    def remove():
        wait_for(lambda: any(raylet in ancestors(cell) for cell in cells_in_flight()))
        nodes.remove_node(nodes.second, allow_graceful=False)

    remover = threading.Thread(target=remove)
    remover.start()
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "origin", None)  # what a record says of it comes from the node
        store = run(plan, tmp_path / "ray", options=options(nodes))
    remover.join()
    nodes.second = nodes.add_node(**NODE)
    assert len(lost) == 1, "no cell was in flight on the node that was removed"
    assert sorted(put) == sorted(cell.id for cell in plan.cells), "a cell was stored twice"
    assert {r["execution"] for r in store.records()} == {"ray worker"}
    assert capfd.readouterr() == ("", ""), "Ray has talked"
    # The rest is bitwise that of a local run: of this machine too, for both nodes are on it.
    assert measured(store) == measured(run(plan, tmp_path / "local", options=options()))


def test_cells_that_fail_are_recorded_as_locally_and_only_lost_ones_again(nodes, tmp_path):
    plan = planned("toy-raises,toy-dies,toy-hungry,toy-sleeps,toy-lost,toy-linear")
    store = run(plan, tmp_path, options=options(nodes, time_limit=6.0, retries=1))
    found = {r["cell"]["method"]: r for r in store.records()}
    said = {name: (r["status"], r["error"] and r["error"]["message"]) for name, r in found.items()}
    assert said == {
        "toy-raises": ("failed", "this method is broken on purpose"),
        "toy-dies": (
            "crashed", "the worker was killed (signal 9): most often by a system out of memory"
        ),
        "toy-hungry": ("memory", "went over the memory limit of the worker"),
        "toy-sleeps": ("timeout", "took more than the time limit of 6 s"),
        "toy-lost": (
            "crashed", "its node or its Ray worker was lost 2 times (WorkerCrashedError)"
        ),
        "toy-linear": ("ok", None),
    }  # fmt: skip
    assert "toy.py" in found["toy-raises"]["error"]["traceback"]
    assert "/" not in found["toy-raises"]["error"]["traceback"].split("toy.py")[0].split("\n")[-1]
    assert found["toy-lost"]["machine"] == {}
    assert found["toy-linear"]["machine"]["threads"] == 1


def test_a_stopped_driver_goes_on_there_or_here_and_repeats_nothing(nodes, tmp_path):
    long = ("--seeds", 6, "--set", "training.epochs=30", "--set", "training.patience=none")
    words = command(tmp_path, "--methods", "toy-linear", *long)
    ray = [*words, "--executor", "ray", "--address", nodes.address]
    kept = {}
    for sign, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
        process = subprocess.Popen(
            ray, stderr=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=heeding_interrupts,
        )  # fmt: skip
        had = len(kept) // 2
        wait_for(lambda least=had: count(tmp_path) > least)
        os.kill(process.pid, sign)
        said = process.communicate(timeout=20)[1]
        assert process.returncode == code, said
        first, *more = without_progress(said)
        assert first.startswith(f"{6 - had} cells to run with 2 workers")
        if sign == signal.SIGINT:
            assert " ".join(more).split() == f"stopped; {GOES_ON} {tmp_path}".split()
        wait_for(lambda: not cells_in_flight(), 10)  # they end with the driver
        assert {p: p.stat().st_mtime_ns for p in kept} == kept, "a finished cell was run again"
        kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "cells").glob("*[!.tmp]")}
        assert count(tmp_path) < 6
    # Begun on the cluster, the run goes on on this machine.
    subprocess.run([*words, "--workers", "2"], check=True, stderr=subprocess.PIPE, timeout=60)
    assert {p: p.stat().st_mtime_ns for p in kept} == kept, "a finished cell was run again"
    ran = [record["execution"] for record in Store(tmp_path).records()]
    assert ran.count("ray worker") == len(kept) // 2 >= 2
    assert ran.count("worker process") == 6 - len(kept) // 2 >= 1


def test_data_and_plugins_that_no_node_has_are_sent(nodes, tmp_path, monkeypatch):
    (tmp_path / "toy.txt").write_text("0.25")
    monkeypatch.setenv("TOY_FILE", str(tmp_path / "toy.txt"))  # the nodes are up: they lack it
    plugin = tmp_path / "toy_sent.py"
    plugin.write_text(SENT)
    asked = {"datasets": "toy-file", "plugins": (*PLUGINS, str(plugin))}
    words = command(tmp_path / "local", "--methods", "toy-linear,toy-sent", **asked)
    subprocess.run([*words, "--workers", "2"], check=True, stderr=subprocess.PIPE, timeout=60)
    plan, look = planned("toy-linear,toy-sent", **asked), Crew.look
    with pytest.raises(UserError, match=r"node [\d.]+ cannot read 'toy-file' .*--ship-data"):
        run(plan, tmp_path / "ray", options=replace(options(nodes), plugins=asked["plugins"]))
    assert count(tmp_path / "ray") == 0
    # Called when the plugins have been read, and before anything is sent.
    monkeypatch.setattr(Crew, "look", lambda crew: (plugin.unlink(missing_ok=True), look(crew)))
    sends = replace(options(nodes, ship_data=True), plugins=asked["plugins"])
    assert measured(run(plan, tmp_path / "ray", options=sends)) == measured(
        Store(tmp_path / "local")
    )


def test_a_node_with_other_code_is_refused(nodes, tmp_path, monkeypatch):
    plan = planned()
    digest = plan.digests(plan.cells[0])[0]
    monkeypatch.setattr(plan, "digests", lambda cell: ("0123456789abcdef", "code"))
    with pytest.raises(UserError, match=f"node .* has other code .digest {digest}, here 0123"):
        run(plan, tmp_path, options=options(nodes))
    assert len(survey(plan, Store(tmp_path), Options()).missing) == 1


def test_what_no_node_can_give_is_one_line(nodes, tmp_path):
    words = command(tmp_path, "--methods", "toy-linear", "--executor", "ray")
    asked = ["--address", nodes.address, "--cell-gpus", "0.5", "--cell-cpus", "3"]
    done = subprocess.run([*words, *asked], stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "can ever give a cell 3 cores and 0.5 GPUs: its 2 nodes have at most 1 cores" in line


def test_trials_are_run_by_the_nodes(nodes, tmp_path):
    words = command(tmp_path, "--methods", "toy-linear", "--trials", "2", "--executor", "ray")
    words = ["tune" if word == "run" else word for word in words if word != "--no-report"]
    words += ["--address", nodes.address]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "trial 2 of 2" in done.stderr
    (study,) = json.loads((tmp_path / "tune.json").read_text())["studies"]
    assert len(study["trials"]) == 2


def test_a_cluster_that_ends_under_a_run_is_one_line_and_no_failed_cell(nodes, tmp_path):
    # The last test of the file: it ends the cluster.
    words = command(tmp_path, "--methods", "toy-linear", "--seeds", 12, "--executor", "ray")
    words += ["--set", "training.epochs=40", "--set", "training.patience=none"]
    words += ["--address", nodes.address]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: count(tmp_path) >= 1)
    nodes.shutdown()
    said = without_progress(process.communicate(timeout=30)[1])
    assert process.returncode == 2
    assert len(said) == 2
    assert said[1].startswith("error: ")
    assert "what has ended is kept, the same command goes on" in said[1]
    assert {record["status"] for record in Store(tmp_path).records()} == {"ok"}
