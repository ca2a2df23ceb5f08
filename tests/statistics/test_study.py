"""The simulation study in short; the long version is marked slow."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.clusters import cluster_means
from fusemark.benchmark.statistics.coverage import LEAST_COVERAGE
from fusemark.benchmark.statistics.intervals import mean_interval

from . import study
from .study_coverage import (
    WITHHELD,
    coverage,
    coverage_of_bootstrap,
    coverage_of_superiority,
)
from .study_looks import (
    after_stopping,
    course,
    familywise,
    familywise_of_both,
    of_seeds,
    seeds_saved,
)
from .study_sizes import (
    errors_of_pairs,
    sizes,
    sizes_crossed,
    sizes_over_datasets,
    sizes_redrawn,
)

LONG = [pytest.param(300, id="short"), pytest.param(4000, id="long", marks=pytest.mark.slow)]


def noise(runs: int, rate: float) -> float:
    """Three standard errors of a simulated rate."""
    return 3 * float(np.sqrt(rate * (1 - rate) / runs))


@pytest.mark.parametrize("runs", LONG)
def test_no_paired_test_rejects_more_than_it_may(runs: int) -> None:
    for row in sizes(np.random.default_rng(1), runs):
        assert row.rate <= 0.05 + noise(runs, 0.05), row
        if math.isnan(row.exact):
            assert row.rate >= 0.05 - noise(runs, 0.05), row
        else:
            assert row.rate == pytest.approx(row.exact, abs=noise(runs, max(row.exact, 1e-12))), row


def test_attainable_sizes() -> None:
    """Of n = 6 signs two of 64 patterns reach .05; of n = 5 none does; 8 ranks: 10 of 256."""
    exact = {(r.method, r.seeds): r.exact for r in sizes(np.random.default_rng(1), 1, (5, 6, 8))}
    assert exact["sign-flip", 5] == exact["signed rank", 5] == 0
    assert exact["sign-flip", 6] == exact["signed rank", 6] == 2 / 64
    assert exact["signed rank", 8] == pytest.approx(10 / 256)
    assert exact["sign-flip", 8] == pytest.approx(12 / 256)


@pytest.mark.parametrize("runs", LONG)
def test_friedman_holds_its_level_at_few_datasets(runs: int) -> None:
    short = {} if runs > 1000 else {"datasets": (3, 6), "methods": (3, 5)}
    for row in sizes_over_datasets(np.random.default_rng(2), runs, **short):
        assert row.rate <= 0.058 + noise(runs, 0.05), row


@pytest.mark.parametrize("runs", [150, pytest.param(4000, id="long", marks=pytest.mark.slow)])
def test_redrawn_design_the_papers_test_and_ours(runs: int) -> None:
    rows = sizes_redrawn(np.random.default_rng(3), runs, (20,), (91,))
    rate = {(row.method, row.setting): row.rate for row in rows}
    assert rate["paired t over splits, two-sided", "speakers"] == pytest.approx(0.22, abs=0.07)
    assert rate["Nadeau-Bengio, two-sided", "speakers"] <= 0.02
    for method in ("t over speakers", "sign-flip over speakers"):
        assert rate[method, "speakers"] <= 0.05 + noise(runs, 0.05)
        # Every speaker of a seed shares that seed's luck, which a test over speakers cannot see.
        assert rate[method, "both"] > 0.15
    for setting in study.SPREADS:
        assert rate["two-way t", setting] <= 0.065 + noise(runs, 0.05) / 2


@pytest.mark.slow
def test_two_way_t_holds_its_level_in_every_size() -> None:
    rng = np.random.default_rng(4)
    for row in (*sizes_redrawn(rng, 2000), *sizes_crossed(rng, 2000)):
        if row.method == "two-way t":
            assert row.rate <= 0.075, row


@pytest.mark.parametrize(
    ("runs", "short"),
    [
        pytest.param(60, {"seeds": (2, 5), "speakers": (5, 20)}, id="short"),
        pytest.param(1000, {}, id="long", marks=pytest.mark.slow),
    ],
)
def test_what_covers_too_little_is_withheld(runs: int, short: dict) -> None:
    rows = list(coverage(np.random.default_rng(14), runs, draws=200, **short))
    over_both = [r for r in rows if r.method != "t over seeds"]
    for row in over_both:
        if row.rate < LEAST_COVERAGE - noise(runs, 0.08):
            assert row.method.endswith(WITHHELD), row
    low = [r for r in over_both if r.method == f"percentile{WITHHELD}" and r.seeds == 5]
    assert min(r.rate for r in low) < LEAST_COVERAGE


@pytest.mark.parametrize(
    ("runs", "sizes"),
    [
        pytest.param(100, {"seeds": (5,), "speakers": (20,)}, id="short"),
        pytest.param(1000, {}, id="long", marks=pytest.mark.slow),
    ],
)
def test_intervals_for_new_seeds_and_speakers_cover(runs: int, sizes: dict) -> None:
    rows = list(coverage(np.random.default_rng(5), runs, draws=300, **sizes))
    for row in rows:
        if row.method == "t":
            assert row.rate >= 0.935 - noise(runs, 0.05), row
    ignoring = [r for r in rows if r.method == "t over seeds" and r.setting == "speakers"]
    assert min(r.rate for r in ignoring) < 0.85


@pytest.mark.parametrize(
    ("runs", "sizes"),
    [
        pytest.param(200, {"seeds": (5, 10), "speakers": (20,)}, id="short"),
        pytest.param(2000, {}, id="long", marks=pytest.mark.slow),
    ],
)
def test_interval_of_superiority_covers(runs: int, sizes: dict) -> None:
    for row in coverage_of_superiority(np.random.default_rng(6), runs, **sizes):
        assert row.rate >= 0.93 - noise(runs, 0.05), row


@pytest.mark.parametrize("runs", [1000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_percentile_intervals_are_too_narrow_with_few_units(runs: int) -> None:
    rows = coverage_of_bootstrap(np.random.default_rng(7), runs, (5, 10), draws=300)
    rate = {(row.method, row.seeds): row.rate for row in rows}
    assert rate["percentile", 5] == pytest.approx(0.84, abs=0.005 + noise(runs, 0.1))
    assert rate["percentile", 10] == pytest.approx(0.89, abs=0.01 + noise(runs, 0.1))
    for n in (5, 10):
        assert rate["t", n] == pytest.approx(0.95, abs=noise(runs, 0.05))
        assert rate["bootstrap-t", n] >= 0.93


def test_interval_that_ignores_speakers_covers_half_of_the_time() -> None:
    """20 speakers x 80 clips, standard deviation of a speaker's accuracy .15."""
    rng = np.random.default_rng(8)
    speakers = np.repeat(np.arange(20), 80)
    ignoring, clustered = [], []
    for _ in range(600):
        skill = np.clip(rng.normal(0.6, 0.15, size=20), 0, 1)
        right = (rng.random(1600) < skill[speakers]).astype(float)
        for x, hits in (
            (right, ignoring),
            (cluster_means(right, speakers).means, clustered),
        ):
            limits = mean_interval(x)
            hits.append(limits.low <= 0.6 <= limits.high)
    assert np.mean(ignoring) == pytest.approx(0.5, abs=0.08)
    assert np.mean(clustered) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(
    ("runs", "comparisons"),
    [
        pytest.param(100, (5,), id="short"),
        pytest.param(10_000, (1, 5, 10), id="long", marks=pytest.mark.slow),
    ],
)
def test_familywise_error_over_comparisons_and_looks(
    runs: int, comparisons: tuple[int, ...]
) -> None:
    for row in familywise(np.random.default_rng(9), runs, comparisons):
        assert row.rate <= 0.05 + max(0.01, noise(runs, 0.05)), row


@pytest.mark.parametrize(
    ("runs", "short"),
    [
        pytest.param(60, {"comparisons": (5,), "speakers": (20,)}, id="short"),
        pytest.param(2000, {}, id="long", marks=pytest.mark.slow),
    ],
)
def test_familywise_error_for_new_speakers(runs: int, short: dict) -> None:
    for row in familywise_of_both(np.random.default_rng(11), runs, **short):
        assert row.rate <= 0.06 + noise(runs, 0.05), row


@pytest.mark.parametrize(
    ("runs", "short"),
    [
        pytest.param(100, {"speakers": (20,)}, id="short"),
        pytest.param(4000, {}, id="long", marks=pytest.mark.slow),
    ],
)
def test_new_speakers_in_a_run_that_stopped_for_new_seeds(runs: int, short: dict) -> None:
    for row in after_stopping(np.random.default_rng(12), runs, **short):
        if row.method == "by the looks":
            assert row.rate <= 0.06 + noise(runs, 0.05), row


@pytest.mark.parametrize("runs", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_familywise_error_of_pairs_over_datasets(runs: int) -> None:
    for row in errors_of_pairs(np.random.default_rng(13), runs, (6, 10), (3,)):
        assert row.rate <= 0.05 + noise(runs, 0.05), row


@pytest.mark.parametrize("runs", [150, pytest.param(4000, marks=pytest.mark.slow)])
def test_looks_save_seeds(runs: int) -> None:
    rows = seeds_saved(np.random.default_rng(10), runs, comparisons=(1,))
    rate = {(row.table, row.method, row.setting): row.rate for row in rows}
    saved = {
        e: rate["share of seeds saved", "four looks", f"effect {e} sd, 1 comparison"]
        for e in (0, 0.5, 1, 2)
    }
    # Ten of twenty seeds suffice at two standard deviations; little is saved at half a one.
    assert saved[2] == pytest.approx(0.5, abs=0.05)
    assert saved[1] > 0.2
    assert saved[0.5] < saved[1]
    assert saved[0] > 0.1
    decided = {
        e: rate["decided", "four looks", f"effect {e} sd, 1 comparison"] for e in (0.5, 1, 2)
    }
    assert decided[2] == 1.0
    # One look at twenty seeds has power .56 at d = .5 and .988 at d = 1; looks cost a little.
    assert decided[1] > 0.96
    assert decided[0.5] > 0.56 - 0.04 - noise(runs, 0.5)


def test_the_same_generator_gives_the_same_course() -> None:
    plan = course((5, 10, 15, 20), 5, "seeds")
    one, two = (plan.followed(of_seeds(np.random.default_rng(3), 20, 5, 0.8)) for _ in range(2))
    assert one == two
    assert one.looks


def test_the_tables_are_written_and_read(tmp_path, monkeypatch) -> None:
    words = ["study", "--runs", "3", "--out", str(tmp_path), "--only", "size", "seeds_saved"]
    monkeypatch.setattr("sys.argv", words)
    study.main()
    rows = study.read_rows(tmp_path / "size.csv")
    assert {r["runs"] for r in rows} == {"3"}
    text = (tmp_path / "README.md").read_text()
    assert "python -m tests.statistics.study --runs 3" in text
    assert text.count("| paired t, two-sided |") == 6
    assert "effect 2 sd, 5 comparisons" in text
