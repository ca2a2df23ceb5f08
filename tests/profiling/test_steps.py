"""Steps of known times are taken apart into those times, and stay the steps that they were."""

import time

import numpy as np
import pytest
import torch
from fusemark.benchmark import UserError
from fusemark.benchmark.cell import open_dataset
from fusemark.benchmark.loading import load
from fusemark.benchmark.profiling import steps
from fusemark.benchmark.profiling.steps import Stopwatch, Timed, source_of, time_steps, watched
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.settings import DataSettings, TrainingSettings
from fusemark.benchmark.training import Steps


def toy(method):
    dataset = open_dataset("toy", {}, None)
    torch.manual_seed(0)
    recipe = parse(method)
    model = recipe.build(dataset.task, recipe.resolve("small", {}))
    return model, load(dataset, np.arange(72), DataSettings())


@pytest.fixture
def clock(monkeypatch):
    """A clock that sleeping alone moves, so that times are known to the last digit."""
    now = [100.0]

    def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_each_part_is_as_long_as_it_sleeps(timed, clock, monkeypatch):
    model, part = toy("toy-timed")
    shuffled, adam = type(part).shuffled, torch.optim.Adam

    def slow_collation(self, size, rng):
        for batch in shuffled(self, size, rng):
            time.sleep(0.03)
            yield batch

    class SlowAdam(adam):
        def step(self, closure=None):
            time.sleep(0.05)
            return super().step(closure)

    def slow_clipping(parameters, norm):
        time.sleep(0.06)

    monkeypatch.setattr(type(part), "shuffled", slow_collation)
    monkeypatch.setattr(torch.optim, "Adam", SlowAdam)
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", slow_clipping)
    seconds = time_steps(model, part, TrainingSettings(), 7)
    assert seconds == pytest.approx(
        {"collate": 0.03, "forward": 0.02 + 0.01, "backward": 0.04, "optimiser": 0.05, "rest": 0.06}
    )
    # Two more steps warmed up: the clock moved by nine in all.
    assert clock[0] - 100 == pytest.approx(9 * sum(seconds.values()))


def test_a_part_that_another_calls_is_booked_once(clock):
    watch = Stopwatch()
    with watch.on("backward"):
        time.sleep(0.2)
        with watch.on("forward"):
            time.sleep(0.3)
        time.sleep(0.4)
    time.sleep(1.0)
    assert watch.spent["forward"] == pytest.approx(0.3)
    assert watch.spent["backward"] == pytest.approx(0.6)


def test_timing_changes_nothing_of_the_training(timed):
    trained = []
    for watching in (False, True):
        model, part = toy("toy-linear")
        run = Steps(model, TrainingSettings(), seed=0, fold=0, epochs=2)
        if watching:
            watch = Stopwatch()
            watched(run, watch)
            part = Timed(part, watch, 100)
        losses = [run.epoch(part, 1), run.epoch(part, 2)]
        trained.append((losses, [p.detach().clone() for p in model.parameters()]))
    assert trained[0][0] == trained[1][0]
    for plain, observed in zip(trained[0][1], trained[1][1], strict=True):
        torch.testing.assert_close(plain, observed, rtol=0, atol=0)


def test_as_many_steps_as_asked_over_several_epochs(timed, monkeypatch):
    model, part = toy("toy-linear")  # three steps an epoch
    count = 0
    forward = type(model).forward

    def counted(self, batch):
        nonlocal count
        count += 1
        return forward(self, batch)

    monkeypatch.setattr(type(model), "forward", counted)
    time_steps(model, part, TrainingSettings(), 7)
    assert count == steps.WARM + 7


def test_what_opens_a_dataset():
    def cell(name, **config):
        return {"dataset": name, "dataset_config": config}

    assert source_of(cell("utd-mhad"), []) == "utd-mhad"
    assert source_of(cell("simulated:lag"), []) == "simulated:lag"
    assert source_of(cell("simulated:long@64", length=64), []) == "simulated:long"
    assert source_of(cell("utd-mhad@1/4", rate=0.25), []) == "resampled:utd-mhad"
    given = ["manifest:data/other.csv", "manifest:data/mine.csv"]
    assert source_of(cell("manifest:mine.csv"), given) == "manifest:data/mine.csv"
    assert (
        source_of(cell("manifest:mine.csv@1/2", rate=0.5), given)
        == "resampled:manifest:data/mine.csv"
    )
    with pytest.raises(UserError, match="--dataset manifest:PATH"):
        source_of(cell("manifest:mine.csv"), given[:1])


def test_other_data_than_the_run_had_is_refused(timed):
    cell = {"dataset": "toy", "dataset_config": {}, "fingerprint": "another"}
    with pytest.raises(UserError, match="fingerprint differs"):
        steps.of_cell(cell, 1, None, "toy")
