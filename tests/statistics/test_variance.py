"""Variance shares against known components, ANOVA and restricted maximum likelihood."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.variance import variance_shares
from statsmodels.regression.mixed_linear_model import MixedLM

SDS = {"initialisation": 1.0, "data order": 0.5, "split": 2.0, "speaker": 1.5}


def table(rng: np.random.Generator, levels: int, rows: int, rest: float = 1.0):
    """Draw scores under random combinations of the four factors' levels."""
    factors = {name: rng.integers(0, levels, size=rows) for name in SDS}
    scores = 70 + rest * rng.normal(size=rows)
    for name, labels in factors.items():
        scores = scores + SDS[name] * rng.normal(size=levels)[labels]
    return scores, factors


def test_known_components_are_recovered_without_bias() -> None:
    rng = np.random.default_rng(0)
    found = np.array([variance_shares(*table(rng, 12, 120)).estimates for _ in range(300)])
    truth = np.array([*(sd**2 for sd in SDS.values()), 1.0])
    error = found.std(axis=0, ddof=1) / math.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - truth) < 3.5 * error).all()


def test_one_large_table_gives_the_shares() -> None:
    scores, factors = table(np.random.default_rng(1), 150, 4000)
    result = variance_shares(scores, factors)
    truth = np.array([1.0, 0.25, 4.0, 2.25, 1.0])
    assert result.shares == pytest.approx(truth / truth.sum(), abs=0.06)
    assert sum(result.shares) == pytest.approx(1)
    assert result.sources == (*SDS, "rest")


def test_balanced_crossed_table_is_anova() -> None:
    rng = np.random.default_rng(2)
    k, s = 6, 9
    d = rng.normal(size=(k, 1)) + 2 * rng.normal(size=s) + rng.normal(size=(k, s))
    rows, columns = d.mean(axis=1, keepdims=True), d.mean(axis=0)
    ms_error = np.sum((d - rows - columns + d.mean()) ** 2) / ((k - 1) * (s - 1))
    ms_rows = s * np.sum((rows - d.mean()) ** 2) / (k - 1)
    ms_columns = k * np.sum((columns - d.mean()) ** 2) / (s - 1)
    seeds, speakers = np.indices(d.shape)
    result = variance_shares(d.ravel(), {"seed": seeds.ravel(), "speaker": speakers.ravel()})
    expected = ((ms_rows - ms_error) / s, (ms_columns - ms_error) / k, ms_error)
    assert result.estimates == pytest.approx(expected)


def test_balanced_one_way_table_is_reml() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(15), 6)
    scores = 2 * rng.normal(size=15)[groups] + rng.normal(size=90)
    fit = MixedLM(scores, np.ones(90), groups=groups).fit(reml=True)
    result = variance_shares(scores, {"speaker": groups})
    assert result.estimates[0] == pytest.approx(float(np.asarray(fit.cov_re)[0, 0]), rel=1e-3)
    assert result.estimates[1] == pytest.approx(float(fit.scale), rel=1e-3)


def test_a_negative_estimate_is_kept_and_its_share_is_zero() -> None:
    # The mean square between levels is 0, within them 2, and a level has two scores.
    result = variance_shares([1.0, -1.0, 1.0, -1.0], {"split": [0, 0, 1, 1]})
    assert result.estimates[0] == pytest.approx((0 - 2) / 2)
    assert result.shares == pytest.approx((0, 1))


def test_sources_that_cannot_be_told_apart_are_unknown() -> None:
    labels = [0, 0, 1, 1, 2, 2]
    result = variance_shares(
        [1.0, 2, 4, 5, 9, 9], {"split": labels, "speaker": labels, "seed": [0, 1] * 3}
    )
    assert math.isnan(result.estimates[0])
    assert math.isnan(result.estimates[1])
    assert not math.isnan(result.estimates[2])
    single = variance_shares([1.0, 2, 3], {"split": [0, 0, 0]})
    assert math.isnan(single.estimates[0])
    assert single.estimates[1] == pytest.approx(1.0)
    assert "cannot tell" in variance_shares([1.0], {"split": [0]}).sentence()
    with pytest.raises(ValueError, match="factor split has shape"):
        variance_shares([1.0, 2], {"split": [0]})
