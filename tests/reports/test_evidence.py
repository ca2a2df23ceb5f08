"""What is said for new seeds and speakers, against the predictions themselves."""

import json
import math

import numpy as np
import pytest
from fusemark.benchmark import Store
from fusemark.benchmark.statistics.two_way import combine, t_of
from fusemark.reports import evidence_grid
from fusemark.reports.collect import collect
from fusemark.reports.summary import summary
from fusemark.reports.writing import write
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.stats.multitest import multipletests

from .stores import Spec, write_store


def predictions(store, method, seed):
    (record,) = (
        r
        for r in store.records()
        if (r["cell"]["method"], r["cell"]["seed"]) == (method, seed)
    )  # fmt: skip
    stored = store.predictions(record["id"])
    return stored["labels"], stored["probabilities"].argmax(1), stored["groups"]


def macro_f1(labels, said):
    return f1_score(labels, said, average="macro", labels=np.unique(labels), zero_division=0.0)


def jackknife(store, method, spec):
    """The whole test from scratch: the metric without each speaker, by scikit-learn."""
    names = None
    whole, without = np.zeros(len(spec.seeds)), np.zeros((len(spec.seeds), spec.speakers))
    for seed in spec.seeds:
        labels, said, groups = predictions(store, method, seed)
        _, base, _ = predictions(store, "late-concat", seed)
        names = np.unique(groups)
        whole[seed] = macro_f1(labels, said) - macro_f1(labels, base)
        for i, name in enumerate(names):
            kept = groups != name
            without[seed, i] = macro_f1(labels[kept], said[kept]) - macro_f1(
                labels[kept], base[kept]
            )
    k, s = without.shape
    means = without.mean(0)
    of_speakers = (s - 1) / s * ((means - means.mean()) ** 2).sum()
    of_seeds = whole.var(ddof=1) / k
    pseudo = (s - 1) * (whole[:, None] - without)
    residual = pseudo - pseudo.mean(0) - pseudo.mean(1, keepdims=True) + pseudo.mean()
    df = (k - 1) * (s - 1)
    of_cells = (residual**2).sum() / df / (k * s)
    variance = combine(k, s, of_speakers, of_seeds, of_cells, df)
    return t_of(whole.mean(), variance, "two-sided", 0.95)


@pytest.mark.parametrize("design", ["crossed", "re-drawn"])
@pytest.mark.parametrize(("alpha", "confidence"), [(0.05, 0.95), (0.2, 0.8)])
def test_p_is_below_alpha_exactly_where_the_interval_leaves_zero_out(
    tmp_path, design, alpha, confidence
):
    """A p and an interval of two tests would part at the edge; these are of one."""
    skills = {f"m{i}": 1.0 + 0.12 * i for i in range(9)} | {"late-concat": 1.3}
    write_store(tmp_path, Spec(methods=skills, design=design, seeds=(0, 1, 2, 3), examples=80))
    plan = json.loads((tmp_path / "plan.json").read_text()) | {"alpha": alpha}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    pairs = collect(tmp_path).tables[0].pairs.pairs
    inside = {True: 0, False: 0}
    for found in pairs.values():
        test = found.test
        assert test.confidence == confidence
        assert (test.p < alpha) == (test.low > 0 or test.high < 0)
        inside[test.p < alpha] += 1
    assert min(inside.values()) > 4  # both kinds are there


def test_figures_follow_from_the_predictions(tmp_path):
    spec = Spec(methods={"late-concat": 1.2, "mult": 1.5, "ladder": 2.1}, seeds=(0, 1, 2, 3))
    store = Store(write_store(tmp_path, spec))
    found = {e.method: e for e in collect(tmp_path).tables[0].evidence}
    assert set(found) == {"mult", "ladder"}
    raw = []
    for method, evidence in found.items():
        whole, cells = [], np.zeros((4, spec.speakers))
        for seed in spec.seeds:
            labels, said, groups = predictions(store, method, seed)
            _, base, _ = predictions(store, "late-concat", seed)
            whole.append(macro_f1(labels, said) - macro_f1(labels, base))
            for i, group in enumerate(np.unique(groups)):
                of = groups == group
                cells[seed, i] = macro_f1(labels[of], said[of]) - macro_f1(labels[of], base[of])
        assert evidence.test.difference == pytest.approx(np.mean(whole))
        expected = jackknife(store, method, spec)
        assert evidence.test.p == pytest.approx(expected.p)
        assert (evidence.test.low, evidence.test.high) == pytest.approx(
            (expected.low, expected.high)
        )
        assert evidence.superiority.probability == pytest.approx(
            ((np.sign(cells) + 1) / 2).mean(0).mean()
        )
        raw.append((expected.p, evidence.adjusted))
    small, large = sorted(raw)
    assert small[1] == pytest.approx(min(1.0, 2 * small[0]))
    assert large[1] == pytest.approx(min(1.0, max(large[0], 2 * small[0])))


def test_verdicts(tmp_path):
    """A method far above the baseline is better, the baseline's own predictions are no news."""
    spec = Spec(methods={"late-concat": 0.8, "ladder": 3.5, "worse": -0.5})
    write_store(tmp_path, spec)
    found = {e.method: e.verdict for e in collect(tmp_path).tables[0].evidence}
    assert found == {"ladder": "better", "worse": "worse"}


@pytest.mark.parametrize(("seeds", "speakers"), [((0, 1), 8), ((0, 1, 2), 8), ((0, 1, 2, 3), 3)])
def test_three_seeds_or_speakers_test_nothing(tmp_path, seeds, speakers):
    spec = Spec(methods={"late-concat": 0.8, "ladder": 2.5}, seeds=seeds, speakers=speakers)
    write_store(tmp_path, spec)
    table = collect(tmp_path).tables[0]
    (found,) = table.evidence
    assert math.isnan(found.adjusted)
    assert found.verdict == "cannot be tested: it takes four seeds and four speakers"
    grid = evidence_grid.grid(table)
    assert grid is not None
    assert grid.rows[0][3].text == "withheld"
    assert "it takes 4" in grid.caption


def test_predictions_that_cannot_be_read_are_said_and_stay_in_the_family(tmp_path):
    spec = Spec(methods={"late-concat": 0.8, "mult": 1.0, "ladder": 2.5}, seeds=(0, 1, 2, 3))
    store = Store(write_store(tmp_path, spec))
    for record in store.records():
        if record["cell"]["method"] == "mult":
            (tmp_path / "cells" / f"{record['id']}.npz").write_bytes(b"torn")
    table = collect(tmp_path).tables[0]
    found = {e.method: e for e in table.evidence}
    assert found["mult"].verdict.startswith("cannot be tested: no common seed")
    assert found["ladder"].adjusted == pytest.approx(min(1.0, 2 * found["ladder"].test.p))
    grid = evidence_grid.grid(table)
    assert grid is not None
    assert "4 seeds" in grid.caption
    assert "Withheld: a t" not in grid.caption
    assert "Withheld: the interval of P(better)" in grid.caption


def test_a_metric_that_is_no_number_at_a_seed_is_the_reason_that_is_given(tmp_path):
    store = write_store(tmp_path, Spec(methods={"late-concat": 0.8, "mult": 1.5, "ladder": 2.5}))
    for path in (store / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        if (record["cell"]["method"], record["cell"]["seed"]) == ("late-concat", 0):
            record["metrics"]["macro_f1"] = None
            path.write_text(json.dumps(record))
    report = collect(store)
    assert {e.verdict for e in report.tables[0].evidence} == {
        "cannot be tested: macro F1 is not finite at seed 0"
    }
    said = " ".join(str(s) for found in summary(report) for s in found.sentences)
    assert "1 method without a mean could not be compared" in said


def test_without_a_baseline_all_pairs_are_exploratory(tmp_path):
    table = collect(write_store(tmp_path, Spec(baseline=None))).tables[0]
    assert table.evidence == ()
    assert evidence_grid.grid(table) is None
    assert table.pairs is not None


def over_seeds(store, method, key):
    """A metric of every seed, as the records hold it."""
    found = [r for r in store.records() if r["cell"]["method"] == method]
    return [r["metrics"][key] for r in sorted(found, key=lambda r: r["cell"]["seed"])]


@pytest.mark.parametrize(
    ("kind", "key", "sign"),
    [
        ("classification", "ece", -1),
        ("classification", "log_loss", -1),
        ("regression", "rmse", -1),
        ("regression", "r2", 1),
        ("regression", "pearson", 1),
    ],
)
def test_a_metric_that_does_not_add_up_over_speakers_is_tested_over_seeds(
    tmp_path, kind, key, sign
):
    spec = Spec(methods={"late-concat": 1.0, "near": 1.05, "ladder": 2.0}, kind=kind, metric=key)
    store = Store(write_store(tmp_path, spec))
    table = collect(tmp_path).tables[0]
    assert {e.method for e in table.evidence} == {"near", "ladder"}
    base = over_seeds(store, "late-concat", key)
    for found in table.evidence:
        own = over_seeds(store, found.method, key)
        expected = stats.ttest_rel(own, base)
        assert found.test.p == pytest.approx(expected.pvalue)
        ends = [sign * end for end in expected.confidence_interval(0.95)]
        assert sorted(ends) == pytest.approx([found.test.low, found.test.high])
        gain = sign * (np.array(own) - np.array(base))
        assert found.test.difference == pytest.approx(gain.mean())
        assert found.superiority.probability == pytest.approx((gain > 0).mean())
        if found.adjusted < 0.05:
            assert found.verdict == ("better" if gain.mean() > 0 else "worse")
        assert found.holds_for == "for new seeds on these test speakers"
    adjusted = multipletests([e.test.p for e in table.evidence], method="holm")[1]
    assert [e.adjusted for e in table.evidence] == pytest.approx(adjusted.tolist())
    caption = evidence_grid.grid(table).caption
    assert caption.startswith("For new seeds on these test speakers,")
    assert "does not add up over speakers: other speakers are not tested" in caption
    assert "new speaker" not in caption
    assert "two-sided paired t over seeds" in caption


def test_over_re_drawn_splits_such_a_metric_is_not_tested_and_says_so(tmp_path):
    write_store(tmp_path, Spec(metric="log_loss", design="re-drawn"))
    table = collect(tmp_path).tables[0]
    assert len(table.evidence) == 4
    for found in table.evidence:
        assert math.isnan(found.adjusted)
        assert found.verdict == (
            "cannot be tested: log loss does not add up over speakers, and the seeds of re-drawn "
            "splits are not independent"
        )
    write(tmp_path, ("md",))
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Of 4 planned comparisons with the baseline `late-concat` none can be tested" in text


def test_holm_goes_over_the_comparisons_of_all_datasets(tmp_path):
    """As the caption says: the family is the plan's, not that of one table."""
    methods = {"late-concat": 1.0, "mult": 1.2, "ladder": 1.5, "tfn": 1.3}
    write_store(tmp_path, Spec(methods=methods, datasets=("one", "two"), seeds=(0, 1, 2, 3)))
    tables = collect(tmp_path).tables
    planned = [e for table in tables for e in table.evidence]
    expected = multipletests([e.test.p for e in planned], method="holm")[1]
    assert [e.adjusted for e in planned] == pytest.approx(expected.tolist())
    for table in tables:
        alone = multipletests([e.test.p for e in table.evidence], method="holm")[1]
        assert min(e.adjusted for e in table.evidence) > alone.min()
        says = (
            "Holm over 6 comparisons, the family that the plan fixed on 2 datasets, of which 3 are"
        )
        assert says in evidence_grid.grid(table).caption
        others = [e for e in table.compared if not e.confirmatory]
        apart = multipletests([e.test.p for e in others], method="holm")[1]
        assert [e.adjusted for e in others] == pytest.approx(apart.tolist())


def test_what_the_plan_fixed_and_nobody_ran_makes_the_others_no_easier(tmp_path):
    seeds = (0, 1, 2, 3)
    spec = Spec(
        methods={"late-concat": 1.0, "ladder": 1.5, "mult": 1.4, "tfn": 1.3},
        seeds=seeds,
        missing=[(method, seed) for method in ("mult", "tfn") for seed in seeds],
    )
    table = collect(write_store(tmp_path, spec)).tables[0]
    (found,) = table.evidence
    assert found.adjusted == pytest.approx(min(1.0, 3 * found.test.p))
    caption = evidence_grid.grid(table).caption
    assert "Holm over 3 comparisons" in caption
    assert "2 are without any record of a method" in caption


def test_records_of_another_plan_are_exploratory(tmp_path):
    write_store(tmp_path, Spec(methods={"late-concat": 1.0, "old": 1.3}), plan=False, salt="ab")
    write_store(tmp_path, Spec(methods={"late-concat": 1.0, "ladder": 1.5}))
    table = collect(tmp_path).tables[0]
    assert [e.method for e in table.evidence] == ["ladder"]
    assert {frozenset((e.method, e.other)) for e in table.compared if not e.confirmatory} >= {
        frozenset(("old", "late-concat"))
    }


def test_errors_are_tested_too_in_the_methods_favour(tmp_path):
    write_store(tmp_path, Spec(kind="regression", metric="mae"))
    table = collect(tmp_path).tables[0]
    found = {e.method: e for e in table.evidence}
    means = {row.label: row.estimates["mae"].mean for row in table.standings}
    for method, evidence in found.items():
        gain = means["late-concat"] - means[method]
        assert evidence.test.difference == pytest.approx(gain, rel=1e-5)
    assert found["ladder"].verdict == "better"
    assert found["only:audio"].verdict == "worse"


def test_all_pairs_where_the_plan_says_so_at_its_level_and_margin(tmp_path):
    write_store(tmp_path, Spec(seeds=(0, 1, 2, 3), baseline=None))
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan |= {"family": "pairs", "alpha": 0.01, "margin": 2.5}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    table = collect(tmp_path).tables[0]
    assert len(table.evidence) == 10  # five methods
    assert {(e.rules.alpha, e.rules.margin) for e in table.evidence} == {(0.01, 0.025)}
    p = sorted(e.test.p for e in table.evidence)
    assert min(e.adjusted for e in table.evidence) == pytest.approx(min(1.0, 10 * p[0]))
    caption = evidence_grid.grid(table).caption
    assert "every two methods" in caption
    assert "the 98 % interval lies within 2.5 points" in caption


@pytest.mark.parametrize(
    ("cells", "says"), [(0, "before the first cell"), (7, "NOT fixed beforehand")]
)
def test_the_report_says_whether_the_plan_was_fixed_beforehand(tmp_path, cells, says):
    write_store(tmp_path, Spec(seeds=(0, 1, 2)))
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan |= {"family": "baseline", "alpha": 0.05, "margin": 1.0}
    plan["registered"] = {"time": "2026-11-20T10:00:00+00:00", "cells": cells}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    write(tmp_path, ("md", "html"))
    for name in ("report.md", "report.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert says in text
        assert "alpha 0.05, region of practical equivalence ±1 points, seeds 0–2" in text
