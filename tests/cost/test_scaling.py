import numpy as np
import pytest
from fusemark.benchmark.cost.scaling import (
    break_even,
    growth,
    interpolated,
    local_slopes,
    measured_growth,
    upper_half,
)

LENGTHS = [64, 128, 256, 512, 1024, 2048, 4096]


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5, 2.0])
def test_a_power_law_has_its_exponent(power):
    values = [3.0 * length**power for length in LENGTHS]
    assert growth(LENGTHS, values).value == pytest.approx(power, abs=1e-12)


def test_the_upper_half_of_seven_lengths_is_four():
    assert LENGTHS[upper_half(LENGTHS)] == [512, 1024, 2048, 4096]
    assert LENGTHS[upper_half(LENGTHS[:2])][:2] == [64, 128]


def test_a_local_slope_is_exact_for_polynomials_of_second_degree():
    def cost(t):
        return 5 * t * t + 7000 * t + 11

    found = local_slopes(LENGTHS, [cost(t) for t in LENGTHS])
    exact = [t * (10 * t + 7000) / cost(t) for t in LENGTHS]
    assert found == pytest.approx(exact, rel=1e-12)


def test_break_even_is_where_a_line_crosses_a_parabola():
    def line(t):
        return 1000 * t + 50_000

    def parabola(t):
        return t * t

    # t^2 = 1000 t + 50,000 at t = 1047.7
    assert break_even(LENGTHS, line, parabola).length == 1048
    assert break_even(LENGTHS, parabola, line).length is None
    assert break_even(LENGTHS, lambda t: t - 1, lambda t: t).always


def test_a_measured_slope_lies_in_its_interval_as_often_as_it_says():
    rng, held = np.random.default_rng(1), 0
    for trial in range(100):
        samples = [1e-3 * t**1.5 * rng.lognormal(0, 0.1, 20) for t in LENGTHS]
        found = measured_growth(LENGTHS, samples, draws=300, seed=trial)
        held += found.low <= 1.5 <= found.high
    # Binomial(100, .95): at most 88 with probability .004.
    assert held >= 88


def test_between_lengths_a_power_law_is_a_line():
    cost = interpolated(LENGTHS, [t**1.7 for t in LENGTHS])
    assert cost(300) == pytest.approx(300**1.7)
