"""The interquartile mean and performance profiles."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.interquartile import interquartile_mean, stratified, trimmed
from fusemark.benchmark.statistics.profile import performance_profile
from scipy import stats


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(20, 5), (3, 1), (7, 3), (1, 1)])
def test_scipys_trimmed_mean_agrees(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(1).normal(size=shape)
    assert interquartile_mean(x, rng()).mean == pytest.approx(stats.trim_mean(x, 0.25, axis=None))


def test_one_wild_run_moves_nothing() -> None:
    x = np.random.default_rng(2).normal(size=(12, 2))
    wild = x.copy()
    wild[np.unravel_index(x.argmax(), x.shape)] = 1e6
    assert interquartile_mean(wild, rng()).mean == interquartile_mean(x, rng()).mean


def test_runs_are_resampled_within_their_dataset() -> None:
    x = np.arange(6.0)[:, None] + np.array([0, 100, 200])
    drawn = stratified(x, rng(), 50)
    assert drawn.shape == (50, 6, 3)
    assert (drawn // 100 == [0, 1, 2]).all()
    columns = drawn % 100
    assert not (columns[:, :, 0] == columns[:, :, 1]).all()


def test_interval_of_one_dataset_is_the_bootstrap_of_a_trimmed_mean() -> None:
    x = np.random.default_rng(3).normal(size=30)
    reference = stats.bootstrap(
        (x,),
        lambda s, axis: stats.trim_mean(s, 0.25, axis=axis),
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(4),
    ).confidence_interval
    result = interquartile_mean(x[:, None], rng(), draws=20_000)
    assert (result.low, result.high) == pytest.approx(tuple(reference), abs=0.015)


def test_same_generator_same_interval() -> None:
    x = np.random.default_rng(5).normal(size=(10, 3))
    assert interquartile_mean(x, rng()) == interquartile_mean(x, rng())


def test_few_runs_are_said_to_be_few() -> None:
    assert math.isnan(interquartile_mean([[1.0, 2.0]], rng()).low)
    assert "no interval" in interquartile_mean([[1.0, 2.0]], rng()).sentence()
    few = interquartile_mean(np.arange(10.0).reshape(5, 2), rng())
    assert few.withheld
    assert few.withheld in few.sentence()
    assert interquartile_mean(np.arange(16.0).reshape(8, 2), rng()).withheld is None
    assert trimmed(np.array([[1.0, 5.0, 6.0, 100.0]]))[0] == 5.5
    with pytest.raises(ValueError, match="empty"):
        interquartile_mean(np.empty((0, 2)), rng())


def test_profile_is_one_minus_the_distribution_function() -> None:
    x = np.random.default_rng(6).normal(size=(40, 3))
    levels = np.linspace(-3, 3, 13)
    profile = performance_profile(x, levels, rng())
    assert profile.above == pytest.approx([(x > t).mean() for t in levels])
    assert (np.diff(profile.above) <= 0).all()
    low, above, high = map(np.array, (profile.low, profile.above, profile.high))
    assert ((low <= above + 1e-12) & (above <= high + 1e-12)).all()


def test_profile_counts_strictly_above() -> None:
    profile = performance_profile([[0.5], [0.7]], [0.5, 0.6, 0.7], rng())
    assert profile.above == (0.5, 0.5, 0.0)
    with pytest.raises(ValueError, match="do not rise"):
        performance_profile([[0.5], [0.7]], [0.6, 0.5], rng())
