"""Equivalence, effect sizes and P(A > B)."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.effect_size import dominance, hedges_correction, paired_effect
from fusemark.benchmark.statistics.equivalence import equivalence
from fusemark.benchmark.statistics.superiority import (
    superiority,
    superiority_over_cells,
    wilson,
)
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import ttost_paired


def test_statsmodels_tost_agrees() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 30))
    result = equivalence(a, b, 0.4)
    p, lower, upper = ttost_paired(a, b, -0.4, 0.4)
    assert result.p == pytest.approx(p)
    assert result.p_not_below == pytest.approx(lower[1])
    assert result.p_not_above == pytest.approx(upper[1])


def test_equivalent_exactly_when_the_ninety_percent_interval_lies_inside() -> None:
    d = np.random.default_rng(1).normal(0.1, 1, size=25)
    probe = equivalence(d, np.zeros(25), 1.0)
    edge = max(abs(probe.low), abs(probe.high))
    assert equivalence(d, np.zeros(25), edge * 1.0001).equivalent
    assert not equivalence(d, np.zeros(25), edge * 0.9999).equivalent


def test_words_of_equivalence() -> None:
    d = np.random.default_rng(2).normal(0, 1, size=25)
    assert "practically equal" in equivalence(d, 0 * d, 5).sentence()
    assert "not shown" in equivalence(d, 0 * d, 0.01).sentence()
    assert math.isnan(equivalence([1.0], [1.0], 1).p)
    with pytest.raises(ValueError, match="margin is -1"):
        equivalence([1, 2], [1, 3], -1)


def test_hedges_correction_in_closed_form() -> None:
    # J(2) = 1 / sqrt(pi); J(m) is near 1 - 3 / (4 m - 1).
    assert hedges_correction(2) == pytest.approx(1 / math.sqrt(math.pi))
    assert hedges_correction(20) == pytest.approx(1 - 3 / 79, abs=2e-4)


def test_hedges_correction_makes_d_unbiased() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(0.8, 1, size=(40_000, 8))
    d = x.mean(axis=1) / x.std(axis=1, ddof=1)
    assert d.mean() > 0.88
    assert hedges_correction(7) * d.mean() == pytest.approx(0.8, abs=0.01)


def test_interval_of_dz_inverts_the_noncentral_t() -> None:
    x = np.random.default_rng(4).normal(0.7, 1, size=15)
    result = paired_effect(x, np.zeros(15))
    t = result.dz * math.sqrt(15)
    assert stats.nct.sf(t, 14, result.low * math.sqrt(15)) == pytest.approx(0.025, abs=1e-6)
    assert stats.nct.cdf(t, 14, result.high * math.sqrt(15)) == pytest.approx(0.025, abs=1e-6)
    mirrored = paired_effect(np.zeros(15), x)
    assert (mirrored.dz, mirrored.low) == pytest.approx((-result.dz, -result.high))
    assert math.isnan(paired_effect([1.0, 2], [0.0, 1]).dz)


def test_dominance_is_the_mann_whitney_share() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 6, size=13), rng.integers(1, 7, size=9)
    result = dominance(a, b)
    u = stats.mannwhitneyu(a, b).statistic
    assert result.a12 == pytest.approx(u / (13 * 9))
    assert result.delta == pytest.approx(2 * result.a12 - 1)
    assert dominance([2, 3], [0, 1]).delta == 1
    assert math.isnan(dominance([], [1]).a12)


def test_wilson_is_statsmodels() -> None:
    for k, n in ((0, 5), (7, 10), (20, 20)):
        assert wilson(k / n, n) == pytest.approx(proportion_confint(k, n, method="wilson"))


def test_superiority_counts_ties_half_and_sorts_into_zones() -> None:
    half = superiority([1, 2, 3], [0, 2, 4])
    assert half.probability == 0.5
    assert half.verdict == "not separated"
    assert superiority(np.ones(30), np.zeros(30)).verdict == "meaningfully better"
    assert superiority(np.zeros(30), np.ones(30)).verdict == "worse"
    d = np.repeat([1, -1], [600, 400])
    assert superiority(d, 0 * d).verdict == "separated, not meaningfully"
    assert math.isnan(superiority([], []).probability)


def test_superiority_of_pairs_has_the_exact_interval() -> None:
    for won, n in ((5, 5), (3, 10), (0, 4), (17, 20)):
        found = superiority(np.repeat([1, -1], [won, n - won]), np.zeros(n))
        expected = proportion_confint(won, n, method="beta")
        assert (found.low, found.high) == pytest.approx(expected)


@pytest.mark.parametrize("n", range(1, 41))
def test_superiority_tells_equal_methods_apart_in_at_most_five_of_a_hundred(n: int) -> None:
    rate = sum(
        stats.binom.pmf(won, n, 0.5)
        for won in range(n + 1)
        if superiority(np.repeat([1, -1], [won, n - won]), np.zeros(n)).verdict != "not separated"
    )
    assert rate <= 0.05


def test_superiority_over_unanimous_cells_keeps_an_interval() -> None:
    assert superiority_over_cells(np.ones((5, 20))).low == pytest.approx(0.566, abs=1e-3)


@pytest.mark.parametrize("shape", [(4, 20), (20, 4)])
def test_superiority_over_cells_gives_no_interval_for_few_of_either(shape) -> None:
    few = superiority_over_cells(np.random.default_rng(0).normal(1, 1, shape))
    assert math.isnan(few.low)
    assert few.verdict == "not separated"
    assert "do not tell" in few.sentence()


def test_one_lost_cell_makes_superiority_no_surer() -> None:
    """Of 20 seeds and 20 speakers: what one seed loses says nothing of how far it is alone."""
    won = np.ones((20, 20))
    lost = won.copy()
    lost[0, 0] = -1
    one, other = superiority_over_cells(won), superiority_over_cells(lost)
    assert other.low == pytest.approx(one.low, abs=0.01)
    assert other.n == pytest.approx(20 / (19 / 20))


def test_superiority_over_cells_counts_rounding_as_a_tie() -> None:
    cells = superiority_over_cells([[0.2, (0.1 + 0.2) - 0.3], [-0.1, 0.3 - (0.1 + 0.2)]])
    assert cells.probability == 0.5
    won = superiority_over_cells([[0.2, (0.1 + 0.2) - 0.3], [0.1, (0.1 + 0.2) - 0.3]])
    assert won.probability == 0.75


def test_superiority_over_cells_widens_for_what_cells_share() -> None:
    rng = np.random.default_rng(6)
    shared = np.tile(rng.normal(0.5, 1, size=20), (10, 1))
    own = rng.normal(0.5, 1, size=(10, 20))
    one, other = superiority_over_cells(shared), superiority_over_cells(own)
    # 200 cells are worth some 20 comparisons when each speaker's cells are alike.
    assert one.n < 25
    assert other.n > 60
    assert one.high - one.low > 1.5 * (other.high - other.low)
    assert math.isnan(superiority_over_cells(np.full((2, 3), np.nan)).probability)


def test_what_rounding_leaves_of_a_tie_dominates_nothing() -> None:
    assert dominance([0.1 + 0.2], [0.3]).a12 == 0.5
    assert dominance([0.3], [0.1 + 0.2]).a12 == 0.5
