"""Latency under a clock of the test's own, and its intervals under noise of known size."""

from __future__ import annotations

import numpy as np
import pytest
from fusemark.benchmark.cost import latency
from fusemark.benchmark.cost.latency import measure, precise, settled, summary
from scipy.stats import binom


class Clock:
    """A clock that only work moves."""

    def __init__(self):
        self.now = 0.0
        self.speed = 1.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def work(self, name, seconds):
        def call():
            self.calls.append(name)
            self.now += seconds * self.speed

        return call


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(latency.time, "perf_counter", made)
    return made


def test_times_and_ratios_are_exact_under_a_steady_clock(clock):
    found = measure(
        {"a": clock.work("a", 0.25), "b": clock.work("b", 0.5)}, "a", budget=1e9, warm_up=3
    )
    assert found["b"].median == found["b"].p95 == 0.5
    assert (found["b"].ratio, found["b"].low, found["b"].high) == (2.0, 2.0, 2.0)
    assert found["a"].ratio == 1.0
    assert found["a"].repeats == latency.LEAST
    assert clock.calls.count("a") == latency.LEAST + 3


def test_every_round_has_its_own_order(clock):
    measure({n: clock.work(n, 0.1) for n in "abc"}, "a", budget=1e9)
    rounds = ["".join(clock.calls[i : i + 3]) for i in range(0, len(clock.calls), 3)]
    assert all(sorted(order) == ["a", "b", "c"] for order in rounds)
    assert len(set(rounds)) > 2


def test_a_machine_that_slows_down_changes_no_ratio(clock):
    def slower(call):
        def both():
            call()
            clock.speed *= 1.01

        return both

    found = measure(
        {"a": slower(clock.work("a", 0.1)), "b": slower(clock.work("b", 0.3))}, "a",
        budget=1e9, most=100,
    )  # fmt: skip
    assert found["b"].ratio == pytest.approx(3.0, rel=0.02)
    assert found["b"].p95 / found["b"].median > 1.05


def test_the_budget_ends_what_does_not_settle(clock):
    rng = np.random.default_rng(0)

    def restless():
        clock.now += float(rng.exponential(1.0))

    found = measure({"a": restless}, "a", budget=50.0)
    assert not found["a"].settled
    assert 30 <= found["a"].repeats <= 80
    single = measure({"a": clock.work("a", 100.0)}, "a", budget=1.0)
    assert single["a"].repeats == 3


def test_settled_is_a_spread_under_a_tenth():
    assert settled([1.0, 1.0, 1.04, 1.04])
    assert not settled([1.0, 1.0, 1.4, 1.4])


def test_timing_goes_on_until_the_ratios_are_known(clock):
    """Noise of a fifth on one method: more rounds than where there is none, under 1,000."""
    rng = np.random.default_rng(0)

    def noisy():
        clock.now += 0.5 * float(rng.lognormal(sigma=0.2))

    found = measure({"a": clock.work("a", 0.25), "b": noisy}, "a", budget=1e9)
    assert latency.LEAST < found["b"].repeats < 1000
    assert (found["b"].high - found["b"].low) / 2 < 1.5 * latency.PRECISION * found["b"].ratio


def test_precise_is_the_binomial_interval_of_the_median():
    """Its ranks are those that scipy's sign test inverts to, within a place at each end."""
    for n in (20, 50, 200):
        ratios = np.linspace(0.9, 1.1, n)
        ranks = binom.ppf([0.025, 0.975], n, 0.5)
        width = ratios[int(ranks[1])] - ratios[int(ranks[0])]
        assert precise(1 + (ratios - 1) * 0.1 / (width * 1.3))
        assert not precise(1 + (ratios - 1) * 0.1 / (width * 0.75))


def test_the_interval_holds_the_ratio_as_often_as_it_says():
    rng, held, trials = np.random.default_rng(3), 0, 200
    for seed in range(trials):
        drift = np.exp(rng.normal(0, 0.5, 41))
        base, times = (drift * rng.lognormal(m, 0.05, 41) for m in (0.0, np.log(3.0)))
        found = summary(times, base, seed, draws=500)
        held += found.low <= 3.0 <= found.high
    # Binomial(200, .95): at most 180 with probability .004.
    assert held > 180
