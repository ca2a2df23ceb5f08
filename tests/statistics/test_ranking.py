"""Ranks with intervals, and tie groups."""

import itertools
import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.groups import tie_groups
from fusemark.benchmark.statistics.ranking import ranking

from .demsar import AUC, RANKED


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_far_apart_methods_have_certain_ranks() -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, size=(10, 4))
    scores = noise + np.array([1, 4, 2, 3])
    result = ranking(scores, rng())
    assert result.ranks == (4, 1, 3, 2)
    assert result.low == result.high == result.ranks
    assert result.best == (0, 1, 0, 0)


def test_equal_methods_share_ranks_and_first_places() -> None:
    scores = np.tile(np.arange(5.0)[:, None], (1, 3))
    result = ranking(scores, rng())
    assert result.ranks == (2, 2, 2)
    assert result.best == pytest.approx((1 / 3,) * 3)


def test_intervals_hold_every_plausible_order() -> None:
    scores = np.random.default_rng(2).normal(size=(6, 3))
    result = ranking(scores, rng())
    assert all(a <= r <= b for a, r, b in zip(result.low, result.ranks, result.high, strict=True))
    assert sum(result.best) == pytest.approx(1)
    assert ranking(scores, rng()) == result


def test_ranks_over_datasets_are_demsars_order() -> None:
    result = ranking(RANKED, rng(), by_rank=True)
    assert result.ranks == (4, 2, 3, 1)


def test_rounding_breaks_no_tie() -> None:
    result = ranking([[0.1 + 0.2, 0.3, 0.1]] * 7, rng(), by_rank=True)
    assert result.ranks == (1.5, 1.5, 3)
    assert result.best == (0.5, 0.5, 0)


def test_bootstrap_of_two_units_by_enumeration() -> None:
    """Of four resamples of rows (0, 1) and (3, 1), one lets the second method win."""
    result = ranking([[0.0, 1.0], [3.0, 1.0]], rng(), draws=20_000)
    assert result.best[1] == pytest.approx(0.25, abs=0.02)


def test_one_unit_says_nothing_of_certainty() -> None:
    result = ranking([[1.0, 2.0]], rng())
    assert result.ranks == (2, 1)
    assert math.isnan(result.low[0])
    assert "cannot say" in result.sentence()


def test_groups_are_the_maximal_cliques() -> None:
    draw = np.random.default_rng(3)
    for _ in range(20):
        k = 6
        upper = np.triu(draw.random((k, k)) < 0.4, 1)
        apart = upper | upper.T
        found = {frozenset(g) for g in tie_groups(draw.normal(size=k), apart).groups}
        together = [
            frozenset(c)
            for n in range(1, k + 1)
            for c in itertools.combinations(range(k), n)
            if not apart[np.ix_(c, c)].any()
        ]
        assert found == {c for c in together if not any(c < d for d in together)}


def test_groups_are_not_transitive_and_come_best_first() -> None:
    """Best and worst are apart, the middle one from neither: two groups."""
    apart = np.zeros((3, 3), dtype=bool)
    apart[0, 2] = apart[2, 0] = True
    result = tie_groups([1.0, 2.0, 3.0], apart)
    assert result.groups == ((2, 1), (1, 0))
    assert (result.low, result.high) == ((2, 1, 1), (3, 3, 2))


def test_everything_and_nothing_separated() -> None:
    k = AUC.shape[1]
    alone = tie_groups(AUC.mean(axis=0), ~np.eye(k, dtype=bool))
    assert alone.groups == ((3,), (1,), (2,), (0,))
    assert alone.low == alone.high
    one = tie_groups(AUC.mean(axis=0), np.zeros((k, k), dtype=bool))
    assert len(one.groups) == 1
    assert one.high == (k,) * k
    assert tie_groups([], np.zeros((0, 0), dtype=bool)).groups == ()
    with pytest.raises(ValueError, match="symmetric"):
        tie_groups([1.0, 2.0], np.array([[False, True], [False, False]]))
