"""The paired t-test and the interval of a mean."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.intervals import mean_interval
from fusemark.benchmark.statistics.paired import paired_t
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

# Student's (1908) sleep data, R's documented example of t.test(paired = TRUE).
DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_r_prints_this_of_the_sleep_data() -> None:
    result = paired_t(DRUG_1, DRUG_2, "two-sided")
    assert result.statistic == pytest.approx(-4.0621, abs=5e-5)
    assert result.p == pytest.approx(0.002833, abs=5e-7)
    assert (result.low, result.high) == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)
    assert result.difference == pytest.approx(-1.58)


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_scipy_agrees(alternative: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 20))
    expected = stats.ttest_rel(a, b, alternative=alternative)
    result = paired_t(a, b, alternative)
    assert result.p == pytest.approx(expected.pvalue, rel=1e-12)
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-12)
    both = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx(tuple(both), rel=1e-12)


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=12))
def test_swapping_the_methods_mirrors_the_result(x: list[float]) -> None:
    y = [v**2 / 50 + i for i, v in enumerate(x)]
    ab, ba = paired_t(x, y, "greater"), paired_t(y, x, "less")
    if math.isnan(ab.p):
        assert math.isnan(ba.p)
        return
    assert ab.p == pytest.approx(ba.p, abs=1e-12)
    assert ab.low == pytest.approx(-ba.high)
    assert (paired_t(x, y).p < 0.5) == (ab.difference > 0)


def test_one_pair_or_none_tells_nothing() -> None:
    one = paired_t([1.0], [0.5])
    assert one.difference == 0.5
    assert math.isnan(one.p)
    assert math.isnan(one.low)
    assert "cannot be tested" in one.sentence()
    assert math.isnan(paired_t([], []).difference)


def test_without_spread_nothing_is_tested() -> None:
    same = paired_t([0.3, 0.1, 0.2], [0.1 + 0.2, 0.1, 0.2])
    assert same.difference == 0
    assert math.isnan(same.p)
    assert "cannot be tested" in same.sentence()
    shifted = paired_t([0.3, 0.1, 0.7], [0.2, 0.0, 0.6])
    assert shifted.difference == pytest.approx(0.1)
    assert math.isnan(shifted.p)
    assert "exactly 0.1" in shifted.sentence()


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="a has 2 values and b has 1"):
        paired_t([1, 2], [1])
    with pytest.raises(ValueError, match="not finite"):
        paired_t([1, math.nan], [1, 2])
    with pytest.raises(ValueError, match="alternative is 'bigger'"):
        paired_t([1, 2], [1, 3], "bigger")  # type: ignore[arg-type]


def test_mean_interval_is_scipys() -> None:
    x = np.random.default_rng(1).normal(3, 2, size=15)
    result = mean_interval(x, 0.9)
    assert (result.low, result.high) == pytest.approx(
        stats.t.interval(0.9, 14, x.mean(), stats.sem(x))
    )
    assert result.sd == pytest.approx(x.std(ddof=1))


def test_mean_interval_of_too_little() -> None:
    assert math.isnan(mean_interval([2.0]).low)
    assert mean_interval([2.0]).mean == 2.0
    assert math.isnan(mean_interval([]).mean)


def test_equal_values_have_a_mean_and_no_interval() -> None:
    found = mean_interval([0.1 + 0.2, 0.3, 0.3])
    assert found.mean == pytest.approx(0.3)
    assert found.sd == 0.0
    assert math.isnan(found.low)
    assert "without spread" in found.sentence()
