"""Power, detectable effects and sample sizes."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.noncentral import noncentral_t_upper
from fusemark.benchmark.statistics.power import (
    detectable_effect,
    pairs_needed,
    pairs_needed_noether,
    power_of_t,
)
from scipy import special, stats
from statsmodels.stats.power import TTestPower


@pytest.mark.parametrize(("effect", "seeds"), [(0.5, 34), (1.0, 10), (1.5, 6)])
def test_seeds_for_eighty_percent_power(effect: float, seeds: int) -> None:
    assert pairs_needed(effect).n == seeds
    assert power_of_t(effect, seeds).power >= 0.8 > power_of_t(effect, seeds - 1).power


@pytest.mark.parametrize(
    ("superiority", "one_sided", "two_sided"), [(0.75, 29, 35), (0.70, 46, 55), (0.80, 21, 25)]
)
def test_noether(superiority: float, one_sided: int, two_sided: int) -> None:
    assert pairs_needed_noether(superiority).n == one_sided
    assert pairs_needed_noether(superiority, two_sided=True).n == two_sided
    assert pairs_needed_noether(1 - superiority).n == one_sided


@pytest.mark.parametrize("n", [3, 5, 20, 80])
@pytest.mark.parametrize("two_sided", [True, False])
def test_statsmodels_agrees(n: int, two_sided: bool) -> None:
    side = "two-sided" if two_sided else "larger"
    for effect in (0.2, 0.8):
        expected = TTestPower().power(effect, n, 0.05, alternative=side)
        assert power_of_t(effect, n, 0.05, two_sided).power == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("n", [2, 3, 10, 91, 2000])
def test_detectable_effect_inverts_power(n: int) -> None:
    effect = detectable_effect(n, sd=2.0)
    assert power_of_t(effect.effect, n).power == pytest.approx(0.8, abs=1e-6)
    assert effect.difference == pytest.approx(2 * effect.effect)
    assert pairs_needed(effect.effect * 1.0001).n == n


def test_power_without_an_effect_is_alpha() -> None:
    assert power_of_t(0.0, 12).power == pytest.approx(0.05)
    assert pairs_needed(0.0).n is None
    assert pairs_needed_noether(0.5).n is None
    assert pairs_needed(-1.0, two_sided=False).n is None
    assert pairs_needed(-1.0).n == 10


def test_noncentral_t_against_scipy_and_in_the_far_tail() -> None:
    for df in (1, 2, 9, 500):
        for limit, shift in ((0.5, 0.0), (2.0, 1.0), (12.0, 3.0)):
            expected = stats.nct.sf(limit, df, shift)
            assert noncentral_t_upper(limit, df, shift) == pytest.approx(expected, abs=1e-10)
    # df = 1: T exceeds c with the chance that Z + 11 exceeds c |Z'|, near 1 for c well below.
    assert noncentral_t_upper(12.7, 1, -11.3) == pytest.approx(0, abs=1e-12)
    assert noncentral_t_upper(2, 10**7, 3) == pytest.approx(float(special.ndtr(1)), abs=1e-6)


def test_one_pair_detects_nothing() -> None:
    assert math.isnan(detectable_effect(1).effect)
    with pytest.raises(ValueError, match="at least 2 pairs"):
        power_of_t(1.0, 1)


def test_power_is_what_a_simulation_rejects() -> None:
    x = np.random.default_rng(0).normal(1.0, 1, size=(20_000, 10))
    rejected = np.mean(stats.ttest_1samp(x, 0, axis=1).pvalue <= 0.05)
    assert power_of_t(1.0, 10).power == pytest.approx(rejected, abs=0.01)


@pytest.mark.parametrize("effect", [math.nan, math.inf])
def test_pairs_for_an_effect_that_is_no_number_are_refused(effect: float) -> None:
    with pytest.raises(ValueError, match="effect is"):
        pairs_needed(effect)
