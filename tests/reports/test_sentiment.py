"""A sentiment's own metrics in the report: which columns, and folds pooled before they count."""

import json

import numpy as np
import pytest
from fusemark.benchmark.sentiment import scores
from fusemark.reports.collect import collect
from fusemark.reports.export import leaderboard
from fusemark.reports.metrics import columns

from .stores import Spec, write_store

KEYS = {
    "sentiment": ["acc2_nonnegative", "f1_nonnegative", "acc2_nonzero", "f1_nonzero", "acc7",
                  "acc5"],
    "sentiment in [-1, 1]": ["acc2_positive", "f1_positive", "acc3", "acc5"],
}  # fmt: skip


def sentiment_store(path, output, **settings):
    """Write a store whose records say what the harness says of a sentiment."""
    write_store(path, Spec(kind="regression", examples=60, seeds=(0, 1), **settings))
    for file in (path / "cells").glob("*.json"):
        record, found = json.loads(file.read_text()), np.load(file.with_suffix(".npz"))
        record["outputs"] = [output]
        record["metrics"] |= scores(found["values"], found["labels"], [output])
        file.write_text(json.dumps(record))
    return path


@pytest.mark.parametrize("output", KEYS)
def test_leaderboard_shows_error_correlation_and_the_field_s_metrics(tmp_path, output):
    report = collect(sentiment_store(tmp_path, output, metric="mae"))
    table = report.tables[0]
    assert [metric.key for metric in table.metrics] == ["mae", "pearson", *KEYS[output]]
    for row in table.standings:
        for key in KEYS[output]:
            files = sorted((tmp_path / "cells").glob("*.json"))
            records = [json.loads(file.read_text()) for file in files]
            own = [r["metrics"][key] for r in records if r["cell"]["method"] == row.method]
            assert row.estimates[key].mean == pytest.approx(np.mean(own))
    head = leaderboard(report).splitlines()[0].split(",")
    assert {f"{key}_mean" for key in KEYS[output]} <= set(head)
    assert len(head) == len(set(head))


def test_plan_may_ask_for_any_of_them_and_for_rmse(tmp_path):
    table = collect(sentiment_store(tmp_path / "a", "sentiment", metric="acc7")).tables[0]
    means = [row.estimates["acc7"].mean for row in table.standings]
    assert table.primary.key == "acc7"
    assert means == sorted(means, reverse=True)
    assert columns("regression", "rmse", ["sentiment"])[0].key == "rmse"
    assert columns("regression", "acc7", ["arousal"])[0].key == "mae"


def test_other_regressions_show_what_they_showed(tmp_path):
    table = collect(write_store(tmp_path, Spec(kind="regression", metric="mae"))).tables[0]
    assert [metric.key for metric in table.metrics] == ["mae", "rmse", "pearson", "r2"]
    assert [m.key for m in columns("classification", None, ["negative", "positive"])][:2] == [
        "macro_f1", "accuracy",
    ]  # fmt: skip


def test_folds_are_pooled_before_they_are_measured(tmp_path):
    """F1 of all folds is no mean of folds' F1."""
    store = sentiment_store(tmp_path, "sentiment", folds=3, metric="mae")
    row = next(r for r in collect(store).tables[0].standings if r.label == "mult")
    for outcome in row.outcomes:
        files = sorted((store / "cells").glob(f"000003{outcome.seed:06x}*.npz"))
        loaded = [np.load(file) for file in files]
        values, labels = (np.concatenate([f[n] for f in loaded]) for n in ("values", "labels"))
        pooled = scores(values, labels, ["sentiment"])
        assert {key: outcome.metrics[key] for key in pooled} == pytest.approx(pooled)
        each = [scores(f["values"], f["labels"], ["sentiment"])["f1_nonzero"] for f in loaded]
        assert outcome.metrics["f1_nonzero"] != pytest.approx(np.mean(each), abs=1e-12)
