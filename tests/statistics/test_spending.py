"""Group-sequential bounds against published tables."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.intervals import mean_interval
from fusemark.benchmark.statistics.repeated import repeated_interval
from fusemark.benchmark.statistics.spending import alpha_spent, group_sequential_bounds
from scipy import special

FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)


def test_obrien_fleming_type_of_five_looks() -> None:
    bounds = group_sequential_bounds(FIVE)
    assert bounds.z == pytest.approx((4.877, 3.357, 2.680, 2.290, 2.031), abs=5e-4)
    assert bounds.spent[-1] == pytest.approx(0.05)


def test_pocock_type_of_five_looks() -> None:
    bounds = group_sequential_bounds(FIVE, spending="pocock")
    assert bounds.z == pytest.approx((2.438, 2.427, 2.410, 2.397, 2.386), abs=6e-4)


def test_two_looks_of_which_one_halfway() -> None:
    for bounds in (
        group_sequential_bounds([0.5, 1]),
        group_sequential_bounds([0.5, 1], 0.025, False),
    ):
        assert bounds.z == pytest.approx((2.963, 1.969), abs=5e-4)


def test_one_look_is_the_fixed_test() -> None:
    assert group_sequential_bounds([1.0]).p == pytest.approx((0.05,))
    assert group_sequential_bounds([1.0], 0.01, two_sided=False).p == pytest.approx((0.01,))


@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock"])
@pytest.mark.parametrize("two_sided", [True, False])
def test_a_random_walk_crosses_as_often_as_was_spent(spending: str, two_sided: bool) -> None:
    rng, looks, runs = np.random.default_rng(0), 6, 60_000
    fractions = np.array([0.1, 0.3, 0.35, 0.6, 0.9, 1.0])
    steps = np.sqrt(np.diff(fractions, prepend=0))
    z = np.cumsum(rng.normal(size=(runs, looks)) * steps, axis=1) / np.sqrt(fractions)
    bounds = group_sequential_bounds(fractions, 0.1, two_sided, spending)
    crossed = np.maximum.accumulate((np.abs(z) if two_sided else z) >= bounds.z, axis=1)
    assert crossed.mean(axis=0) == pytest.approx(bounds.spent, abs=0.004)


def test_spending_functions_in_closed_form() -> None:
    assert alpha_spent(0.5, 0.05) == pytest.approx(
        4 * float(special.ndtr(special.ndtri(0.0125) / math.sqrt(0.5)))
    )
    assert alpha_spent(0.5, 0.05, spending="pocock") == pytest.approx(
        0.05 * math.log(1 + (math.e - 1) / 2)
    )
    for spending in ("obrien-fleming", "pocock"):
        assert alpha_spent(1.0, 0.05, True, spending) == pytest.approx(0.05)
        assert alpha_spent(0.0, 0.05, True, spending) == 0


def test_a_larger_level_has_no_stricter_bound_at_any_look() -> None:
    """What graphical alpha relies on: levels that grow never take back a rejection."""
    levels = [0.005, 0.00625, 0.01, 0.025, 0.05]
    p = np.array([group_sequential_bounds(np.arange(3, 21) / 20, a).p for a in levels])
    assert (np.diff(p, axis=0) > 0).all()


def test_a_look_too_early_to_reject_costs_nothing() -> None:
    early = group_sequential_bounds([0.0005, 0.5, 1.0])
    assert early.p[0] == 0
    assert early.z[1:] == pytest.approx(group_sequential_bounds([0.5, 1.0]).z, abs=1e-4)


@pytest.mark.parametrize("fractions", [[], [0.5, 0.5], [0.0, 1.0], [0.5, 1.2], [0.6, 0.3]])
def test_fractions_must_rise_within_the_plan(fractions: list[float]) -> None:
    with pytest.raises(ValueError, match="expected them to rise"):
        group_sequential_bounds(fractions)


def test_repeated_interval_is_the_t_interval_at_the_bounds_level() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 10))
    result = repeated_interval(a, b, 0.01)
    expected = mean_interval(a - b, 0.99)
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high))
    assert math.isnan(repeated_interval(a, b, 0.0).low)
    assert math.isnan(repeated_interval([1.0], [2.0], 0.01).low)


def test_repeated_intervals_cover_at_all_looks_at_once() -> None:
    rng, looks = np.random.default_rng(2), (5, 10, 15, 20)
    bounds = group_sequential_bounds([n / 20 for n in looks]).p
    hits = []
    for x in rng.normal(size=(1000, 20)):
        limits = [
            repeated_interval(x[:n], np.zeros(n), p) for n, p in zip(looks, bounds, strict=True)
        ]
        hits.append(all(r.low <= 0 <= r.high for r in limits))
    assert np.mean(hits) == pytest.approx(0.95, abs=0.02)


def test_equal_differences_give_no_repeated_interval() -> None:
    assert math.isnan(repeated_interval([1.1, 1.2, 1.3], [1.0, 1.1, 1.2], 0.01).low)
    assert repeated_interval([1.0, 1.0], [2.0, 2.0], 0.01).difference == -1.0
