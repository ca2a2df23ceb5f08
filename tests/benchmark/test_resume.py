"""Going on in a store whose files were touched meanwhile."""

import json
import sys

import pytest
from fusemark.benchmark import Store, UserError
from fusemark.benchmark.cli import main
from fusemark.benchmark.progress import Progress
from fusemark.benchmark.registration import state
from fusemark.benchmark.run import run

from .test_run import options, planned


class Heard(Progress):
    """A progress that keeps what it is told to say."""

    def __init__(self):
        super().__init__(quiet=True)
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def test_a_plan_that_was_changed_by_hand_stops_the_run(toy, tmp_path, monkeypatch, capsys):
    store = run(planned(), tmp_path, options=options(toy))
    assert state(store.plan()) == "kept"
    path = tmp_path / "plan.json"
    kept = path.read_text()
    path.write_text(json.dumps({**json.loads(kept), "metric": "uar"}))
    with pytest.raises(UserError, match="was changed after plan"):
        run(planned(), tmp_path, options=options(toy))
    assert json.loads(path.read_text())["metric"] == "uar"  # nothing was written over it
    words = ["run", "--plugin", toy, "--methods", "toy-linear", "--datasets", "toy", "--out"]
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, words), str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        main()
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert end.value.code == 2
    assert len(said) == 1
    assert "plan.json" in said[0]
    # Without it the run goes on, and says that its plan was not fixed beforehand.
    path.unlink()
    assert run(planned(), tmp_path, options=options(toy)).plan()["registered"]["cells"] == 1


def test_a_plan_with_abbreviations_and_folders_is_kept(toy, tmp_path):
    store = run(planned("only:*"), tmp_path, options=options(toy))
    assert state(store.plan()) == "kept"
    assert store.plan()["asked"] == {"methods": ["only:*"], "datasets": ["toy"]}
    assert store.plan()["methods"] == ["only:audio", "only:visual"]


def test_a_damaged_record_is_said_and_run_again(toy, tmp_path):
    store = run(planned(seeds=2), tmp_path, options=options(toy))
    first, second = sorted(store.cells.glob("*.json"))
    kept = second.stat().st_mtime_ns
    first.write_text(first.read_text()[:500])
    heard = Heard()
    run(planned(seeds=2), tmp_path, options=options(toy), progress=heard)
    assert f"damaged, counts as missing: cells/{first.name}: it is no JSON" in heard.lines[0]
    assert [r["status"] for r in Store(tmp_path).records()] == ["ok", "ok"]
    assert second.stat().st_mtime_ns == kept
    assert len(first.with_name(f"{first.name}.damaged").read_text()) == 500
