"""Cells, two-way variance, the hierarchical bootstrap and the re-drawn test."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.bootstrap import bootstrap_mean
from fusemark.benchmark.statistics.clusters import cluster_means
from fusemark.benchmark.statistics.estimators import Crossed, Redrawn
from fusemark.benchmark.statistics.hierarchical import hierarchical_interval
from fusemark.benchmark.statistics.paired import paired_t
from fusemark.benchmark.statistics.redrawn import redrawn_test
from fusemark.benchmark.statistics.tabulate import (
    accuracy,
    confusion_cells,
    macro_f1,
    macro_precision,
    macro_recall,
    mean_cells,
    mean_score,
)
from fusemark.benchmark.statistics.two_way import speaker_means, two_way_t, two_way_variance
from scipy import stats
from sklearn import metrics


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def clips(seeds: int = 3, speakers: int = 7, each: int = 30, classes: int = 4):
    """Draw labels and two methods' predictions, one row a clip and seed."""
    draw = np.random.default_rng(1)
    n = seeds * speakers * each
    labels = draw.integers(0, classes, size=n)
    said = [np.where(draw.random(n) < q, labels, draw.integers(0, classes, n)) for q in (0.6, 0.4)]
    seed = np.repeat(np.arange(seeds), speakers * each)
    speaker = np.tile(np.repeat(np.arange(speakers), each), seeds)
    return labels, *said, seed, speaker


def additive(d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn a table of differences into cells whose mean score is that difference."""
    held = (~np.isnan(d)).astype(float)
    return np.stack([np.nan_to_num(d), held], -1), np.stack([0 * held, held], -1)


def test_metrics_of_confusions_are_sklearns() -> None:
    labels, said, _, seeds, speakers = clips()
    cells = confusion_cells(labels, said, seeds, speakers, 4)
    total = cells.values.sum(axis=(0, 1))
    assert total.tolist() == metrics.confusion_matrix(labels, said).tolist()
    assert accuracy(total) == pytest.approx(metrics.accuracy_score(labels, said))
    assert macro_recall(total) == pytest.approx(metrics.balanced_accuracy_score(labels, said))
    assert macro_f1(total) == pytest.approx(metrics.f1_score(labels, said, average="macro"))
    assert macro_precision(total) == pytest.approx(
        metrics.precision_score(labels, said, average="macro")
    )
    one = (seeds == 1) & (speakers == 2)
    assert macro_f1(cells.values)[1, 2] == pytest.approx(
        metrics.f1_score(labels[one], said[one], average="macro")
    )


def test_macro_averages_run_over_the_classes_that_the_labels_hold() -> None:
    confusion = np.array([[3.0, 1, 0], [2, 4, 0], [0, 0, 0]])
    assert macro_recall(confusion) == pytest.approx((3 / 4 + 4 / 6) / 2)
    never_said = np.array([[0.0, 4], [0, 6]])
    assert macro_f1(never_said) == pytest.approx((0 + 12 / 16) / 2)
    assert math.isnan(macro_f1(np.zeros((2, 2))))
    assert math.isnan(mean_score(np.zeros(2)))


def test_cells_hold_sums_by_seed_and_speaker() -> None:
    cells = mean_cells([1.0, 2, 4], ["s1", "s1", "s2"], ["x", "x", "y"])
    assert (cells.seeds, cells.speakers) == (("s1", "s2"), ("x", "y"))
    assert cells.values[0, 0].tolist() == [3, 2]
    assert cells.values[0, 1].tolist() == [0, 0]
    assert "2 were tested" in cells.sentence()
    with pytest.raises(ValueError, match="outside 0 to 1"):
        confusion_cells([0, 2], [0, 1], [0, 0], [0, 0], 2)


def test_cluster_means() -> None:
    result = cluster_means([1.0, 0, 1, 1], ["b", "a", "b", "a"])
    assert result.names == ("a", "b")
    assert result.means == (0.5, 1.0)
    assert result.sizes == (2, 2)


def test_the_point_is_the_mean_over_seeds_of_the_pooled_metric() -> None:
    labels, a, b, seeds, speakers = clips()
    cells = [confusion_cells(labels, x, seeds, speakers, 4).values for x in (a, b)]
    result = hierarchical_interval(*cells, macro_f1, rng())
    expected = [
        metrics.f1_score(labels[seeds == k], a[seeds == k], average="macro")
        - metrics.f1_score(labels[seeds == k], b[seeds == k], average="macro")
        for k in range(3)
    ]
    assert result.difference == pytest.approx(np.mean(expected))
    assert result.kind == "t"
    assert result.low < result.difference < result.high


def test_weights_are_repetitions() -> None:
    """A resample by weights equals the estimate of seeds and speakers written out again."""
    labels, a, b, seeds, speakers = clips()
    x, y = (confusion_cells(labels, z, seeds, speakers, 4).values for z in (a, b))
    v, w = np.array([[2.0, 0, 1]]), np.array([[0.0, 3, 1, 0, 2, 1, 0]])
    k, s = np.repeat(np.arange(3), v[0].astype(int)), np.repeat(np.arange(7), w[0].astype(int))
    ones = np.ones((1, 3)), np.ones((1, 7))
    again = Crossed(x[k][:, s], y[k][:, s], macro_recall).of(*ones)
    assert Crossed(x, y, macro_recall).of(v, w) == pytest.approx(again)
    d = np.random.default_rng(2).normal(size=(3, 7))
    d[0, 1] = d[1, 1] = d[2, 4] = np.nan
    kept = d[k][:, s]
    expected = speaker_means(kept).mean()
    # Speaker 1, counted three times, was tested in the third seed only.
    assert Redrawn(d).of(v, w) == pytest.approx(expected)


def test_crossed_and_redrawn_agree_on_a_full_additive_table() -> None:
    d = np.random.default_rng(3).normal(size=(6, 9))
    a, b = additive(d)
    one = hierarchical_interval(a, b, mean_score, rng(), "crossed", kind="t")
    other = hierarchical_interval(a, b, mean_score, rng(), "redrawn", kind="t")
    test = two_way_t(d)
    assert (one.low, one.high) == pytest.approx((other.low, other.high))
    assert (one.low, one.high) == pytest.approx((test.low, test.high))


def test_two_way_variance_is_anova_on_a_full_table() -> None:
    d = np.random.default_rng(4).normal(size=(6, 9)) + np.arange(9) + np.arange(6)[:, None]
    rows, columns = d.mean(axis=1, keepdims=True), d.mean(axis=0)
    ms_error = np.sum((d - rows - columns + d.mean()) ** 2) / 40
    v = two_way_variance(d)
    assert v.of_speakers == pytest.approx(columns.var(ddof=1) / 9)
    assert v.of_seeds == pytest.approx(rows.var(ddof=1) / 6)
    assert v.of_cells == pytest.approx(ms_error / 54)
    assert v.total == pytest.approx(v.of_speakers + v.of_seeds - v.of_cells)
    assert 5 <= v.df <= 13


def test_two_way_variance_of_a_ragged_table_by_least_squares() -> None:
    draw = np.random.default_rng(12)
    d = np.where(draw.random((6, 9)) < 0.6, draw.normal(size=(6, 9)), np.nan)
    d[0] = draw.normal(size=9)
    seeds, speakers = np.nonzero(~np.isnan(d))
    design = np.hstack([np.eye(6)[seeds], np.eye(9)[speakers]])
    y = d[seeds, speakers]
    solution, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    square = np.sum((y - design @ solution) ** 2) / (len(y) - rank)
    counts = (~np.isnan(d)).sum(axis=0)
    means = [speaker_means(np.delete(d, k, axis=0)).mean() for k in range(6)]
    v = two_way_variance(d)
    assert v.of_cells == pytest.approx(square * np.sum(1 / counts) / 81)
    assert v.of_seeds == pytest.approx(5 / 6 * np.sum((means - np.mean(means)) ** 2))


def test_two_way_variance_of_one_source_is_that_source() -> None:
    speakers = np.tile(np.random.default_rng(5).normal(size=12), (4, 1))
    v = two_way_variance(speakers)
    assert v.of_seeds == pytest.approx(0, abs=1e-12)
    assert v.total == pytest.approx(v.of_speakers)
    assert v.df == pytest.approx(11)
    seeds = two_way_variance(speakers.T)
    assert seeds.total == pytest.approx(seeds.of_seeds)
    assert seeds.df == pytest.approx(11)


def test_scopes_leave_the_other_source_out() -> None:
    d = 3 * np.random.default_rng(6).normal(size=12) + np.zeros((12, 1))
    a, b = additive(d)
    for kind in ("t", "percentile"):
        seeds = hierarchical_interval(a, b, mean_score, rng(), scope="seeds", kind=kind)
        speakers = hierarchical_interval(a, b, mean_score, rng(), scope="speakers", kind=kind)
        both = hierarchical_interval(a, b, mean_score, rng(), kind=kind)
        assert seeds.high - seeds.low == pytest.approx(0, abs=1e-9)
        assert speakers.high - speakers.low == pytest.approx(both.high - both.low, rel=0.1)
    t = hierarchical_interval(a, b, mean_score, rng(), scope="seeds", kind="t")
    assert "on these speakers" in t.sentence()
    t = hierarchical_interval(a, b, mean_score, rng(), scope="speakers", kind="t")
    expected = paired_t(d[0], np.zeros(12))
    assert (t.low, t.high) == pytest.approx((expected.low, expected.high))


def test_percentile_over_speakers_is_scipys_bootstrap() -> None:
    d = np.random.default_rng(7).normal(size=25)
    a, b = additive(d[None, :])
    mine = hierarchical_interval(
        a, b, mean_score, rng(), scope="speakers", kind="percentile", draws=20_000
    )
    reference = stats.bootstrap(
        (d,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(8)
    ).confidence_interval
    assert (mine.low, mine.high) == pytest.approx(tuple(reference), abs=0.02)


def test_auto_takes_t_below_twenty_five_of_what_is_resampled() -> None:
    def kind(seeds: int, speakers: int, scope: str) -> str:
        a, b = additive(np.random.default_rng(9).normal(size=(seeds, speakers)))
        return hierarchical_interval(a, b, mean_score, rng(), scope=scope, draws=50).kind

    assert kind(20, 91, "seeds and speakers") == "t"
    assert kind(20, 91, "speakers") == "percentile"
    assert kind(25, 25, "seeds and speakers") == "percentile"
    assert kind(30, 5, "seeds") == "percentile"


def test_an_interval_that_covers_too_little_is_withheld() -> None:
    def made(seeds: int, speakers: int, kind: str):
        a, b = additive(np.random.default_rng(9).normal(size=(seeds, speakers)))
        return hierarchical_interval(a, b, mean_score, rng(), kind=kind, draws=50)

    few = made(20, 91, "percentile")
    assert "covers less than 92 %" in (few.withheld or "")
    assert "from 20 seeds" in few.sentence()
    assert " to " not in few.sentence()
    assert made(20, 91, "t").withheld is None
    assert made(3, 3, "t").withheld is None
    assert made(2, 30, "t").withheld
    assert bootstrap_mean(np.arange(10.0), rng(), "percentile").withheld
    assert bootstrap_mean(np.arange(5.0), rng(), "bootstrap-t").withheld is None
    assert bootstrap_mean(np.arange(3.0), rng(), "bootstrap-t").withheld
    assert math.isnan(two_way_t(np.random.default_rng(13).normal(size=(2, 9))).p)


def test_swapping_and_repeating() -> None:
    labels, a, b, seeds, speakers = clips(12, 12, 8)
    x, y = (confusion_cells(labels, z, seeds, speakers, 4).values for z in (a, b))
    one = hierarchical_interval(x, y, macro_f1, rng(), draws=200)
    assert one == hierarchical_interval(x, y, macro_f1, rng(), draws=200)
    other = hierarchical_interval(y, x, macro_f1, rng(), draws=200)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    same = hierarchical_interval(x, x, macro_f1, rng(), draws=200)
    assert (same.low, same.difference, same.high) == (0, 0, 0)


def test_too_little_gives_no_interval() -> None:
    a, b = additive(np.ones((1, 5)))
    result = hierarchical_interval(a, b, mean_score, rng())
    assert math.isnan(result.low)
    assert "no interval" in result.sentence()
    assert math.isnan(two_way_t(np.ones((1, 5))).p)
    assert math.isnan(two_way_t(np.full((3, 5), np.nan)).difference)
    assert math.isnan(two_way_t(np.ones((3, 5))).p)
    with pytest.raises(ValueError, match="twice"):
        hierarchical_interval(a, b[:, :4], mean_score, rng())


def test_redrawn_test_averages_each_speaker_over_its_seeds() -> None:
    d = np.full((3, 4), np.nan)
    d[0, :2], d[1, 1:3], d[2, [0, 3]] = (1.0, 2.0), (4.0, 1.5), (2.0, -0.5)
    result = redrawn_test(d, rng())
    means = [1.5, 3.0, 1.5, -0.5]
    assert speaker_means(d).tolist() == means
    expected = stats.ttest_1samp(means, 0)
    assert result.t.p == pytest.approx(expected.pvalue)
    assert result.flip.p == pytest.approx(
        stats.permutation_test((means,), np.mean, permutation_type="samples").pvalue
    )
    assert (result.seeds, result.speakers, result.tests_per_speaker) == (3, 4, 1.5)
    assert result.both.difference == pytest.approx(np.mean(means))
    assert "new speakers" in result.sentence()


def test_redrawn_test_of_nothing() -> None:
    for d in (np.full((2, 3), np.nan), np.empty((0, 0)), np.array([[1.0]])):
        assert "cannot test" in redrawn_test(d, rng()).sentence()


def test_bootstrap_t_against_the_definition() -> None:
    x = np.random.default_rng(10).exponential(size=12)
    result = bootstrap_mean(x, np.random.default_rng(11), "bootstrap-t", draws=4000)
    drawn = x[np.random.default_rng(11).integers(0, 12, size=(4000, 12))]
    t = (drawn.mean(axis=1) - x.mean()) / stats.sem(drawn, axis=1)
    error = stats.sem(x)
    expected = x.mean() - np.quantile(t, [0.975, 0.025]) * error
    assert (result.low, result.high) == pytest.approx(expected, abs=0.01)
    # A skewed sample reaches further on its long side.
    assert result.high - result.mean > result.mean - result.low
    assert math.isnan(bootstrap_mean([1.0, 1.0], rng()).low)
    assert math.isnan(bootstrap_mean([], rng()).mean)
