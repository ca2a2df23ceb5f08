"""Wilcoxon's signed-rank test and the sign-flip permutation test."""

import itertools
import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.sign_flip import sign_flip
from fusemark.benchmark.statistics.signed_rank import signed_rank
from scipy import stats

from .demsar import AUC

# Darwin's maize, the documented example of scipy.stats.wilcoxon.
MAIZE = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]
ZERO = [0] * len(MAIZE)


def test_scipys_documented_example() -> None:
    two = signed_rank(MAIZE, ZERO)
    assert 120 - two.statistic == 24
    assert two.p == 0.041259765625
    one = signed_rank(MAIZE, ZERO, "greater")
    assert one.statistic == 96
    assert one.p == 0.0206298828125


def test_demsars_worked_example() -> None:
    """C4.5 against C4.5+m: R+ = 93 and R- = 12 with both zeros split evenly between them."""
    result = signed_rank(AUC[:, 1], AUC[:, 0])
    assert (result.n, result.zeros) == (14, 2)
    # The zeros have ranks 1.5 and 1.5; Pratt leaves them out, Demsar gives one to either side.
    assert result.statistic + 1.5 == 93
    assert 105 - 3 - result.statistic + 1.5 == 12
    assert result.p < 0.05


@pytest.mark.parametrize(("n", "smallest"), [(3, 0.25), (5, 0.0625), (6, 0.03125), (8, 0.0078125)])
def test_smallest_two_sided_p(n: int, smallest: float) -> None:
    x = np.arange(1.0, n + 1)
    flip = sign_flip(x, np.random.default_rng(0))
    rank = signed_rank(x, np.zeros(n))
    assert rank.p == rank.smallest_p == smallest
    assert flip.p == flip.smallest_p == smallest
    for result in (rank, flip):
        assert ("cannot fall below" in result.sentence()) == (smallest > 0.05)


@pytest.mark.parametrize(("n", "size"), [(3, 0), (5, 0), (6, 0.03125), (8, 0.0390625)])
def test_exact_attainable_size(n: int, size: float) -> None:
    """All sign patterns of distinct magnitudes are equally likely under the null."""
    # Powers of two make every pattern's sum different; ranks of 1..n tie many.
    for magnitudes, test in (
        (2.0 ** np.arange(n), lambda d: sign_flip(d, np.random.default_rng(0)).p),
        (np.arange(1.0, n + 1), lambda d: signed_rank(d, np.zeros(n)).p),
    ):
        signs = itertools.product([-1, 1], repeat=n)
        rejected = [test(magnitudes * s) <= 0.05 for s in map(np.array, signs)]
        assert np.mean(rejected) <= 0.05
        if n == 8 and magnitudes[-1] > n:
            assert np.mean(rejected) == 12 / 256
        else:
            assert np.mean(rejected) == size


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_ties_and_zeros_against_brute_force(alternative: str) -> None:
    d = np.array([0.0, 1, 1, -1, 2, 3, -2, 0, 4])
    ranks = stats.rankdata(np.abs(d))
    kept = ranks[d != 0]
    sums = np.array([np.dot(kept, s) for s in itertools.product([0, 1], repeat=len(kept))])
    observed = ranks[d > 0].sum()
    above, below = np.mean(sums >= observed), np.mean(sums <= observed)
    expected = {"greater": above, "less": below, "two-sided": min(1, 2 * min(above, below))}
    result = signed_rank(d, np.zeros(len(d)), alternative)
    assert result.p == pytest.approx(expected[alternative])


def test_rounding_breaks_no_tie() -> None:
    exact = signed_rank([0.3, 0.5, 0.9], [0.1 + 0.2, 0.4, 0.7])
    assert exact.zeros == 1


def test_points_and_their_hundredths_tie_alike() -> None:
    a = np.array([67, 86, 88, 59, 70, 71, 53, 53])
    b = np.array([69, 83, 85, 57, 70, 67, 49, 51])
    d = a - b
    signs = np.array(list(itertools.product([0, 1], repeat=8)))
    sums = signs @ stats.rankdata(np.abs(d))
    points = signed_rank(a, b)
    assert points.p == 2 * np.mean(sums >= points.statistic) == 0.0625
    hundredths = signed_rank(a / 100, b / 100)
    assert (hundredths.p, hundredths.statistic) == (points.p, points.statistic)


def test_normal_beyond_two_hundred_is_near_exact_below() -> None:
    rng = np.random.default_rng(3)
    d = rng.normal(0.15, 1, size=201)
    large = signed_rank(d, np.zeros(201))
    assert not large.exact
    exact = stats.wilcoxon(d, method="exact").pvalue
    assert large.p == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_sign_flip_agrees_with_scipys_permutation_test(alternative: str) -> None:
    d = np.random.default_rng(4).normal(0.4, 1, size=9)
    expected = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", alternative=alternative, n_resamples=np.inf
    )
    result = sign_flip(d, np.random.default_rng(0), alternative)
    assert result.exact
    assert result.arrangements == 512
    assert result.p == pytest.approx(expected.pvalue)


def test_monte_carlo_counts_the_observed_pattern() -> None:
    d = np.arange(1.0, 31.0)
    result = sign_flip(d, np.random.default_rng(0), draws=999)
    assert not result.exact
    assert result.p == 1 / 1000
    assert sign_flip(-d, np.random.default_rng(0), "greater", draws=999).p == 1.0


def test_monte_carlo_is_near_the_exact_p() -> None:
    d = np.random.default_rng(5).normal(0.5, 1, size=17)
    sums = np.array([0.0])
    for x in d:
        sums = np.concatenate([sums + x, sums - x])
    exact = np.mean(np.abs(sums) >= abs(d.sum()) - 1e-9)
    result = sign_flip(d, np.random.default_rng(6), draws=40_000)
    assert result.p == pytest.approx(exact, abs=4 * math.sqrt(exact / 40_000))


def test_same_generator_same_result_and_symmetry() -> None:
    d = np.random.default_rng(7).normal(size=25)
    results = [sign_flip(x, np.random.default_rng(8)).p for x in (d, d, -d)]
    assert results[0] == results[1] == pytest.approx(results[2], abs=0.02)
    shuffled = np.random.default_rng(0).permutation(d[:12])
    assert sign_flip(shuffled, np.random.default_rng(9)).p == pytest.approx(
        sign_flip(d[:12], np.random.default_rng(9)).p
    )


def test_nothing_to_test() -> None:
    assert math.isnan(signed_rank([1, 2], [1, 2]).p)
    assert math.isnan(signed_rank([], []).p)
    assert math.isnan(sign_flip([0.0, 0.0], np.random.default_rng(0)).p)
    assert math.isnan(sign_flip([], np.random.default_rng(0)).p)
