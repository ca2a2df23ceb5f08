"""A store that can say little gives a report that says so, and no traceback."""

import json
import re

import pytest
from fusemark.benchmark.contract.errors import UserError
from fusemark.reports import write

from .stores import Spec, write_store


def text_of(store):
    paths = write(store, ("html", "md", "latex", "csv"))
    names = {p.name for p in paths}
    assert names >= {"report.html", "report.md", "report.tex", "leaderboard.csv"}
    for path in paths:
        if path.suffix in (".tex", ".csv"):
            shown = path.read_text(encoding="utf-8")
            assert not re.search(r"\b(nan|inf|None|null)\b", shown)
    text = (store / "report.md").read_text(encoding="utf-8")
    assert not re.search(r"\b(nan|NaN|inf|None|null)\b", text)
    return text


def test_an_empty_store(tmp_path):
    (tmp_path / "cells").mkdir()
    assert "holds no results, so nothing can be concluded" in text_of(tmp_path)


def test_a_plan_of_which_nothing_was_run(tmp_path):
    spec = Spec(missing=[(m, s) for m in Spec().methods for s in Spec().seeds])
    text = text_of(write_store(tmp_path, spec))
    assert "25 of 25 planned cells have no record" in text


def test_all_cells_failed(tmp_path):
    why = ("failed", "RuntimeError", "no such kernel")
    spec = Spec(fail={(m, s): why for m in Spec().methods for s in Spec().seeds})
    text = text_of(write_store(tmp_path, spec))
    assert "No cell ended well, so nothing can be concluded" in text
    assert "RuntimeError: no such kernel" in text


def test_one_method_and_one_seed(tmp_path):
    text = text_of(write_store(tmp_path, Spec(methods={"mult": 1.0}, seeds=(0,), baseline="mult")))
    assert "`mult` is the only method with a result" in text
    assert "One seed: no spread, no interval and no test can be given." in text
    assert "no other method has a complete seed" in text


def test_every_metric_is_nan(tmp_path):
    store = write_store(tmp_path, Spec(seeds=(0, 1)))
    for path in (store / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        record["metrics"] = dict.fromkeys(record["metrics"])
        record["history"]["valid_score"] = [None] * len(record["history"]["epoch"])
        path.write_text(json.dumps(record))
    text = text_of(store)
    assert "No method has a finite mean macro F1, so no order can be given." in text


def test_seeds_that_differ_between_methods(tmp_path):
    missing = [("mult", 0), ("mult", 1), ("late-concat", 3), ("late-concat", 4)]
    text = text_of(write_store(tmp_path, Spec(missing=missing)))
    assert "mult against late-concat: paired on 1 common seed; 4 that only one" in text
    assert "cannot be tested: one common seed" in text


def test_no_common_seed(tmp_path):
    missing = [("mult", 0), ("mult", 1), ("mult", 2), ("late-concat", 3), ("late-concat", 4)]
    assert "no seed that both have done" in text_of(write_store(tmp_path, Spec(missing=missing)))


def test_no_plan(tmp_path):
    text = text_of(write_store(tmp_path, plan=False))
    assert "`ladder` has the highest mean macro F1" in text


def test_neither_git_nor_history_nor_absence(tmp_path):
    store = write_store(tmp_path, Spec(seeds=(0, 1)))
    for path in (store / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        record |= {"git": None, "absent": {}, "oracle": None}
        record["history"] |= {"epoch": [], "valid_score": []}
        path.write_text(json.dumps(record))
    assert "commit" not in text_of(store)


def test_a_metric_that_the_task_does_not_have(tmp_path):
    text = text_of(write_store(tmp_path, Spec(metric="pearson")))
    assert "The plan's metric, pearson, is not one that this task has" in text


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_folds_of_both_kinds(tmp_path, kind):
    text = text_of(write_store(tmp_path, Spec(kind=kind, folds=3, examples=40, seeds=(0, 1))))
    assert "3 folds, whose predictions are pooled for each seed" in text


def test_what_is_no_store_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="holds no results; expected a folder"):
        write(tmp_path / "nowhere")
    with pytest.raises(
        UserError, match="unknown report format 'pdf'; expected some of md, html, latex"
    ):
        write(write_store(tmp_path), formats=("pdf",))
