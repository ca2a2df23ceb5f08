"""Holm and Benjamini-Hochberg."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.multiplicity import benjamini_hochberg, holm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

P = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holm_of_three() -> None:
    assert holm([0.03, 0.01, 0.02]).adjusted == pytest.approx((0.04, 0.03, 0.04))


def test_benjamini_and_hochbergs_own_example() -> None:
    """Fifteen p-values of their paper (1995): four rejected, where Holm rejects three."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    p += [0.4262, 0.5719, 0.6528, 0.7590, 1.000]
    assert sum(benjamini_hochberg(p).rejected) == 4
    assert sum(holm(p).rejected) == 3


@pytest.mark.parametrize("m", [1, 2, 5, 12])
def test_statsmodels_agrees(m: int) -> None:
    p = np.round(np.random.default_rng(m).random(m) ** 2, 2)  # with ties
    for mine, name in ((holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        assert mine(p).adjusted == pytest.approx(multipletests(p, method=name)[1])


@given(P)
def test_adjusting_keeps_the_order_and_never_lowers_p(p: list[float]) -> None:
    for method in (holm, benjamini_hochberg):
        adjusted = np.array(method(p).adjusted)
        order = np.argsort(p, kind="stable")
        assert (np.diff(adjusted[order]) >= -1e-12).all()
        assert (adjusted >= np.array(p) - 1e-12).all()
    assert all(
        b <= h + 1e-12
        for h, b in zip(holm(p).adjusted, benjamini_hochberg(p).adjusted, strict=True)
    )


def test_a_missing_p_keeps_its_place_in_the_family() -> None:
    with_gap, without = holm([0.02, math.nan, 0.03]), holm([0.02, 0.03])
    assert with_gap.adjusted[0] == pytest.approx(0.06)
    assert without.adjusted[0] == pytest.approx(0.04)
    assert math.isnan(with_gap.adjusted[1])
    assert not with_gap.rejected[1]


def test_labels() -> None:
    assert "confirmatory" in holm([0.01]).sentence()
    assert "exploratory" in benjamini_hochberg([0.01]).sentence()
    assert holm([]).adjusted == ()
    with pytest.raises(ValueError, match="outside 0 to 1"):
        holm([1.2])
