"""``bench tune`` as a user meets it."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import pytest
from fusemark.benchmark.cli import main
from fusemark.benchmark.store import Store

from .conftest import PLUGINS

PLUGGED = [word for plugin in PLUGINS for word in ("--plugin", plugin)]
TUNE = [
    "tune", *PLUGGED, "--datasets", "toy-sealed", "--workers", "1", "--set", "training.epochs=4",
    "--out", "tuned",
]  # fmt: skip


@pytest.fixture
def bench(monkeypatch, capsys, tmp_path):
    """Call the command in an empty folder; return its exit code, output and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FUSEMARK_DATA", raising=False)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def result(folder):
    return json.loads((folder / "tuned" / "tune.json").read_text())


@pytest.mark.slow
def test_tune_then_run_the_best_then_go_on(bench, tmp_path):
    methods = ["--methods", "toy-linear,toy-refuses"]
    code, out, err = bench(*TUNE, *methods, "--trials", "4")
    assert code == 0, err
    assert "tune.md" in out
    found = result(tmp_path)
    assert [row["counts"]["trials"] for row in found["studies"]] == [4, 4]
    page = (tmp_path / "tuned" / "tune.md").read_text()
    assert "same budget: 4 trials; 8 trials, of which" in page
    for figure in (tmp_path / "tuned" / "tune_files").iterdir():
        ElementTree.parse(figure)
        assert figure.name in page

    # The written plan trains what the best trial was.
    best = tmp_path / "tuned" / "best" / "toy-sealed.toml"
    more = ["--datasets", "toy", "--workers", "1", "--no-report", "--out", "run"]
    code, _, err = bench("run", *PLUGGED, "--config", str(best), "--seeds", "0:1", *more)
    assert code == 0, err
    trained = {r["cell"]["method"]: r["cell"] for r in Store(tmp_path / "run").records()}
    for row in found["studies"]:
        name, chosen = row["method"], row["best"]["chosen"]
        assert trained[name]["config"][name]["width"] == chosen[f"{name}.width"]
        assert trained[name]["training"]["lr"] == chosen[f"{name}.training.lr"]

    # A greater budget goes on; the trials that were there stay as they were.
    code, _, err = bench(*TUNE, *methods, "--trials", "5")
    assert code == 0, err
    for before, after in zip(found["studies"], result(tmp_path)["studies"], strict=True):
        assert after["trials"][:4] == before["trials"]
        assert after["counts"]["trials"] == 5


def test_run_tuned_tunes_then_trains_fresh_seeds_and_goes_on(bench, tmp_path):
    words = [
        "run", *PLUGGED, "--methods", "toy-linear", "--datasets", "toy", "--seeds", "2",
        "--tuned", "2", "--set", "training.epochs=4", "--workers", "1", "--no-report",
        "--out", "run",
    ]  # fmt: skip
    code, _, err = bench(*words, "--dry-run")
    assert code == 0, err
    assert "not counted: 2 trials of each method" in err
    assert not (tmp_path / "run").exists()
    code, _, err = bench(*words)
    assert code == 0, err
    (row,) = json.loads((tmp_path / "run" / "tuning" / "tune.json").read_text())["studies"]
    records = Store(tmp_path / "run").records()
    assert sorted(r["cell"]["seed"] for r in records) == [0, 1]
    for record in records:
        assert record["cell"]["training"]["lr"] == row["best"]["chosen"]["toy-linear.training.lr"]
    code, _, err = bench(*words)
    assert code == 0
    assert "nothing to do" in err

    # More seeds are no new search: who made the trials, when and where, stays as it was.
    file = tmp_path / "run" / "tuning" / "tune.json"
    old = json.loads(file.read_text())
    file.write_text(json.dumps({**old, "machine": {"processor": "another"}, "finished": "then"}))
    words[words.index("--seeds") + 1] = "3"
    code, _, err = bench(*words)
    assert code == 0, err
    kept = json.loads(file.read_text())
    assert kept == {**old, "machine": {"processor": "another"}, "finished": "then"}
    assert "--seeds 2" in kept["command"]
    words[words.index("--tuned") + 1] = "3"
    code, _, err = bench(*words)
    assert code == 0, err
    new = json.loads(file.read_text())
    assert new["machine"] == old["machine"]
    assert "--seeds 3" in new["command"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--datasets", "toy,toy-sealed"], "one dataset"),
        (["--methods", "toy-linear,toy-linear+moddrop"], "two methods tune 'toy-linear'"),
        (["--seeds", "9999:10001"], "take others"),
    ],
)
def test_what_one_tuned_plan_cannot_say_is_refused_before_any_trial(bench, tmp_path, words, part):
    asked = {"--methods": "toy-linear", "--datasets": "toy", "--seeds": "1"}
    asked.update(zip(words[::2], words[1::2], strict=True))
    flags = [word for pair in asked.items() for word in pair]
    code, _, err = bench("run", *PLUGGED, *flags, "--tuned", "2", "--out", "run")
    assert code == 2
    assert part in err
    assert not (tmp_path / "run" / "tuning").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--methods", "mlut"], "'mlut'"),
        (["--methods", "toy-linear", "--pruner", "medina"], "median, hyperband, none"),
        (["--methods", "toy-linear", "--objectives", "speed"], "expected score, or score,flops"),
        (["--methods", "toy-linear", "--objectives", "score,flops"], "declares no formula"),
        (["--methods", "toy-linear", "--storage", "mysql://x/y"], "postgresql://"),
        (["--methods", "toy-linear", "--storage", "postgresql://u:pw@127.0.0.1:1/b"], "cannot be"),
        (["--methods", "toy-linear", "--budget", "soon"], "'soon'"),
        (["--methods", "toy-linear", "--set", "toy-linear.wide=3"], "wide"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(bench, words, part):
    code, _, err = bench(*TUNE, "--trials", "1", *words)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2
    assert len(lines) == 1
    assert part in lines[0]
    assert "pw@" not in err
    assert "Traceback" not in err


def test_a_method_of_which_no_trial_ends_is_named_and_its_trials_are_kept(bench, tmp_path):
    code, _, err = bench(*TUNE, "--methods", "toy-raises", "--trials", "2")
    assert code == 2
    assert "no trial of 'toy-raises'" in err
    (row,) = result(tmp_path)["studies"]
    assert [t["reason"] for t in row["trials"]] == [
        "RuntimeError: this method is broken on purpose"
    ] * 2
    assert "broken on purpose" in (tmp_path / "tuned" / "tune.md").read_text()


@pytest.mark.slow
def test_killed_and_started_again_ends_with_the_whole_budget(tmp_path):
    words = [
        sys.executable, "-m", "fusemark.benchmark.cli", *TUNE,
        "--methods", "toy-unhurried", "--trials", "3",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(
        words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert first.stderr
    while "trial 1 of 3" not in first.stderr.readline():
        pass
    time.sleep(0.3)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    subprocess.run(words, cwd=tmp_path, env=environment, check=True, timeout=120)
    (row,) = result(tmp_path)["studies"]
    assert row["counts"]["trials"] == row["counts"]["complete"] + row["counts"]["pruned"] == 3
    assert row["counts"]["running"] == 0
