"""The tables of a README agree with the records, or the check says so."""

import json

import pytest
from fusemark.benchmark.contract.errors import UserError
from fusemark.reports import compare
from fusemark.reports.readme_table import main, updated

from .stores import HOSTILE, Spec, write_store

BLOCK = "before\n\n<!-- table: results/{} -->\nstale\n<!-- /table -->\n\nafter\n"


@pytest.fixture
def readme(tmp_path):
    write_store(tmp_path / "results" / "a")
    write_store(tmp_path / "results" / "b", Spec(methods={HOSTILE: 1.0, "late-concat": 0.5}))
    path = tmp_path / "README.md"
    path.write_text(BLOCK.format("a") + BLOCK.format("b"))
    return path


def test_check_then_write_then_check(readme, capsys):
    assert main([str(readme), "--check"]) == 1
    assert "stale" in readme.read_text()
    assert main([str(readme)]) == 0
    assert main([str(readme), "--check"]) == 0
    text = readme.read_text(encoding="utf-8")
    assert text.count("before\n") == text.count("\nafter\n") == 2
    assert "stale" not in text
    assert updated(text, readme.parent) == text


def test_block_has_the_short_leaderboard_and_its_tests(readme):
    text = updated(readme.read_text(), readme.parent)
    first = text[: text.index("<!-- /table -->")]
    assert "size small; mean ± standard deviation over 5 seeds, and the 95 % t interval" in first
    assert "| method | macro F1 | accuracy | parameters | seeds |" in first
    assert "`ladder` against the baseline `late-concat`: better for new seeds and new" in first
    assert "`ladder`, the best fusion, against the best single modality, `only:visual`" in first
    assert "](#" not in first
    assert HOSTILE not in text


def tuned(store, methods):
    """Add what tuning says of it to a store: nothing here is read but counts and time."""
    row = {"counts": {"trials": 15, "pruned": 4}, "seconds": 600.0}
    (store / "tuning").mkdir()
    studies = [{"method": method, **row} for method in methods]
    (store / "tuning" / "tune.json").write_text(json.dumps({"studies": studies}))


def test_a_tuned_run_against_the_default(tmp_path):
    default, better = {"late-concat": 0.5, "mult": 0.5}, {"late-concat": 0.5, "mult": 1.5}
    write_store(tmp_path / "default", Spec(methods=default))
    write_store(tmp_path / "tuned", Spec(methods=better), salt="t")
    text = "<!-- table: tuned against default -->\n<!-- /table -->\n"
    with pytest.raises(UserError, match="'tuned' was not tuned"):
        updated(text, tmp_path)
    tuned(tmp_path / "tuned", better)
    shown = updated(text, tmp_path)
    row = next(line for line in shown.splitlines() if line.startswith("| `mult`"))
    _, before, after, change, p, verdict, *cost = (c.strip() for c in row.strip("|").split("|"))
    assert float(after.strip("*")) - float(before) == pytest.approx(float(change), abs=0.11)
    assert (p, verdict, cost) == ("&lt; .001", "better", ["15", "4", "10 min"])
    assert "Tuned against default, better: `mult`." in shown
    assert "All 30 trials took 20 min" in shown
    assert updated(shown, tmp_path) == shown


def test_a_method_whose_default_was_the_best_trial_is_not_tested(tmp_path):
    """Its cells are the default's own, made again where sums may round otherwise."""
    default, better = {"late-concat": 0.5, "mult": 0.5}, {"late-concat": 0.5, "mult": 1.5}
    folder = write_store(tmp_path / "default", Spec(methods=default))
    ids = json.loads((folder / "plan.json").read_text())["cells"]
    again = [("late-concat", seed) for seed in Spec().seeds]
    folder = write_store(tmp_path / "tuned", Spec(methods=better, missing=again), salt="t")
    plan = json.loads((folder / "plan.json").read_text())
    plan["cells"] = ids[: len(again)] + plan["cells"][len(again) :]
    write_store(folder, Spec(methods={"late-concat": 0.52}), plan=False)
    (folder / "plan.json").write_text(json.dumps(plan))
    tuned(folder, better)
    shown = updated("<!-- table: tuned against default -->\n<!-- /table -->\n", tmp_path)
    row = next(line for line in shown.splitlines() if line.startswith("| `late-concat`"))
    _, before, after, *told = (c.strip() for c in row.strip("|").split("|"))
    assert before != after
    assert told[:3] == ["–", "–", "keeps its default"]
    assert "Holm over 1 method whose settings changed" in shown
    (change,) = (c for c in compare(tmp_path / "default", folder).changes if c.method == "mult")
    row = next(line for line in shown.splitlines() if line.startswith("| `mult`"))
    assert change.result.p < 0.001
    assert "| &lt; .001 | better |" in row
    assert "No trial was better than the default: `late-concat`." in shown
    broken = json.loads((folder / "cells" / f"{ids[0]}.json").read_text())
    broken |= {"status": "failed", "error": {"type": "E", "message": "m", "traceback": "t"}}
    (folder / "cells" / f"{ids[0]}.json").write_text(json.dumps(broken))
    shown = updated("<!-- table: tuned against default -->\n<!-- /table -->\n", tmp_path)
    assert "| worse: it fails where it did not |" in shown


def test_an_open_block_or_a_missing_store_is_one_line(readme, tmp_path, capsys):
    with pytest.raises(UserError, match="'x' is not closed"):
        updated("<!-- table: x -->\n", tmp_path)
    with pytest.raises(UserError, match="'x' is not closed"):
        updated("<!-- table: x -->\n<!-- table: y -->\n<!-- /table -->", tmp_path)
    readme.write_text(BLOCK.format("nowhere"))
    assert main([str(readme)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
