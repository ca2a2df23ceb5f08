"""The two Bayesian tests with a region of practical equivalence."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.bayes_correlated_t import bayes_correlated_t
from fusemark.benchmark.statistics.bayes_signed_rank import bayes_signed_rank
from scipy import stats

from .demsar import AUC

ROPE = 0.01


def test_correlated_t_agrees_with_baycomp() -> None:
    """baycomp 1.0.3 says (.752109, .244722, .003169) of C4.5+m and C4.5, 14 results, one run."""
    result = bayes_correlated_t(AUC[:, 1], AUC[:, 0], ROPE, correlation=1 / 14)
    assert result.a_better == pytest.approx(0.7521085451644425, abs=1e-12)
    assert result.equal == pytest.approx(0.24472213827656597, abs=1e-12)
    assert result.b_better == pytest.approx(0.003169316558991553, abs=1e-12)
    assert result.decision() is None
    assert result.decision(0.7) == "A better"


def test_signed_rank_agrees_with_baycomp() -> None:
    """baycomp 1.0.3, prior .5, 400,000 draws: (.672, .328, .000); at .03 (.009, .991, .000)."""
    result = bayes_signed_rank(AUC[:, 1], AUC[:, 0], ROPE, np.random.default_rng(0), 50_000)
    assert result.a_better == pytest.approx(0.672, abs=0.008)
    assert result.equal == pytest.approx(0.328, abs=0.008)
    wide = bayes_signed_rank(AUC[:, 1], AUC[:, 0], 0.03, np.random.default_rng(0), 20_000)
    assert wide.equal == pytest.approx(0.991, abs=0.003)
    assert wide.decision() == "practically equal"


def test_without_correlation_or_region_it_is_the_one_sided_t() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 12))
    result = bayes_correlated_t(a, b, 0.0)
    assert result.b_better == pytest.approx(stats.ttest_rel(a, b, alternative="greater").pvalue)
    assert result.equal == pytest.approx(0, abs=1e-12)


def test_signed_rank_of_one_dataset_in_closed_form() -> None:
    """With one difference beyond the region, its weight w is Beta(1, 1/2).

    Pairs (z, z) and (0, z) lie beyond when z > 2 rope: 1 - (1 - w)^2 > 1/2 asks for
    w > 1 - sqrt(1/2), which has probability (1/2)^(1/4).
    """
    draws = 40_000
    result = bayes_signed_rank([1.0], [0.0], 0.1, np.random.default_rng(2), draws)
    assert result.a_better == pytest.approx(0.5**0.25, abs=0.01)
    # With z / 2 inside the region only w^2 lies beyond: w > sqrt(1/2).
    near = bayes_signed_rank([1.0], [0.0], 0.6, np.random.default_rng(2), draws)
    assert near.a_better == pytest.approx(math.sqrt(1 - math.sqrt(0.5)), abs=0.01)


def test_probabilities_add_up_and_mirror() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.2, 1, size=15), rng.normal(size=15)
    for ab, ba in (
        (bayes_correlated_t(a, b, 0.3, 0.1), bayes_correlated_t(b, a, 0.3, 0.1)),
        (
            bayes_signed_rank(a, b, 0.3, np.random.default_rng(4), 5000),
            bayes_signed_rank(b, a, 0.3, np.random.default_rng(4), 5000),
        ),
    ):
        assert ab.a_better + ab.equal + ab.b_better == pytest.approx(1)
        assert (ab.a_better, ab.equal) == pytest.approx((ba.b_better, ba.equal))


def test_same_generator_same_result() -> None:
    results = [
        bayes_signed_rank(AUC[:, 0], AUC[:, 1], ROPE, np.random.default_rng(5), 1000)
        for _ in range(2)
    ]
    assert results[0] == results[1]


def test_edge_cases() -> None:
    assert math.isnan(bayes_correlated_t([1.0], [0.0], 0.1).a_better)
    assert bayes_correlated_t([1.0, 2.0], [0.0, 1.0], 0.1).a_better == 1
    assert bayes_correlated_t([1.0, 2.0], [1.0, 2.0], 0.1).equal == 1
    assert bayes_correlated_t([1.0, 2.0], [1.0, 2.0], 0.0).a_better == 0.5
    assert math.isnan(bayes_signed_rank([], [], 0.1, np.random.default_rng(0)).equal)
    with pytest.raises(ValueError, match="rope is -1"):
        bayes_correlated_t([1, 2], [3, 4], -1)
    with pytest.raises(ValueError, match="correlation is 1"):
        bayes_correlated_t([1, 2], [3, 4], 1, 1)


def test_what_rounding_leaves_of_a_tie_favours_neither() -> None:
    found = bayes_correlated_t([0.3] * 3, [0.1 + 0.2] * 3, 0.0)
    assert (found.a_better, found.b_better) == (0.5, 0.5)
