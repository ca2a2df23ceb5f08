from dataclasses import replace

import numpy as np
import pytest
from fusemark.benchmark.cost.rows import Row, growths
from fusemark.benchmark.cost.scaling import (
    bootstrap_medians,
    growth,
    local_slopes,
    measured_growth,
    upper_half,
)
from fusemark.benchmark.cost.tables import legend

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


def test_a_measured_slope_lies_in_its_interval_as_often_as_it_says():
    rng, held = np.random.default_rng(1), 0
    for trial in range(100):
        samples = [1e-3 * t**1.5 * rng.lognormal(0, 0.1, 20) for t in LENGTHS]
        found = measured_growth(LENGTHS, samples, draws=300, seed=trial)
        held += found.low <= 1.5 <= found.high
    # Binomial(100, .95): at most 88 with probability .004.
    assert held >= 88


@pytest.mark.parametrize(("n", "expected"), [
    # The median of three draws from three values: at most the first with 3 (1/3)^2 - 2 (1/3)^3.
    (3, {0.0: 7 / 27, 1.0: 13 / 27, 2.0: 7 / 27}),
    # The mean of the middle two of two draws from two values.
    (2, {0.0: 1 / 4, 0.5: 1 / 2, 1.0: 1 / 4}),
])  # fmt: skip
def test_medians_of_resamplings_have_their_exact_distribution(n, expected):
    drawn = bootstrap_medians(np.arange(n)[::-1], 100_000, np.random.default_rng(0))
    values, counts = np.unique(drawn, return_counts=True)
    assert dict(zip(values, counts / 1e5, strict=True)) == pytest.approx(expected, abs=0.006)


def test_medians_of_resamplings_are_those_of_resampling():
    """At an even number of values, where the middle two hang together."""
    values = np.random.default_rng(2).lognormal(0, 1, 6)
    drawn = bootstrap_medians(values, 50_000, np.random.default_rng(0))
    chosen = np.median(np.random.default_rng(1).choice(values, (50_000, 6)), axis=1)
    points = np.unique(chosen)
    assert set(drawn) <= set(points)
    apart = [(drawn <= x).mean() - (chosen <= x).mean() for x in points]
    # Kolmogorov and Smirnov: two such samples are .01 apart with a probability of 1 in 70.
    assert np.abs(apart).max() < 0.012


@pytest.mark.parametrize("lengths", [[64], [64, 64], [64, 64, 64]])
def test_one_length_has_no_slope(lengths):
    values = [1.0, 2.0, 3.0][: len(lengths)]
    with pytest.raises(ValueError, match="no slope: expected two different lengths or more"):
        growth(lengths, values)
    with pytest.raises(ValueError, match="no local slope: expected three lengths or more"):
        local_slopes(lengths, values)
    samples = [np.asarray([v, v]) for v in values]
    with pytest.raises(ValueError, match="no slope"):
        measured_growth(lengths, samples)


def test_a_series_with_a_length_twice_has_no_growth():
    def row(length, value):
        return Row("m", "flops", "inference", "", "", None, 1, length, None, "FLOP", value)

    assert growths([row(n, n**2.0) for n in (64, 128, 256)], {}, {})[0].slope == pytest.approx(2)
    assert growths([row(n, n**2.0) for n in (64, 64, 128)], {}, {}) == []
    assert growths([row(64, 1.0)], {}, {}) == []


def test_the_legend_says_which_limits_were_broken():
    row = Row("m", "memory", "training", "cpu", "float32", 1, 1, 64, None, "B", None)
    assert legend([row]) == []
    told = legend([replace(row, status="timeout"), replace(row, status="memory", mark="over")])
    assert [line.split()[0] for line in told] == ["^", "timeout:", "memory:"]
    assert "--call-limit" in told[1]
