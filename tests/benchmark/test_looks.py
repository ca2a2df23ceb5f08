"""What looks decide, from drawn tables and from records, against the tests themselves."""

import json
import math

import numpy as np
import pytest
from fusemark.benchmark import Store
from fusemark.benchmark.looks import (
    Pair,
    Result,
    decided_in_passing,
    result_for_seeds,
    result_for_speakers,
    start,
)
from fusemark.benchmark.looks_store import LOWER_IS_BETTER, METRICS, StoreSource
from fusemark.benchmark.statistics.tabulate import mean_score
from fusemark.benchmark.sums import SCORES
from fusemark.reports.metrics import COLUMNS
from scipy import stats

from ..reports.stores import Spec, write_store

PLAN = {"at": (5, 10, 15, 20), "spending": "obrien-fleming", "futility": 0.05}


class Listed:
    """p-values by comparison and look."""

    def __init__(self, **p):
        self.p, self.asked = p, []

    def ready(self, pair, seeds):
        return True

    def result(self, pair, seeds):
        self.asked.append((pair.method, seeds))
        p = self.p[pair.method][PLAN["at"].index(seeds)]
        return p if isinstance(p, Result) else Result(p, 0.01, 2.0)


def pairs(*methods, scope="seeds", other="base"):
    return [Pair("data", method, other, "accuracy", scope) for method in methods]


def test_a_decided_comparison_is_not_tested_again_and_its_method_gets_no_seed():
    source = Listed(a=[1e-9], b=[0.3, 0.2, 0.1, 0.01])
    course = start(PLAN, 0.05, pairs("a", "b")).followed(source)
    assert source.asked == [("a", 5), ("b", 5), ("b", 10), ("b", 15), ("b", 20)]
    assert [course.verdict(i) for i in (0, 1)] == ["better", "better"]
    assert course.asked() == {("data", "a"): 5, ("data", "b"): 20, ("data", "base"): 20}
    assert course.saved() == (15, 60)
    # A decided comparison passed its alpha on: the last bound is that of all of it.
    assert course.state.comparisons[1].bound == pytest.approx(course.plan.bounds(0.05).p[-1])


def test_the_baseline_stops_with_its_last_comparison():
    course = start(PLAN, 0.05, pairs("a", "b")).followed(Listed(a=[1e-9], b=[0.5, 0.97]))
    assert [course.verdict(i) for i in (0, 1)] == ["better", "futile"]
    assert course.asked()["data", "base"] == 10
    assert course.saved() == (15 + 10 + 10, 60)
    assert course.next_seeds is None


def test_what_failed_gets_no_further_seeds_and_takes_no_alpha_from_the_others():
    broken = Result(math.nan, reason="a, seed 3: memory", stuck=True)
    course = start(PLAN, 0.05, pairs("a", "b")).followed(
        Listed(a=[broken], b=[0.3, 0.2, 0.1, 0.06])
    )
    assert course.verdict(0) == "cannot be tested: a, seed 3: memory"
    assert course.asked()["data", "a"] == 5
    assert course.state.comparisons[1].bound == pytest.approx(course.plan.bounds(0.025).p[-1])


def test_a_withheld_look_decides_nothing_and_goes_on():
    held = Result(math.nan, 0.3, reason="it takes 8 seeds and 8 speakers")
    course = start(PLAN, 0.05, pairs("a")).followed(Listed(a=[held, 1e-9]))
    assert course.verdict(0) == "better"
    assert course.used(0) == 10
    never = start(PLAN, 0.05, pairs("a")).followed(Listed(a=[held] * 4))
    assert never.verdict(0) == "cannot be tested: it takes 8 seeds and 8 speakers"


def test_tests_over_seeds_and_over_both():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.1, 1, 8), rng.normal(0, 1, 8)
    found, expected = result_for_seeds(a, b), stats.ttest_rel(a, b)
    assert (found.p, found.statistic) == pytest.approx((expected.pvalue, expected.statistic))
    assert result_for_seeds(a, a).reason == "the differences do not vary"
    cells = np.stack([rng.normal(0, 1, (5, 4)), np.ones((5, 4))], axis=-1)
    zero = np.stack([np.zeros((5, 4)), np.ones((5, 4))], axis=-1)
    few = result_for_speakers(cells, zero, mean_score, "crossed")
    assert math.isnan(few.p)
    assert few.reason == "it takes 8 seeds and 8 speakers"
    assert few.difference == pytest.approx(cells[..., 0].mean())


def source_of(path, spec):
    store = Store(write_store(path, spec))
    plan = json.loads((path / "plan.json").read_text())
    return StoreSource(store, plan, store.records())


def test_a_stores_look_is_the_t_test_of_its_first_seeds(tmp_path):
    spec = Spec(methods={"base": 1.0, "a": 1.6}, seeds=tuple(range(8)))
    source = source_of(tmp_path, spec)
    metrics = {
        m: [
            r["metrics"]["macro_f1"]
            for r in sorted(source.store.records(), key=lambda r: r["cell"]["seed"])
            if r["cell"]["method"] == m and r["cell"]["seed"] < 6
        ]
        for m in spec.methods
    }
    (pair,) = [Pair(spec.datasets[0], "a", "base", "macro_f1", "seeds")]
    found = source.result(pair, 6)
    expected = stats.ttest_rel(metrics["a"], metrics["base"])
    assert found.p == pytest.approx(expected.pvalue)
    assert found.difference == pytest.approx(np.subtract(metrics["a"], metrics["base"]).mean())
    # A measure that is no sum over speakers is read from the records, more being better.
    loss = source.result(Pair(spec.datasets[0], "a", "base", "log_loss", "seeds"), 6)
    assert loss.difference > 0


def test_a_failed_seed_and_a_missing_one(tmp_path):
    fail = {("a", 2): ("memory", "MemoryLimit", "too much")}
    spec = Spec(methods={"base": 1.0, "a": 1.6, "b": 1.0}, seeds=tuple(range(6)), fail=fail)
    spec = Spec(**{**vars(spec), "missing": [("b", 5)]})
    source = source_of(tmp_path, spec)
    one, two = (Pair(spec.datasets[0], m, "base", "macro_f1", "seeds") for m in "ab")
    assert source.result(one, 2).stuck is False
    broken = source.result(one, 3)
    assert broken.stuck
    assert broken.reason == "a, seed 2: memory"
    assert source.ready(one, 6)
    assert source.ready(two, 5)
    assert not source.ready(two, 6)


def test_folds_are_pooled(tmp_path):
    spec = Spec(methods={"base": 1.0, "a": 1.6}, seeds=tuple(range(5)), folds=2)
    source = source_of(tmp_path, spec)
    found = source.result(Pair(spec.datasets[0], "a", "base", "accuracy", "seeds"), 5)
    mean = {}
    for record in source.store.records():  # folds of equal size: accuracy pools to the mean
        key = record["cell"]["method"], record["cell"]["seed"]
        mean[key] = mean.get(key, 0) + record["metrics"]["accuracy"] / 2
    d = [mean["a", s] - mean["base", s] for s in range(5)]
    assert found.p == pytest.approx(stats.ttest_1samp(d, 0).pvalue)


def test_measures_where_less_is_better_are_the_reports():
    for kind, metrics in COLUMNS.items():
        lower = {m.key for m in metrics if not m.higher and m.key not in SCORES}
        assert lower == set(LOWER_IS_BETTER) & set(METRICS[kind])
        assert {m.key for m in metrics} <= set(METRICS[kind])


def test_a_verdict_for_new_speakers_in_a_run_that_stopped_for_new_seeds():
    course = start(PLAN, 0.05, pairs("a", "b")).followed(Listed(a=[1e-9], b=[1e-9]))

    class Both(Listed):
        def result(self, pair, seeds):
            assert pair.scope == "speakers"
            return Result({"a": 1e-9, "b": 0.2}[pair.method], 0.1)

    assert decided_in_passing(course, Both()) == (True, False)
