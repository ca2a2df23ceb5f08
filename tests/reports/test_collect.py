"""The tables against scipy and scikit-learn on the same records."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from fusemark.reports.collect import collect
from scipy import stats
from sklearn import metrics as reference

from .stores import Spec, write_store


def edit(store, change):
    for path in sorted((store / "cells").glob("*.json")):
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))


def values(store, method, key):
    records = [json.loads(p.read_text()) for p in sorted((store / "cells").glob("*.json"))]
    return np.array([r["metrics"][key] for r in records if r["cell"]["method"] == method])


def row(table, label):
    return next(r for r in table.standings if r.label == label)


def test_mean_deviation_and_interval_agree_with_scipy(tmp_path):
    store = write_store(tmp_path)
    table = collect(store).tables[0]
    for key in ("macro_f1", "accuracy", "uar", "ece", "log_loss"):
        x = values(store, "mult", key)
        found = row(table, "mult").estimates[key].interval
        assert (found.mean, found.sd) == pytest.approx((x.mean(), x.std(ddof=1)))
        expected = stats.t.interval(0.95, len(x) - 1, x.mean(), stats.sem(x))
        assert (found.low, found.high) == pytest.approx(expected)


def test_rows_are_sorted_best_first_whichever_way_the_metric_runs(tmp_path):
    for kind, sign in (("classification", -1), ("regression", 1)):
        table = collect(write_store(tmp_path / kind, Spec(kind=kind))).tables[0]
        means = [r.estimates[table.primary.key].mean * sign for r in table.standings]
        assert means == sorted(means)
        assert table.standings[0].label == "ladder"  # the generator's most skilled


def test_share_of_ceiling_is_accuracy_over_the_oracles(tmp_path):
    store = write_store(tmp_path)
    table = collect(store).tables[0]
    accuracy = values(store, "only:audio", "accuracy").mean()
    assert row(table, "only:audio").share_all == pytest.approx(accuracy / 0.62)
    assert row(table, "only:audio").share_own == pytest.approx(accuracy / 0.57)
    assert (table.ceiling, table.ceiling_exact) == pytest.approx((0.62, 0.6205))


def test_folds_are_pooled_before_they_are_measured(tmp_path):
    spec = Spec(folds=3, seeds=(0, 1), examples=40, oracle=None)
    store = write_store(tmp_path, spec)
    found = row(collect(store).tables[0], "mult")
    assert found.seeds == (0, 1)
    for outcome in found.outcomes:
        folds = sorted(p.stem for p in (store / "cells").glob(f"000003{outcome.seed:06x}*.json"))
        loaded = [np.load(store / "cells" / f"{name}.npz") for name in folds]
        labels = np.concatenate([f["labels"] for f in loaded])
        chances = np.concatenate([f["probabilities"] for f in loaded]).astype(float)
        chances /= chances.sum(1, keepdims=True)
        said = chances.argmax(1)
        f1 = reference.f1_score(labels, said, average="macro")
        assert outcome.metrics["macro_f1"] == pytest.approx(f1)
        assert outcome.metrics["log_loss"] == pytest.approx(reference.log_loss(labels, chances))
        matrix = reference.confusion_matrix(labels, said)
        np.testing.assert_array_equal(outcome.confusion, matrix)
        each = [json.loads((store / "cells" / f"{n}.json").read_text()) for n in folds]
        assert outcome.metrics["macro_f1"] != np.mean([r["metrics"]["macro_f1"] for r in each])
        level = np.mean([r["metrics"]["chance"] for r in each])
        assert outcome.metrics["chance"] == pytest.approx(level)


def test_a_seed_counts_only_when_all_its_folds_are_done(tmp_path):
    store = write_store(tmp_path, Spec(folds=3, seeds=(0, 1, 2), examples=30))
    (store / "cells" / "0000030000010002.json").unlink()
    found = row(collect(store).tables[0], "mult")
    assert (found.seeds, found.done, found.asked) == ((0, 2), 2, 3)


def test_folds_whose_predictions_are_gone_do_not_count(tmp_path):
    store = write_store(tmp_path, Spec(folds=2, seeds=(0, 1), examples=30))
    (store / "cells" / "0000030000010001.npz").unlink()
    found = row(collect(store).tables[0], "mult")
    assert (found.seeds, found.unreadable) == ((0,), (1,))


def test_two_configurations_of_a_method_are_two_rows_that_say_why(tmp_path):
    store = write_store(tmp_path, Spec(seeds=(0, 1)))

    def deeper(record):
        if record["cell"]["method"] == "mult" and record["cell"]["seed"] == 1:
            record["cell"]["config"]["mult"]["layers"] = 4

    edit(store, deeper)
    labels = {r.label for r in collect(store).tables[0].standings}
    assert {"mult [mult.layers=2]", "mult [mult.layers=4]"} <= labels


def test_a_tuned_learning_rate_stays_in_the_table_and_is_named(tmp_path):
    store = write_store(tmp_path, Spec(seeds=(0, 1)))

    def tuned(record):
        if record["cell"]["method"] == "mult":
            record["cell"]["training"]["lr"] = 0.01

    edit(store, tuned)
    (table,) = collect(store).tables
    assert table.trained_apart == "lr"


def test_other_training_or_size_or_content_is_another_table(tmp_path):
    one = write_store(tmp_path, Spec(seeds=(0, 1)))
    write_store(one, Spec(seeds=(0, 1), epochs=10), salt="e", plan=False)
    write_store(one, Spec(seeds=(0, 1), size="paper"), salt="s", plan=False)
    write_store(one, Spec(seeds=(0, 1)), salt="f", plan=False)

    def changed(record):
        if record["id"].startswith("f"):
            record["cell"]["fingerprint"] = "beef"

    edit(one, changed)
    report = collect(one)
    assert len(report.tables) == 4
    assert len({table.title for table in report.tables}) == 4
    assert any("training.epochs=10" in table.title for table in report.tables)
    assert report.gaps.other_plans == 3 * len(Spec().methods) * 2


def test_no_mean_is_given_where_one_seed_is_not_finite(tmp_path):
    store = write_store(tmp_path, Spec(seeds=(0, 1, 2)))

    def diverged(record):
        if record["cell"]["method"] == "ladder" and record["cell"]["seed"] == 1:
            record["metrics"]["macro_f1"] = None

    edit(store, diverged)
    table = collect(store).tables[0]
    found = row(table, "ladder").estimates["macro_f1"]
    assert math.isnan(found.mean)
    assert found.unknown == 1
    assert table.standings[-1].label == "ladder"
    reasons = {c.method: c.reason for c in table.comparisons}
    assert "not finite at seed 1" in reasons["ladder"]


def test_mixed_code_is_seen(tmp_path):
    spec = Spec(patch={("mult", 1): {"code": {"digest": "other", "harness": "h2"}}})
    table = collect(write_store(tmp_path, spec)).tables[0]
    assert table.mixed_methods == ("mult",)
    assert table.harnesses == ("h1", "h2")
    assert collect(write_store(tmp_path / "one")).tables[0].harnesses == ("h1",)


def test_confusions_are_shares_of_the_true_class(tmp_path):
    table = collect(write_store(tmp_path)).tables[0]
    assert [c.method for c in table.confusions] == [r.label for r in table.standings[:3]]
    for confusion in table.confusions:
        np.testing.assert_allclose(confusion.shares.sum(1), 1)
    assert table.classes is not None
    best = table.standings[0]
    recall = np.mean([o.recall for o in best.outcomes], axis=0)
    np.testing.assert_allclose(np.diag(table.confusions[0].shares), recall)
    np.testing.assert_allclose(table.classes.recall[0], recall)


def test_a_class_without_test_examples_has_no_recall(tmp_path):
    spec = Spec(seeds=(0,), classes=("a", "b", "c"), examples=30, oracle=None)
    store = write_store(tmp_path, spec)

    def without(record):
        record["per_class"]["support"][2] = 0

    edit(store, without)
    classes = collect(store).tables[0].classes
    assert classes is not None
    assert np.isnan(classes.recall[:, 2]).all()
    assert np.isfinite(classes.recall[:, :2]).all()


def test_curves_average_the_runs_that_still_train(tmp_path):
    store = write_store(tmp_path, replace(Spec(), seeds=(0, 1, 2)))
    lengths = {0: 5, 1: 3, 2: 1}

    def shortened(record):
        n = lengths[record["cell"]["seed"]]
        history = record["history"]
        history["epoch"] = list(range(1, n + 1))
        history["valid_score"] = [float(10 * record["cell"]["seed"] + e) for e in range(n)]
        record["selection"]["best_epoch"] = n

    edit(store, shortened)
    curve = collect(store).tables[0].curves[0]
    assert curve.mean.tolist() == [10.0, 6.0, 7.0]  # (0+10+20)/3, (1+11)/2, (2+12)/2
    assert curve.running.tolist() == [3, 2, 2]
    assert curve.chosen == 3
