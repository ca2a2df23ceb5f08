"""Slots of the budget, whoever runs, stops, crashes or dies."""

import subprocess
import sys
import time
from itertools import pairwise

import optuna
import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.cell import open_dataset
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.tuning import studies as module
from fusemark.benchmark.tuning import worker
from fusemark.benchmark.tuning.result import front, of_study
from fusemark.benchmark.tuning.studies import SURPLUS, give_back, holds, owner, run, spent
from fusemark.benchmark.tuning.tune import Machine, search, settle
from fusemark.benchmark.tuning.worker import Work, claim

from .conftest import PLUGINS, held

STATE = optuna.trial.TrialState


def work(spec, token="token"):
    return Work(spec, token, tuple(owner()), None, PLUGINS)


def dead():
    """The owner of a trial whose run has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = owner(child.pid)
    child.communicate()
    return tuple(found)


def test_budget_of_trials_is_kept_whatever_becomes_of_them(specs, step):
    (spec,) = specs("toy-refuses", trials=12)
    ends = [step(spec) for _ in range(14)]
    assert ends[12:] == ["none", "none"]
    assert "none" not in ends[:12]
    assert "fail" in ends
    for trial in held(spec):
        refused = trial.params["toy-refuses.width"] % 2 == 1
        assert (trial.state == STATE.FAIL) == refused
        if refused:
            width = trial.params["toy-refuses.width"]
            expected = f"refused: toy-refuses: width={width} is odd"
            assert trial.user_attrs["reason"] == expected


def test_trials_are_the_same_from_the_same_seed_however_often_stopped(specs, step, tmp_path):
    (once,), (again,), (other,) = (
        specs(trials=9, url=f"journal:///{tmp_path / name}.log", seed=seed)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    for spec in (once, again, other):
        while step(spec) != "none":
            module.opened.cache_clear()  # as a new process would
    params = [[t.params for t in held(spec)] for spec in (once, again, other)]
    assert params[0] == params[1]
    assert params[0][0] == params[2][0]  # the default
    assert params[0][1] != params[2][1]
    assert len({str(p) for p in params[0]}) == 9


def test_a_trial_of_a_dead_run_is_given_back_and_the_default_tried_again(specs, step):
    (spec,) = specs(trials=3)
    claim(Work(spec, "lost", dead(), None, PLUGINS))
    assert spec.left(held(spec)) == 2
    assert give_back(spec, spec.open(), held(spec)) == 1
    assert spec.left(held(spec)) == 3
    while step(spec) != "none":
        pass
    lost, *rest = held(spec)
    assert (lost.state, [t.state.is_finished() for t in rest]) == (STATE.FAIL, [True] * 3)
    assert [t.user_attrs["run"]["default"] for t in rest] == [True, False, False]
    assert spent(held(spec)) == pytest.approx(sum(t.user_attrs["seconds"] for t in rest))


def test_a_trial_is_known_for_its_runs_even_if_the_storage_goes_down_at_once(specs, monkeypatch):
    def down(*given):
        raise optuna.exceptions.StorageInternalError("the server is gone")

    (spec,) = specs(trials=3)
    spec.open()
    with monkeypatch.context() as gone:
        gone.setattr(type(module.opened(spec.url)), "set_trial_user_attr", down)
        with pytest.raises(optuna.exceptions.StorageInternalError):
            claim(Work(spec, "lost", dead(), None, PLUGINS))
    assert give_back(spec, spec.open(), held(spec)) == 1
    assert spec.left(held(spec)) == 3


def test_a_trial_of_a_living_run_is_not_given_back(specs):
    (spec,) = specs(trials=3)
    claim(work(spec))
    assert give_back(spec, spec.open(), held(spec)) == 0


def test_a_silent_trial_of_another_machine_is_given_back(specs, monkeypatch):
    (spec,) = specs(trials=3)
    claim(Work(spec, "away", ("another", 1, 0.0), None, PLUGINS))
    assert give_back(spec, spec.open(), held(spec)) == 0
    later = time.time() + module.SILENT + 1
    monkeypatch.setattr(module.time, "time", lambda: later)
    assert give_back(spec, spec.open(), held(spec)) == 1


def test_a_result_that_comes_after_the_trial_was_given_back_is_dropped(specs, step, monkeypatch):
    from fusemark.benchmark.tuning import trial as training

    (spec,) = specs(trials=2)
    train = training.train

    def slow(*given):
        found = train(*given)
        settle(work(spec), None)
        return found

    monkeypatch.setattr(training, "train", slow)
    assert step(spec) == "late"
    assert held(spec)[0].state == STATE.FAIL
    assert spec.left(held(spec)) == 2


def test_of_two_that_ask_at_once_for_the_last_slot_one_gets_it(specs, monkeypatch):
    (spec,) = specs(trials=1)
    left = type(spec).left
    # Both looked before either asked.
    monkeypatch.setattr(type(spec), "left", lambda self, _: left(self, []))
    assert claim(work(spec, "first")) is not None
    assert claim(work(spec, "second")) is None
    assert [holds(t) for t in held(spec)] == [True, False]
    assert held(spec)[1].user_attrs["reason"] == SURPLUS


def test_of_two_that_ask_at_once_for_the_first_trial_one_gets_the_default(specs, monkeypatch):
    (spec,) = specs(trials=4)
    spec.open()
    begin, inner = worker.begin, []

    def interleaved(*given):
        # Another worker looks for its slot after this one did, and asks before it.
        if not inner:
            inner.append(None)
            inner[0] = claim(work(spec, "second"))
        return begin(*given)

    monkeypatch.setattr(worker, "begin", interleaved)
    assert claim(work(spec, "first")) is not None
    assert [t.user_attrs["run"]["default"] for t in held(spec)] == [True, False]
    assert [run(t)["token"] for t in held(spec)] == ["second", "first"]

    # The default's run is gone while another trial runs: the next trial is the default's.
    settle(work(spec, "second"), None)
    claim(work(spec, "third"))
    claim(work(spec, "fourth"))
    assert [run(t)["default"] for t in held(spec)] == [True, False, True, False]


def test_a_crash_keeps_its_slot_with_the_reason_and_a_stop_does_not(specs):
    (spec,) = specs(trials=3)
    claim(work(spec, "crashed"))
    claim(work(spec, "stopped"))
    settle(work(spec, "crashed"), "its worker was killed")
    settle(work(spec, "stopped"), None)
    crashed, stopped = held(spec)
    assert crashed.user_attrs["reason"] == "its worker was killed"
    assert [holds(crashed), holds(stopped)] == [True, False]


def test_budget_of_seconds_ends_a_trial_between_epochs(specs, step):
    (spec,) = specs("toy-unhurried", trials=50, seconds=1.0, set_={"training.epochs": 500})
    ends = []
    while not ends or ends[-1] != "none":
        ends.append(step(spec))
    assert ends[-2] == "pruned"
    assert held(spec)[-1].user_attrs["reason"] == "the budget of seconds ended"
    assert spent(held(spec)) < 2.0


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_hopeless_trials_are_pruned(specs, step, pruner):
    (spec,) = specs(trials=14, pruner=pruner, set_={"training.epochs": 12})
    while step(spec) != "none":
        pass
    pruned = [t for t in held(spec) if t.state == STATE.PRUNED]
    assert pruned
    assert all(len(t.intermediate_values) < 12 for t in pruned)
    assert all(t.user_attrs["reason"].startswith("pruned after epoch") for t in pruned)


def test_front_of_score_and_flops(specs, step):
    (spec,) = specs("toy-costed", trials=8, objectives=("score", "flops"))
    while step(spec) != "none":
        pass
    trials = [t for t in held(spec) if t.state == STATE.COMPLETE]
    assert len(trials) == 8  # several objectives: nothing is pruned
    for trial in trials:
        assert trial.values[1] == 2 * trial.params["toy-costed.width"] * (5 + 4 + 3)
    found = {t.number for t in front(trials)}
    for trial in trials:
        beaten = any(
            o.values[0] >= trial.values[0] and o.values[1] <= trial.values[1]
            and (o.values != trial.values or o.number < trial.number)
            for o in trials if o.number != trial.number
        )  # fmt: skip
        assert (trial.number in found) == (not beaten)
    assert all(a.values[0] < b.values[0] for a, b in pairwise(front(trials)))


def test_flops_need_a_formula(specs):
    with pytest.raises(UserError, match="declares no formula"):
        specs("toy-linear", objectives=("score", "flops"))


def test_methods_of_a_comparison_get_equal_budgets(specs):
    found = specs("toy-linear,toy-refuses,toy-linear+moddrop", trials=4)
    # A worker that dies in a forward pass costs itself alone, and its slot.
    found += specs("toy-dies", trials=2)
    said = []
    planned = Planned(make_plan({"methods": ["toy-linear"], "datasets": ["toy"]}), None)
    search(found, planned, Machine(workers=1, plugins=PLUGINS), said.append)
    for spec in found:
        trials = held(spec)
        assert len(trials) == spec.trials
        assert all(holds(t) and t.state.is_finished() for t in trials)
    assert all("signal 9" in t.user_attrs["reason"] for t in held(found[-1]))
    # Round by round: a stop leaves the methods equally far.
    assert [line.split()[0] for line in said[:3]] == [spec.method for spec in found[:3]]


def test_studies_are_told_apart_by_what_is_asked(specs):
    names = [
        specs(**asked)[0].name
        for asked in (
            {}, {"trials": 99}, {"seconds": 5.0}, {"seed": 1}, {"seeds": 2}, {"pruner": "none"},
            {"set_": {"toy.noise": 2.0}}, {"set_": {"toy-linear.width": 3}},
        )
    ]  # fmt: skip
    # A greater budget goes on with the same study; anything else is another one.
    assert len(set(names[:3])) == 1
    assert len(set(names[2:])) == 6


def test_summary_counts_what_was_given_back_apart(specs, step):
    (spec,) = specs(trials=2)
    claim(Work(spec, "lost", dead(), None, PLUGINS))
    give_back(spec, spec.open(), held(spec))
    while step(spec) != "none":
        pass

    found = of_study(spec, open_dataset("toy", {}, None))
    assert found["counts"]["trials"] == 2
    assert found["counts"]["given_back"] == 1
    values = [t["values"][0] for t in found["trials"] if t["state"] == "complete"]
    assert found["best"]["values"] == [max(values)]
    assert found["default"]["number"] == 1
