"""Two runs compared: against the tests themselves, and as a gate."""

import json
import shutil
import sys

import numpy as np
import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.cli import main
from fusemark.benchmark.statistics.multiplicity import holm
from fusemark.reports import compare, view
from scipy import stats

from .cost_stores import write_costs
from .stores import HOSTILE, ODD, Spec, write_store

SEEDS = tuple(range(6))
FIRST = {"late-concat": 1.2, "mult": 1.5, "ladder": 2.1}


@pytest.fixture
def bench(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def stores(tmp_path, second, **more):
    """Write two runs; a method of equal skill has equal records."""
    one = write_store(tmp_path / "one", Spec(methods=FIRST, seeds=SEEDS, **more))
    two = write_store(tmp_path / "two", Spec(methods=second, seeds=SEEDS, **more))
    return one, two


def scores(store, method):
    found = [json.loads(p.read_text()) for p in sorted((store / "cells").glob("*.json"))]
    mine = [r for r in found if r["cell"]["method"] == method]
    return [r["metrics"]["macro_f1"] for r in sorted(mine, key=lambda r: r["cell"]["seed"])]


def test_equal_runs_are_equal_bit_for_bit(tmp_path, bench):
    one, two = stores(tmp_path, FIRST)
    found = compare(one, two)
    assert found.same_plan
    assert (found.shared, found.equal) == (18, 18)
    assert {c.verdict for c in found.changes} == {"equal bit for bit"}
    assert found.differences == found.lacking == ()
    code, out, _ = bench("compare", one, two, "--fail-if-worse")
    assert code == 0
    assert "18 cells in common, 18 equal bit for bit" in out
    assert "Nothing changed." in out


def test_changes_are_the_paired_t_with_holm_over_what_changed(tmp_path, bench):
    one, two = stores(tmp_path, {**FIRST, "mult": 0.4, "ladder": 1.95})
    changes = {c.method: c for c in compare(one, two).changes}
    p = {m: stats.ttest_rel(scores(two, m), scores(one, m)).pvalue for m in ("mult", "ladder")}
    for method, adjusted in zip(p, holm(list(p.values())).adjusted, strict=True):
        assert changes[method].result.p == pytest.approx(p[method])
        assert changes[method].adjusted == pytest.approx(adjusted)
        assert changes[method].before == pytest.approx(np.mean(scores(one, method)))
        assert changes[method].after == pytest.approx(np.mean(scores(two, method)))
    assert [c.method for c in compare(one, two).changes] == ["mult", "ladder", "late-concat"]
    assert changes["mult"].verdict == "worse"
    assert changes["late-concat"].verdict == "equal bit for bit"
    code, _, err = bench("compare", one, two, "--fail-if-worse")
    assert code == 1
    assert err.startswith("worse: mult on simulated:cremad-like")
    assert bench("compare", one, two)[0] == 0
    code, out, _ = bench("compare", two, one, "--fail-if-worse")
    assert code == 0
    assert "Better: mult on simulated:cremad-like, ladder" in out


def test_redrawn_splits_are_tested_over_speakers_too(tmp_path):
    one, two = stores(tmp_path, {**FIRST, "mult": 0.4}, design="re-drawn")
    (change,) = [c for c in compare(one, two).changes if c.method == "mult"]
    assert change.scope == "speakers"
    assert change.verdict == "worse"
    one, two = stores(tmp_path / "few", {**FIRST, "mult": 0.4}, design="re-drawn", speakers=2)
    (change,) = [c for c in compare(one, two).changes if c.method == "mult"]
    assert change.verdict == "cannot be tested: it takes 4 seeds and 4 speakers"


def test_a_change_that_is_the_same_at_every_seed_is_told_by_its_sign(tmp_path, bench):
    one, two = stores(tmp_path, FIRST)
    for store, skill in ((one, 1.0), (two, 0.0)):
        for path in (store / "cells").glob("*.npz"):
            labels = np.load(path)["labels"]
            right = np.eye(6)[labels if skill else (labels + 1) % 6].astype("f4")
            np.savez(path, **{**np.load(path), "probabilities": right})
    found = compare(one, two)
    # The least p of six signs is 2 / 2^6, and three methods share .05: they cannot tell, and a gate
    # must not pass what nobody could have judged. Of one method alone they do.
    assert {c.least for c in found.changes} == {2 / 2**6}
    assert {c.verdict.split(",")[0] for c in found.changes} == {
        "cannot be tested: the change is the same at all 6 seeds"
    }
    code, _, err = bench("compare", one, two, "--fail-if-worse")
    assert code == 1
    assert "by its sign alone cannot reach p < 0.05" in err
    for path in (two / "cells").glob("*.json"):
        if json.loads(path.read_text())["cell"]["method"] != "mult":
            path.unlink()
    (change,) = compare(one, two).changes
    assert (change.result.p, change.verdict) == (2 / 2**6, "worse")


def test_a_method_that_fails_where_it_did_not_is_worse(tmp_path, bench):
    fail = {("mult", 3): ("failed", "RuntimeError", "no")}
    one, _ = stores(tmp_path, FIRST)
    two = write_store(tmp_path / "three", Spec(methods=FIRST, seeds=SEEDS, fail=fail))
    code, out, err = bench("compare", one, two, "--fail-if-worse")
    assert code == 1
    assert "mult" in err
    assert "worse: it fails where it did not" in out
    (lacking,) = compare(one, two).lacking
    assert (lacking.method, lacking.seeds, lacking.which) == ("mult", (3,), "first")
    assert bench("compare", two, one, "--fail-if-worse")[0] == 0


def test_what_is_missing_and_what_else_differs(tmp_path):
    one = write_store(tmp_path / "one", Spec(methods=FIRST, seeds=SEEDS))
    patch = {
        (m, s): {"versions": {"torch": "2.14.0"}, "code": {"digest": f"d-{m}", "harness": "h2"}}
        for m in FIRST
        for s in SEEDS
    }
    spec = Spec(methods={**FIRST, "new": 1.0}, seeds=SEEDS[:5], patch=patch, epochs=20)
    two = write_store(tmp_path / "two", spec)
    plan = json.loads((two / "plan.json").read_text())
    (two / "plan.json").write_text(json.dumps({**plan, "hash": "other"}))
    found = compare(one, two)
    assert not found.same_plan
    assert found.shared == 15
    assert {(x.method, x.which, x.seeds) for x in found.lacking} == {
        *((m, "first", (5,)) for m in FIRST), ("new", "second", SEEDS[:5]),
    }  # fmt: skip
    said = {d.name: (d.before, d.after) for d in found.differences}
    assert said["torch"] == ("2.13.0", "2.14.0")
    assert said["harness code"] == ("h1", "h2")
    assert said["plan: seeds"] == ("0,1,2,3,4,5", "0,1,2,3,4")
    assert said["mult on simulated:cremad-like: training.epochs"] == ("30", "20")
    assert "only what they share is compared" in view(found, "text")


def test_formats(tmp_path):
    one, two = stores(tmp_path, {**FIRST, "mult": 0.4})
    found = compare(one, two)
    read = json.loads(view(found, "json"))
    assert read["worse"] == [["simulated:cremad-like", "mult"]]
    assert read["changes"][0]["result"]["p"] == pytest.approx(found.changes[0].result.p)
    assert read["changes"][-1]["adjusted"] is None
    assert "| `simulated:cremad-like` | `mult` |" in view(found, "md")
    with pytest.raises(UserError, match="expected one of text, md, json"):
        view(found, "pdf")


def test_hostile_names_do_no_harm(tmp_path):
    spec = Spec(methods={HOSTILE: 1.0, ODD: 1.5}, datasets=(HOSTILE,), seeds=(0, 1, 2))
    one = write_store(tmp_path / "one", spec)
    two = shutil.copytree(one, tmp_path / "two")
    text = view(compare(one, two), "md")
    assert "<script" not in text
    assert len({line.count(" |") for line in text.splitlines() if line.startswith("| ")}) == 1


@pytest.mark.parametrize("what", ["nothing shared", "no results", "no folder"])
def test_mistakes_are_one_line(tmp_path, bench, what):
    one = write_store(tmp_path / "one", Spec(methods=FIRST, seeds=(0, 1)))
    two = tmp_path / "two"
    if what == "nothing shared":
        write_store(two, Spec(methods=FIRST, seeds=(2, 3)))
    elif what == "no results":
        two.mkdir()
    code, out, err = bench("compare", one, two, "--fail-if-worse")
    assert code == 2
    assert not out
    assert err.count("\n") == 1
    assert ("no cell in common" if what == "nothing shared" else "holds no results") in err


def test_a_gate_lets_nothing_pass_that_it_cannot_judge(tmp_path, bench):
    """Lost methods, a single seed, predictions that are empty or no numbers."""
    one, two = stores(tmp_path, {k: v for k, v in FIRST.items() if k != "mult"})
    code, out, err = bench("compare", one, two, "--fail-if-worse")
    assert code == 1
    assert (
        "cannot be judged: mult on simulated:cremad-like, seeds 0–5: not done in the second" in err
    )
    assert "Nothing changed." not in out
    assert json.loads(bench("compare", one, two, "--format", "json")[1])["unjudged"]

    single = write_store(tmp_path / "single", Spec(methods={**FIRST, "mult": 0.4}, seeds=(0,)))
    code, _, err = bench("compare", one, single, "--fail-if-worse")
    assert code == 1
    assert "mult on simulated:cremad-like: one common seed" in err

    three = write_store(tmp_path / "three", Spec(methods={**FIRST, "mult": 0.4}, seeds=SEEDS))
    first = next(p for p in sorted((three / "cells").glob("*.json"))
                 if json.loads(p.read_text())["cell"]["method"] == "mult")  # fmt: skip
    predictions = dict(np.load(first.with_suffix(".npz")))
    predictions["probabilities"][0, 0] = np.nan
    np.savez(first.with_suffix(".npz"), **predictions)
    for _ in range(2):
        code, _, err = bench("compare", one, three, "--fail-if-worse")
        assert code == 1
        assert "mult on simulated:cremad-like: predictions cannot be read, or are not finite" in err
        first.with_suffix(".npz").write_bytes(b"")


def test_a_path_that_is_no_folder_is_one_line(tmp_path, bench):
    store = write_store(tmp_path / "one")
    file = store / "plan.json"
    for words in (["report", file], ["compare", store, file], ["report", store, "--out", file],
                  ["report", store, "--out", "/proc/nope"]):  # fmt: skip
        code, _, err = bench(*words)
        assert code == 2
        assert err.startswith("error: ")
        assert err.count("\n") == 1


def rewritten(store, change):
    """Change every record of a store."""
    for path in sorted((store / "cells").glob("*.json")):
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))


@pytest.mark.parametrize("field", ["fingerprint", "dataset_config"])
def test_runs_on_other_data_are_not_judged(tmp_path, bench, field):
    """The metric is one that is read from the records: no prediction shows what was tested."""
    one, two = stores(tmp_path, {**FIRST, "mult": 0.4}, metric="ece")
    other = {"fingerprint": "beef", "dataset_config": {"protocol": "even-odd"}}[field]
    rewritten(two, lambda record: record["cell"].update({field: other}))
    code, out, err = bench("compare", one, two, "--fail-if-worse")
    what = {"fingerprint": "content", "dataset_config": "settings"}[field]
    assert code == 1
    assert f"mult on simulated:cremad-like: the dataset's {what} differs" in err.replace(
        "settings differ ", "settings differs "
    )
    assert "worse: none" in out.lower()


def test_a_method_that_failed_in_both_runs_does_not_stop_a_gate(tmp_path, bench):
    fail = {("mult", seed): ("failed", "RuntimeError", "no") for seed in SEEDS}
    one, two = stores(tmp_path, FIRST, fail=fail)
    assert {c.method: c.verdict for c in compare(one, two).changes}["mult"] == (
        "without a result in the first run"
    )
    assert bench("compare", one, two, "--fail-if-worse")[0] == 0


def test_what_cannot_be_told_is_not_called_unchanged(tmp_path, bench):
    one = write_store(tmp_path / "one", Spec(methods=FIRST, seeds=(0, 1)))
    two = write_store(tmp_path / "two", Spec(methods={**FIRST, "ladder": 2.3}, seeds=(0, 1)))
    _, out, _ = bench("compare", one, two)
    assert "Not separated: 1. These seeds cannot tell whether a change is there" in out


def test_the_rule_is_the_first_plans_and_is_said(tmp_path):
    one, two = stores(tmp_path, {**FIRST, "mult": 0.4})
    plan = json.loads((two / "plan.json").read_text())
    (two / "plan.json").write_text(json.dumps({**plan, "hash": "h", "metric": "uar"}))
    for form in ("text", "md"):
        said = view(compare(one, two), form).replace("&#95;", "_")
        assert "Tested by the first run's plan: metric macro_f1, alpha 0.05." in said
    read = json.loads(view(compare(two, one), "json"))
    assert (read["metric"], read["changes"][0]["metric"]) == ("uar", "uar")


def test_folders_of_one_name_are_told_apart_and_one_folder_is_refused(tmp_path, bench):
    one, two = (write_store(tmp_path / d / "run", Spec(methods=FIRST, seeds=SEEDS)) for d in "ab")
    assert compare(one, two).names == (str(one), str(two))
    code, _, err = bench("compare", one, one / ".." / "run", "--fail-if-worse")
    assert code == 2
    assert "are one folder" in err


def test_several_configurations_under_one_name_are_not_passed_over(tmp_path, bench):
    one, two = stores(tmp_path, FIRST)
    (two / "plan.json").unlink()
    first = sorted((two / "cells").glob("*.json"))[0]
    record = json.loads(first.read_text())
    record |= {"id": "f" * 8, "cell": {**record["cell"], "config": {"late-concat": {"width": 1}}}}
    (two / "cells" / f"{'f' * 8}.json").write_text(json.dumps(record))
    code, _, err = bench("compare", one, two, "--fail-if-worse")
    assert code == 1
    assert (
        "late-concat on simulated:cremad-like, seeds 0: the second run holds it in several" in err
    )


@pytest.mark.parametrize("what", ["empty", "costs"])
def test_a_run_without_trainings_says_what_it_holds(tmp_path, bench, what):
    one, two = stores(tmp_path, FIRST)
    shutil.rmtree(two / "cells")
    (two / "cells").mkdir()
    if what == "costs":
        write_costs(two, ("mult",), (64,))
    code, _, err = bench("compare", one, two, "--fail-if-worse")
    assert code == 2
    assert err.count("\n") == 1
    assert ("holds no results" if what == "empty" else "holds no trainings, but") in err
