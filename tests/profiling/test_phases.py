"""Phases of records are their means; bars are their shares; a run's cells account for its time."""

import sys
import time

import pytest
from fusemark.benchmark import cli
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.profiling.phases import phases
from fusemark.benchmark.profiling.tables import BAR, Line, Profile, blocks, markdown
from fusemark.benchmark.run import Options, run


def record(method, total, overhead=None, status="ok", **durations):
    return {
        "cell": {"method": method, "dataset": "d", "kind": "quality"}, "status": status,
        "durations": {**durations, "total": total}, "overhead": overhead,
    }  # fmt: skip


def test_means_by_phase():
    around = {"start": 0.5, "worker": 0.25}
    records = [
        record("a", 11.0, around, load=1.0, train=9.0, evaluate=0.5),
        record("a", 13.0, None, load=3.0, train=9.0, evaluate=0.5),
        record("b", 40.0, around, load=1.0, train=20.0, refit=18.0, evaluate=1.0),
        record("a", 1000.0, status="failed"),
    ]
    b, a = phases(records)  # the costliest first
    assert (a.method, a.cells, b.method, b.cells) == ("a", 2, "b", 1)
    assert a.seconds == {
        "load": 2.0, "train": 9.0, "refit": 0.0, "evaluate": 0.5, "other": 0.5, "overhead": 0.75
    }  # fmt: skip
    assert b.seconds["other"] == 0.0
    assert b.total == 40.75
    assert phases([record("a", 1.0, load=1.0)])[0].seconds["overhead"] is None


def test_bars_are_the_shares_to_one_scale():
    lines = [
        Line("a", 1, {"x": 6.0, "y": 2.0, "z": 0.0}),
        Line("b", 1, {"x": 1.0, "y": None, "z": 0.0}),
    ]
    profile = Profile("title", "cells", lines)
    assert profile.parts == ["x", "y"]  # what is nought everywhere is left out
    assert blocks(profile, lines[0]) == [round(BAR * 6 / 8), BAR - round(BAR * 6 / 8)]
    assert blocks(profile, lines[1]) == [round(BAR / 8), 0]
    rows = [line for line in markdown(profile).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {7}
    assert "| `b` | 1 | 1.000 | – | 1.000 |" in rows[-1]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run of four cells in one worker, and the seconds that it took."""
    from fusemark.benchmark.registry import load_plugin

    from .conftest import PLUGINS

    for plugin in PLUGINS:
        load_plugin(plugin)
    plan = make_plan(
        {
            "methods": ["toy-timed", "toy-linear"], "datasets": ["toy"], "seeds": 2,
            "settings": {"training.epochs": 2, "training.patience": None},
        }
    )  # fmt: skip
    out, start = tmp_path_factory.mktemp("run"), time.perf_counter()
    store = run(Planned(plan, None), out, options=Options(workers=1, plugins=PLUGINS))
    return store, time.perf_counter() - start


def test_cells_and_what_is_around_them_are_the_run(done):
    store, wall = done
    records = store.records()
    assert all(r["overhead"]["start"] >= 0 and r["overhead"]["worker"] >= 0 for r in records)
    spent = sum(r["durations"]["total"] + sum(r["overhead"].values()) for r in records)
    assert 0.7 * wall < spent <= wall


def test_training_takes_as_long_as_it_sleeps(done):
    rows = {row.method: row.seconds for row in phases(done[0].records())}
    slept = 2 * 3 * (0.02 + 0.01 + 0.04)  # epochs, steps of 72 examples, parts of a step
    assert slept < rows["toy-timed"]["train"] < slept + 1.5
    assert rows["toy-linear"]["train"] < rows["toy-timed"]["train"]


@pytest.fixture
def bench(monkeypatch, capsys):
    """Return a function that runs ``bench profile`` here and returns its exit code and output."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["bench", "profile", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        return code, *capsys.readouterr()

    return call


def test_the_command(done, bench):
    code, out, _ = bench(done[0].path, "--steps", 4)
    assert code == 0
    assert max(map(len, out.splitlines())) < 130
    for part in ("load", "evaluate", "overhead", "collate", "forward", "backward", "optimiser"):
        assert part in out
    _, marked, _ = bench(done[0].path, "--format", "md", "--methods", "toy-linear")
    assert marked.count("| `toy-linear` | 2 |") == 1
    assert "toy-timed" not in marked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "'nowhere' holds no training that ended well"),
        (["RUN", "--methods", "toy-liner"], "did you mean 'toy-linear'"),
        (["RUN", "--format", "csv"], "--format 'csv'; expected text or md"),
        (["RUN", "--steps", "0"], "--steps"),
        (["RUN", "--plugin", "none.py"], "none.py"),
    ],
)
def test_a_mistake_is_one_line(done, bench, words, said):
    code, out, error = bench(*(done[0].path if word == "RUN" else word for word in words))
    assert code == 2
    assert out == ""
    assert len(error.strip().splitlines()) == 1
    assert said in error
