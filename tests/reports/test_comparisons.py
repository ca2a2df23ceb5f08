"""The paper's test as the report makes it, against scipy."""

import json

import numpy as np
import pytest
from fusemark.reports.collect import collect
from fusemark.reports.comparisons import holds_for
from scipy import stats

from .stores import Spec, write_store


def by_seed(store, method, key):
    records = [json.loads(p.read_text()) for p in (store / "cells").glob("*.json")]
    return {
        r["cell"]["seed"]: r["metrics"][key]
        for r in records
        if r["cell"]["method"] == method and r["status"] == "ok"
    }


def comparison(table, method):
    return next(c for c in table.comparisons if c.method == method)


@pytest.mark.parametrize(("kind", "key"), [("classification", "macro_f1"), ("regression", "mae")])
def test_agrees_with_scipy_on_common_seeds(tmp_path, kind, key):
    spec = Spec(
        kind=kind,
        seeds=tuple(range(6)),
        missing=[("ladder", 1)],
        fail={("late-concat", 4): ("timeout", "TimeoutError", "over 60 s")},
    )
    store = write_store(tmp_path, spec)
    found = comparison(collect(store).tables[0], "ladder")
    mine, base = by_seed(store, "ladder", key), by_seed(store, "late-concat", key)
    common = [0, 2, 3, 5]
    a, b = np.array([mine[s] for s in common]), np.array([base[s] for s in common])
    gain = a - b if kind == "classification" else b - a
    expected = stats.ttest_1samp(gain, 0, alternative="greater")
    assert found.seeds == tuple(common)
    assert found.unpaired == 2
    assert found.test.p == pytest.approx(expected.pvalue)
    assert found.test.difference == pytest.approx(gain.mean())
    two_sided = stats.ttest_1samp(gain, 0).confidence_interval(0.95)
    assert (found.test.low, found.test.high) == pytest.approx(tuple(two_sided))


def test_best_fusion_meets_best_single_modality(tmp_path):
    table = collect(write_store(tmp_path)).tables[0]
    assert table.single is not None
    assert (table.single.method, table.single.other) == ("ladder", "only:visual")
    without = Spec(methods={"late-concat": 1.0, "mult": 1.5})
    assert collect(write_store(tmp_path / "fusion", without)).tables[0].single is None


def test_one_common_seed_is_no_test(tmp_path):
    found = comparison(collect(write_store(tmp_path, Spec(seeds=(3,)))).tables[0], "mult")
    assert "one common seed" in found.verdict
    assert not found.separated


def test_differences_without_spread_are_no_test(tmp_path):
    spec = Spec(methods={"late-concat": 1.0, "twin": 1.0})
    store = write_store(tmp_path, spec)
    cells = sorted((store / "cells").glob("*.json"))
    for path in cells:
        record = json.loads(path.read_text())
        shift = 0.01 if record["cell"]["method"] == "twin" else 0.0
        record["metrics"]["macro_f1"] = 0.5 + shift
        path.write_text(json.dumps(record))
    found = comparison(collect(store).tables[0], "twin")
    assert "do not vary" in found.verdict
    assert not found.separated


def test_what_a_verdict_holds_for():
    assert holds_for("crossed", 0) == "for new seeds on these test speakers"
    assert holds_for("crossed", 4) == "for new seeds on these test speakers (4)"
    assert "anti-conservative for new speakers" in holds_for("re-drawn", 20)
