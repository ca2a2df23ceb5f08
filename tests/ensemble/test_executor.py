"""Whole runs with seeds side by side: the records of single runs, and what says how they came."""

import numpy as np
import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.ensemble.asked import Ensemble, ensemble_asked
from fusemark.benchmark.ensemble.together import Placed
from fusemark.benchmark.loading import Part
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.registry import load_plugin
from fusemark.benchmark.run import Options, run, survey
from fusemark.benchmark.training import fit

from ..benchmark.conftest import TOY

GROUPED = TOY.parents[1] / "ensemble" / "toy_grouped.py"
FAST = {"training.epochs": 3, "training.refit": True, "training.refit_window": 3}
ASKED = Ensemble("cpu", True)


def planned(methods, seeds=3, **settings):
    for plugin in (TOY, GROUPED):
        load_plugin(plugin)
    plan = make_plan({
        "methods": methods.split(","), "datasets": ["toy"], "seeds": seeds,
        "settings": {**FAST, **settings},
    })  # fmt: skip
    return Planned(plan, None)


def options(**more):
    return Options(workers=1, plugins=(str(TOY), str(GROUPED)), **more)


def by_cell(store):
    return {(r["cell"]["method"], r["cell"]["seed"], r["cell"]["fold"]): r for r in store.records()}


@pytest.mark.slow
def test_records_are_those_of_single_runs_and_say_how_they_were_made(tmp_path):
    plan = planned("toy-linear,pmr(late-concat)", **{"toy.folds": 2, "methods.dropout": 0})
    alone = run(plan, tmp_path / "alone", options=options())
    beside = run(plan, tmp_path / "beside", options=options(ensemble=ASKED))
    one, other = by_cell(alone), by_cell(beside)
    assert one.keys() == other.keys()
    for name, record in other.items():
        single = one[name]
        assert record["status"] == "ok", record["error"]
        grouped = name[0] == "toy-linear"
        assert record["execution"] == (
            "6 seeds side by side" if grouped
            else "worker process; seeds one by one: it keeps state of its own between steps"
        )  # fmt: skip
        assert record["device"] == "cpu"
        assert set(record) == set(single)
        for part in ("counts", "protocol", "parameters", "cell", "id", "selection", "confusion"):
            assert record[part] == single[part]
        tolerance = 1e-4 if grouped else 0
        for metric, value in single["metrics"].items():
            assert record["metrics"][metric] == pytest.approx(value, abs=tolerance)
        said = [store.predictions(record["id"])["probabilities"] for store in (alone, beside)]
        np.testing.assert_allclose(*said, atol=tolerance)
        # The whole of a group's time is told once.
        assert record["durations"]["total"] == pytest.approx(
            sum(v for k, v in record["durations"].items() if k != "total"), rel=0.05, abs=0.05
        )


def test_what_was_run_either_way_is_not_run_again_unless_the_code_differs(tmp_path, monkeypatch):
    from fusemark.benchmark import run as module

    plan = planned("toy-linear")
    store = run(plan, tmp_path, options=options(ensemble=ASKED))
    (digest,) = {r["code"]["digest"] for r in store.records()}
    assert digest.partition("+")[0] == plan.digests(plan.cells[0])[0]
    assert len(survey(plan, store, options()).done) == 3
    monkeypatch.setattr(module, "with_ensemble", lambda digest: f"{digest}+other")
    assert len(survey(plan, store, options()).stale) == 3


def test_a_cell_at_fault_ends_by_itself(tmp_path):
    store = run(planned("toy-dies-once", seeds=5), tmp_path, options=options(ensemble=ASKED))
    found = {r["cell"]["seed"]: r for r in store.records()}
    assert [found[s]["status"] for s in range(5)] == ["ok", "crashed", "ok", "ok", "ok"]
    assert "signal 9" in found[1]["error"]["message"]


def test_cells_that_find_no_room_together_are_tried_in_smaller_groups(tmp_path):
    store = run(planned("toy-full", seeds=3), tmp_path, options=options(ensemble=ASKED))
    found = list(store.records())
    assert [(r["status"], r["error"]["message"]) for r in found] == [("memory", "no room")] * 3
    assert {r["execution"] for r in found} == {"worker process"}


@pytest.mark.parametrize(
    ("method", "status", "part"),
    [
        ("toy-branches", "ok", "one by one: torch.func cannot run it"),
        ("toy-counts", "ok", "one by one: it keeps state of its own"),
        ("ogm-ge(late-concat)", "ok", "one by one: it has a backward pass of its own"),
        ("toy-raises", "failed", "one by one: torch.func cannot run it: RuntimeError"),
        ("toy-diverges", "failed", "2 seeds side by side"),
    ],
)
def test_why_seeds_are_trained_one_by_one(tmp_path, method, status, part):
    store = run(planned(method, seeds=2), tmp_path, options=options(ensemble=ASKED))
    for record in store.records():
        assert record["status"] == status, record["error"]
        assert part in record["execution"]
    message = record["error"]["message"] if record["error"] else ""
    assert ("broken on purpose" in message) == (method == "toy-raises")
    assert ("loss is nan" in message) == (method == "toy-diverges")


def test_a_placed_method_trains_as_the_method_itself(trial):
    prepared = trial("missing-modality", dropout=True)
    part: list[Part] = [prepared.train[0], prepared.valid[0]]
    _, plain, chosen = fit(prepared.build, *part, prepared.settings, seed=0)
    _, placed, again = fit(
        lambda: Placed(prepared.build(), "cpu"), *part, prepared.settings, seed=0
    )
    assert (placed, again) == (plain, chosen)


@pytest.mark.parametrize(
    ("device", "mode", "cluster", "message"),
    [
        ("cpu", "maybe", None, "expected auto, on, off"),
        ("tpu", "auto", None, "expected cpu, cuda or cuda:1"),
        ("cuda:x", "auto", None, "expected cpu, cuda or cuda:1"),
        ("cuda:99", "auto", None, "CUDA devices here"),
        ("cpu", "on", object(), "--executor ray"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(device, mode, cluster, message):
    with pytest.raises(UserError, match=message):
        ensemble_asked(device, mode, cluster)


def test_on_the_cpu_worker_processes_are_the_default():
    assert ensemble_asked("cpu", "auto", None) is None
    assert ensemble_asked("cpu", "off", None) is None
    assert ensemble_asked("cpu", "on", None) == ASKED
