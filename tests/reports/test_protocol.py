"""The statistics beside the verdict, against the functions' own sources and the predictions."""

import csv
import io
import math

import numpy as np
import pytest
from fusemark.benchmark import Store
from fusemark.reports import protocol_grid
from fusemark.reports.collect import collect
from fusemark.reports.protocol_export import statistics
from fusemark.reports.protocol_tests_grid import models
from fusemark.reports.protocol_words import sentences
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.stats.power import TTestPower

from .stores import Spec, write_store

SKILLS = {"late-concat": 1.2, "mult": 1.4, "ladder": 1.9}


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    path = write_store(tmp_path_factory.mktemp("crossed"), Spec(methods=SKILLS))
    return path, collect(path)


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory):
    """Each seed tests a few of 30 speakers."""
    spec = Spec(methods=SKILLS, design="re-drawn", speakers=30, examples=300, seeds=range(6))
    path = write_store(tmp_path_factory.mktemp("redrawn"), spec)
    return path, collect(path)


def one(report, method):
    (found,) = (a for a in report.tables[0].further.against if a.method == method)
    return found


def gains(report, method):
    """Differences of macro F1 in points by seed, from the leaderboard's own records."""
    rows = {row.label: row for row in report.tables[0].standings}
    values = [
        {o.seed: 100 * o.metrics["macro_f1"] for o in rows[name].outcomes}
        for name in (method, "late-concat")
    ]
    return np.array([values[0][s] - values[1][s] for s in sorted(values[0])])


def said(path, method, seed):
    store = Store(path)
    (record,) = (
        r for r in store.records() if (r["cell"]["method"], r["cell"]["seed"]) == (method, seed)
    )
    stored = store.predictions(record["id"])
    return stored["labels"], stored["probabilities"].argmax(1), stored["groups"]


def test_effect_size_and_power_are_those_of_scipy_and_statsmodels(crossed):
    d, of = gains(crossed[1], "mult"), one(crossed[1], "mult").effect
    n, dz = len(d), d.mean() / d.std(ddof=1)
    assert (of.unit, of.size.n, of.size.dz) == ("seed", 5, pytest.approx(dz))
    # The interval's ends are the noncentralities under which t is at the 97.5th and 2.5th per cent.
    for end, level in ((of.size.low, 0.975), (of.size.high, 0.025)):
        ncp = end * math.sqrt(n)
        assert stats.nct.cdf(dz * math.sqrt(n), n - 1, ncp) == pytest.approx(level, abs=1e-6)
    power = TTestPower()
    assert of.power.power == pytest.approx(power.power(dz, n, 0.05), abs=1e-6)
    least = power.solve_power(nobs=n, alpha=0.05, power=0.8)
    assert of.detectable.difference == pytest.approx(least * d.std(ddof=1), rel=1e-4)
    needed = power.solve_power(effect_size=dz, alpha=0.05, power=0.8)
    assert of.needed.n == math.ceil(needed)


def test_the_posterior_is_students_t_round_the_mean(crossed):
    d, found = gains(crossed[1], "mult"), one(crossed[1], "mult").posterior
    t = stats.t(len(d) - 1, d.mean(), d.std(ddof=1) / math.sqrt(len(d)))
    assert found.rope == 1.0  # the plan's margin, in points
    assert found.a_better == pytest.approx(t.sf(1.0))
    assert found.b_better == pytest.approx(t.cdf(-1.0))


def test_mcnemar_is_the_exact_binomial_of_each_seeds_examples(crossed):
    path, report = crossed
    found = one(report, "ladder").models
    assert list(found) == [0, 1, 2, 3, 4]
    for seed, test in found.items():
        labels, a, _ = said(path, "ladder", seed)
        _, b, _ = said(path, "late-concat", seed)
        only_a, only_b = (
            ((a == labels) & (b != labels)).sum(),
            ((a != labels) & (b == labels)).sum(),
        )
        assert (test.only_a, test.only_b) == (only_a, only_b)
        assert test.p == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue)


def test_other_examples_are_not_tested(tmp_path):
    path = write_store(tmp_path, Spec(methods=SKILLS, seeds=(0, 1)))
    for record in Store(path).records():
        if (record["cell"]["method"], record["cell"]["seed"]) == ("mult", 1):
            file = path / "cells" / f"{record['id']}.npz"
            parts = dict(np.load(file))
            parts["ids"] = parts["ids"][::-1]
            np.savez(file, **parts)
    report = collect(path)
    assert list(one(report, "mult").models) == [0]
    assert list(one(report, "ladder").models) == [0, 1]
    *_, said = sentences(one(report, "mult"))
    assert said.endswith(" 1 seed left out: no predictions of the same examples can be read.")
    *_, said = sentences(one(report, "ladder"))
    assert "left out" not in said
    (grid,) = (g for t in report.tables if (g := models(t)) is not None)
    assert {row[0].text: row[1].text for row in grid.rows} == {"mult": "1 of 2", "ladder": "2"}


def test_re_drawn_splits_are_tested_over_speakers_and_with_the_splits_ratio(redrawn):
    path, report = redrawn
    found, d = one(report, "ladder"), gains(redrawn[1], "ladder")
    ratio = 300 / 800  # stores.py: tested and trained examples of a seed
    error = d.std(ddof=1) * math.sqrt(1 / len(d) + ratio)
    assert found.resampled.p == pytest.approx(2 * stats.t.sf(abs(d.mean()) / error, len(d) - 1))
    cells = np.full((6, 30), np.nan)
    for seed in range(6):
        labels, a, groups = said(path, "ladder", seed)
        _, b, _ = said(path, "late-concat", seed)
        for i, group in enumerate(np.unique(groups)):
            of = groups == group
            cells[seed, i] = 100 * (macro_f1(labels[of], a[of]) - macro_f1(labels[of], b[of]))
    means = np.nanmean(cells, axis=0)
    expected = stats.ttest_1samp(means, 0)
    assert found.speakers.t.difference == pytest.approx(means.mean())
    assert found.speakers.t.p == pytest.approx(expected.pvalue)
    assert found.effect.unit == "speaker"
    assert found.effect.size.dz == pytest.approx(means.mean() / means.std(ddof=1))


def macro_f1(labels, said):
    return f1_score(labels, said, average="macro", labels=np.unique(labels), zero_division=0.0)


def test_an_interval_that_covers_too_little_in_its_design_is_withheld(redrawn):
    """Six seeds that all test all 30 speakers: what seeds do, t over speakers takes for nothing."""
    table = redrawn[1].tables[0]
    found = one(redrawn[1], "ladder")
    assert "where only seeds differ" in found.overlap
    grid = next(g for g in protocol_grid.part(table).grids if g.anchor == "d1-other-tests")
    places = {column.label: i for i, column in enumerate(grid.columns)}
    row = next(row for row in grid.rows if row[0].text == "ladder")
    assert row[places["over speakers: difference, points, 95 % interval"]].below == "withheld"
    rows = list(csv.DictReader(io.StringIO(statistics(redrawn[1]))))
    (shown,) = (r for r in rows if (r["statistic"], r["method"]) == ("t over speakers", "ladder"))
    assert (shown["low"], shown["high"], shown["sentence"]) == ("", "", "")
    assert "covers" in shown["withheld"]


def test_the_bootstrap_is_withheld_below_25_seeds(redrawn):
    assert "from 6 seeds covers less than 92 %: it takes 25" in one(redrawn[1], "mult").bootstrap


def test_the_bootstrap_draws_seeds_and_speakers_for_both_methods_at_once(tmp_path):
    spec = Spec(methods={"late-concat": 1.2, "ladder": 1.9}, design="re-drawn", speakers=26,
                examples=130, seeds=range(25), metric="accuracy")  # fmt: skip
    path = write_store(tmp_path, spec)
    found = one(collect(path), "ladder").bootstrap
    cells = np.zeros((25, 26))
    for seed in spec.seeds:
        labels, a, groups = said(path, "ladder", seed)
        _, b, _ = said(path, "late-concat", seed)
        codes = np.unique(groups, return_inverse=True)[1]
        ahead = (a == labels).astype(float) - (b == labels)
        cells[seed] = 100 * np.bincount(codes, ahead) / np.bincount(codes)
    rng = np.random.default_rng(5)
    drawn = [
        cells[np.ix_(rng.integers(0, 25, 25), rng.integers(0, 26, 26))].mean() for _ in range(4000)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (found.kind, found.seeds, found.speakers) == ("percentile", 25, 26)
    assert found.difference == pytest.approx(cells.mean())
    spread = np.std(drawn)  # an end of 1,000 draws has a standard error of some .08 of it
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.3 * spread)


def test_benjamini_and_hochberg_correct_the_exploratory_pairs_alone(tmp_path):
    skills = {f"m{i}": 1.0 + 0.15 * i for i in range(6)} | {"late-concat": 1.3}
    report = collect(write_store(tmp_path, Spec(methods=skills, examples=160)))
    pairs = [e for e in report.tables[0].compared if not e.confirmatory]
    assert len(pairs) == 15
    rows = list(csv.DictReader(io.StringIO(statistics(report))))
    rows = [r for r in rows if r["statistic"] == "Benjamini-Hochberg"]
    p = np.array([float(r["p"]) for r in rows if r["quantity"] == "difference"])
    assert np.sort(p) == pytest.approx(np.sort([e.test.p for e in pairs]))
    adjusted = [float(r["value"]) for r in rows if r["quantity"] == "adjusted p"]
    assert adjusted == pytest.approx(stats.false_discovery_control(p))
    found = int((np.array(adjusted) <= 0.05).sum())
    holm = sum(e.adjusted < 0.05 for e in pairs)
    assert found > holm  # else this store shows nothing
    text = " ".join(protocol_grid.part(report.tables[0]).notes)
    assert f"of 15 pairs that the plan did not fix, {found} differ" in text
    assert f"Holm leaves {found - holm} of them open" in text
    grid = protocol_grid.part(report.tables[0]).grids[-1]
    assert len(grid.rows) == found - holm
    assert all(row[2].text.startswith("+") for row in grid.rows)  # the better one first
