"""Published sets through the command: a run from a file to its report, and mistakes as one line."""

import json
import pickle
import sys
from pathlib import Path

import pytest
from fusemark.benchmark import load_results
from fusemark.benchmark.cli import main
from fusemark.benchmark.sentiment import scores
from fusemark.benchmark.store import Store

QUICK = ["--seeds", "1", "--set", "training.epochs=2", "--workers", "1"]


@pytest.fixture
def bench(monkeypatch, capsys, tmp_path):
    """Call the command in an empty folder; return its exit code and error output."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr().err

    return call


def test_run_from_a_file_to_its_report(bench, sets):
    path = sets.mmsa()
    code, err = bench(
        "run", "--methods", "only:text,late-concat", "--datasets", f"public:{path}", *QUICK,
        "--metric", "acc2_nonzero", "--out", "run",
    )  # fmt: skip
    assert code == 0, err
    store = Store("run")
    records = store.records()
    assert len(records) == 2
    for record in records:
        assert record["status"] == "ok"
        assert record["cell"]["dataset"] == "public:unaligned_50.pkl"
        assert "numbers of audio that are not finite set to 0" in record["protocol"]["text"]
        predictions = store.predictions(record["id"])
        found = scores(predictions["values"], predictions["labels"], record["outputs"])
        assert len(found) == 6
        assert {key: record["metrics"][key] for key in found} == found
        assert str(path.parent) not in json.dumps(record)
    text = Path("run/report.md").read_text(encoding="utf-8")
    for word in ("Acc-2 neg./pos.", "F1 neg./non-neg.", "Acc-7", "Acc-5", "Pearson r", "MAE"):
        assert word in text
    assert len(load_results("run")) == 2


@pytest.mark.parametrize("kind", ["iemocap", "mfn"])
def test_run_of_the_other_formats(bench, sets, kind):
    path = sets.mult(iemocap=True) if kind == "iemocap" else sets.mfn()
    code, err = bench("run", "--methods", "late-concat", "--datasets", f"public:{path}", *QUICK,
                      "--no-report", "--out", "run")  # fmt: skip
    assert code == 0, err
    (record,) = Store("run").records()
    assert record["status"] == "ok"
    assert record["kind"] == ("classification" if kind == "iemocap" else "regression")
    assert ("acc7" in record["metrics"]) == (kind == "mfn")


class Evil:
    def __reduce__(self):
        return eval, ("__import__('pathlib').Path('evil').touch()",)


MISTAKES = {
    "no file": (lambda sets: sets.path / "none.pkl", [], "does not exist"),
    "folder": (lambda sets: sets.path, [], "holds no y_train.h5"),
    "not a pickle": (lambda sets: written(sets, b"<html>"), [], "is no pickle"),
    "code": (lambda sets: written(sets, pickle.dumps(Evil())), [], "asks for 'builtins.eval'"),
    "part": (lambda sets: sets.mmsa(change=lambda c: c.pop("valid")), [], "has no part 'valid'"),
    "task": (lambda sets: sets.mmsa(), ["--set", "public.task=happy"], "for task='happy'"),
    "setting": (lambda sets: sets.mmsa(), ["--set", "public.taks=three"], "no setting 'taks'"),
}  # fmt: skip


def written(sets, content):
    (sets.path / "x.pkl").write_bytes(content)
    return sets.path / "x.pkl"


@pytest.mark.parametrize(("make", "words", "reason"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistake_is_one_line_and_exit_code_2(bench, sets, tmp_path, make, words, reason):
    path = make(sets)
    code, err = bench("run", "--methods", "late-concat", "--datasets", f"public:{path}", *QUICK,
                      *words, "--no-report")  # fmt: skip
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert reason in err
    assert list((tmp_path / "empty").iterdir()) == []


def test_path_is_needed(bench):
    code, err = bench("run", "--methods", "late-concat", "--datasets", "public", *QUICK)
    assert code == 2
    assert "needs its path" in err
