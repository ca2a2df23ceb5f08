"""Graphical alpha and the verdicts over comparisons and looks."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.graphical import AlphaGraph, holm_graph
from fusemark.benchmark.statistics.multiplicity import holm
from fusemark.benchmark.statistics.sequential import (
    SequentialPlan,
    holm_plan,
    judge,
    predictive_power,
)
from hypothesis import given, settings
from hypothesis import strategies as st

LOOKS = (5, 10, 15, 20)


def statuses(plan: SequentialPlan, p: list[list[float]]) -> list[str]:
    return [c.status for c in judge(plan, p).comparisons]


@given(st.lists(st.floats(0.0001, 0.9999), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_one_look_and_the_holm_graph_are_holm(p: list[float]) -> None:
    plan = holm_plan((20,), len(p))
    state = judge(plan, [p])
    adjusted = holm(p).adjusted
    for c, value in zip(state.comparisons, adjusted, strict=True):
        if abs(value - 0.05) > 1e-9:
            assert (c.status == "decided") == (value <= 0.05)


def test_fixed_sequence_as_a_graph() -> None:
    """All alpha on the first; the second has it when the first falls."""
    chain = AlphaGraph((1.0, 0.0), ((0.0, 1.0), (0.0, 0.0)))
    plan = SequentialPlan((20,), chain)
    assert statuses(plan, [[0.04, 0.04]]) == ["decided", "decided"]
    assert statuses(plan, [[0.06, 0.001]]) == ["not separated", "not separated"]


def test_bretz_and_others_update() -> None:
    """Two primaries pass to each other's secondary by halves; H1 falls (Bretz et al. 2009).

    w1 = w2 = 1/2; g13 = g12 = 1/2, g24 = g21 = 1/2, g32 = g41 = 1. After H1: H2 and H3 have
    3/4 and 1/4; g23 becomes (0 + 1/2 * 1/2) / (1 - 1/4) = 1/3, g24 1/2 / (3/4) = 2/3.
    """
    graph = AlphaGraph(
        (0.5, 0.5, 0.0, 0.0),
        ((0, 0.5, 0.5, 0), (0.5, 0, 0, 0.5), (0, 1, 0, 0), (1, 0, 0, 0)),
    ).reject(0)
    assert graph.weights == pytest.approx((0, 0.75, 0.25, 0))
    assert graph.transitions[1] == pytest.approx((0, 0, 1 / 3, 2 / 3))
    assert graph.transitions[2] == pytest.approx((0, 1, 0, 0))
    # H4 passed all to H1, which passes half each to H2 and H3.
    assert graph.transitions[3] == pytest.approx((0, 0.5, 0.5, 0))


@given(st.permutations(range(5)))
def test_alpha_is_never_made_and_the_order_of_rejections_is_no_matter(order: list[int]) -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(4), size=5)
    g = np.zeros((5, 5))
    g[~np.eye(5, dtype=bool)] = rows.ravel()
    start = AlphaGraph((0.2,) * 5, tuple(tuple(r) for r in g.tolist()))
    graph = start
    for i in order[:4]:
        graph = graph.reject(i)
        assert sum(graph.weights) <= 1 + 1e-9
    assert graph.weights[order[4]] == pytest.approx(1)


def test_a_graph_that_spends_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="add up to at most 1"):
        AlphaGraph((0.6, 0.6), ((0, 1), (1, 0)))
    with pytest.raises(ValueError, match="on to itself"):
        AlphaGraph((0.5, 0.5), ((1, 0), (1, 0)))
    with pytest.raises(ValueError, match="negative"):
        AlphaGraph((0.5, math.nan), ((0, 1), (1, 0)))
    assert holm_graph(1).weights == (1.0,)


def test_a_comparison_is_decided_at_the_first_look_under_its_bound() -> None:
    plan = holm_plan(LOOKS, 1)
    bounds = plan.bounds(0.05).p
    for look in range(4):
        p = [[0.2]] * look + [[bounds[look] * 0.999]]
        c = judge(plan, p).comparisons[0]
        assert (c.status, c.look, c.seeds) == ("decided", look, LOOKS[look])
        assert c.bound == pytest.approx(bounds[look])
        assert statuses(plan, [[0.2]] * look + [[bounds[look] * 1.001]]) != ["decided"]


def test_a_decision_passes_its_alpha_on_at_the_same_look() -> None:
    plan = holm_plan(LOOKS, 2)
    half, full = plan.bounds(0.025).p[2], plan.bounds(0.05).p[2]
    between = (half + full) / 2
    early = [[0.3, 0.3], [0.2, 0.2]]
    assert statuses(plan, [*early, [between, between]]) == ["open", "open"]
    assert statuses(plan, [*early, [half * 0.9, between]]) == ["decided", "decided"]
    assert statuses(plan, [*early, [between, half * 0.9]]) == ["decided", "decided"]


def test_futility_stops_but_binds_nothing() -> None:
    plan = holm_plan(LOOKS, 1)
    futile = judge(plan, [[0.99], [0.98]])
    assert futile.comparisons[0].status == "futile"
    assert futile.finished
    assert futile.seeds_saved == 10
    stubborn = SequentialPlan(LOOKS, holm_graph(1), futility=None)
    assert stubborn.bounds(0.05) == plan.bounds(0.05)
    assert statuses(stubborn, [[0.99], [0.98], [0.5], [0.03]]) == ["decided"]


def test_a_futile_comparison_keeps_its_alpha() -> None:
    state = judge(holm_plan(LOOKS, 2), [[0.99, 0.3], [0.98, 0.2]])
    assert [c.status for c in state.comparisons] == ["futile", "open"]
    assert state.graph.weights == (0.5, 0.5)


def test_nothing_decides_on_a_missing_p() -> None:
    plan = holm_plan(LOOKS, 2)
    missing = [[math.nan, 0.5]] * 4
    assert judge(plan, missing).comparisons[0].status == "not separated"
    none = judge(plan, np.empty((0, 2)))
    assert [c.status for c in none.comparisons] == ["open", "open"]
    assert not none.finished


def test_predictive_power_by_simulation() -> None:
    """Flat prior: the drift given z at t is normal round z / sqrt(t) with variance 1 / t."""
    rng = np.random.default_rng(1)
    t, p = 0.4, 0.08
    z = 1.7506860712521692
    drift = z / math.sqrt(t) + rng.normal(size=200_000) / math.sqrt(t)
    final = z * math.sqrt(t) + drift * (1 - t) + math.sqrt(1 - t) * rng.normal(size=200_000)
    simulated = np.mean(np.abs(final) >= 1.9599639845)
    assert predictive_power(p, t, 0.05) == pytest.approx(simulated, abs=0.004)
    assert predictive_power(1.0, 0.9, 0.05) < predictive_power(0.05, 0.9, 0.05)
    assert predictive_power(0.0, 0.5, 0.05) == 1


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="rising numbers of seeds"):
        holm_plan((5, 5), 1)
    with pytest.raises(ValueError, match="4 looks by 2"):
        judge(holm_plan(LOOKS, 2), [[0.1]])
    with pytest.raises(ValueError, match="outside 0 to 1"):
        judge(holm_plan(LOOKS, 1), [[1.1]])
