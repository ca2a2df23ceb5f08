"""From which length on one cost stays below another: lines, parabolas and power laws."""

import math

import numpy as np
import pytest
from fusemark.benchmark.cost.crossing import (
    break_even,
    interpolated,
    measured_break_even,
    ratio_break_even,
)

LENGTHS = [64, 128, 256, 512, 1024, 2048, 4096]


def test_break_even_is_where_a_line_crosses_a_parabola():
    def line(t):
        return 1000 * t + 50_000

    def parabola(t):
        return t * t

    # t^2 = 1000 t + 50,000 at t = 1047.7
    assert break_even(LENGTHS, line, parabola).length == 1048
    assert break_even(LENGTHS, parabola, line).length is None
    assert break_even(LENGTHS, lambda t: t - 1, lambda t: t).always


def test_between_lengths_a_power_law_is_a_line():
    cost = interpolated(LENGTHS, [t**1.7 for t in LENGTHS])
    assert cost(300) == pytest.approx(300**1.7)


def test_a_ratio_of_power_laws_crosses_one_where_they_do():
    found = ratio_break_even(LENGTHS, [(299.5 / t) ** 0.7 for t in LENGTHS])
    assert (found.length, found.always) == (300, False)
    assert ratio_break_even(LENGTHS, [0.9] * 7).always
    assert ratio_break_even(LENGTHS, [1.0] * 7).length is None
    # Below one in between, but not from there on: what counts is the last crossing.
    assert ratio_break_even([1, 10, 100, 1000], [0.5, 2.0, 2.0, 0.5]).length == math.ceil(10**2.5)


def test_the_interval_of_a_measured_crossing_holds_it_as_often_as_it_says():
    rng, held = np.random.default_rng(1), 0
    for trial in range(200):
        ratios = [(300 / t) ** 0.3 * rng.lognormal(0, 0.2, 15) for t in LENGTHS]
        found = measured_break_even(LENGTHS, ratios, draws=500, seed=trial)
        assert found.low <= found.high
        held += found.low <= 300 <= found.high
    # Binomial(200, .95): at most 179 with probability .001.
    assert held > 179


def test_an_interval_reaches_to_every_length_and_to_none():
    rng = np.random.default_rng(0)
    unclear = [rng.lognormal(0, 0.3, 9) for _ in LENGTHS]
    found = measured_break_even(LENGTHS, unclear)
    assert math.isinf(found.high)
    clear = measured_break_even(LENGTHS, [0.5 * rng.lognormal(0, 0.01, 9) for _ in LENGTHS])
    assert (clear.always, clear.low, clear.high) == (True, 64, 64)
