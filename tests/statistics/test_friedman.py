"""Many methods over many datasets: Friedman, Nemenyi, pairwise Wilcoxon."""

import itertools
import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.friedman import friedman
from fusemark.benchmark.statistics.nemenyi import critical_distance
from fusemark.benchmark.statistics.pairwise import pairwise_signed_rank
from scipy import stats

from .demsar import AUC, RANKED


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_demsars_figures() -> None:
    result = friedman(RANKED, rng(), tie_correction=False)
    assert result.mean_ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    assert result.chi2 == pytest.approx(9.28, abs=5e-3)
    assert result.statistic == pytest.approx(3.69, abs=5e-3)
    assert (result.df1, result.df2) == (3, 39)
    # "The critical value of F(3, 39) for alpha = .05 is 2.85, so we reject."
    assert stats.f.ppf(0.95, 3, 39) == pytest.approx(2.85, abs=5e-3)
    assert result.p < 0.05
    assert critical_distance(4, 14).distance == pytest.approx(1.25, abs=5e-3)


def test_ties_are_corrected_as_in_scipy() -> None:
    chi2, _ = stats.friedmanchisquare(*AUC.T)
    assert friedman(AUC, rng()).chi2 == pytest.approx(chi2)


def test_few_datasets_are_permuted_exactly() -> None:
    """Three datasets and methods: all 6^3 rankings against the Monte Carlo p."""
    scores = np.array([[3.0, 2, 1], [3, 1, 2], [3, 2, 1]])
    orders = list(itertools.permutations([1, 2, 3]))
    spread = np.array(
        [np.sum((np.sum(ranks, axis=0) - 6) ** 2) for ranks in itertools.product(orders, repeat=3)]
    )
    observed = np.sum((stats.rankdata(-scores, axis=1).sum(axis=0) - 6) ** 2)
    exact = np.mean(spread >= observed)
    result = friedman(scores, rng(), draws=20_000)
    assert result.kind == "permutation"
    assert result.p == pytest.approx(exact, abs=0.01)


def test_perfect_agreement_has_the_exact_p() -> None:
    scores = np.tile([3.0, 2.0, 1.0], (7, 1))
    result = friedman(scores, rng())
    assert math.isinf(result.statistic)
    assert result.p == pytest.approx(6.0**-6)


def test_three_methods_over_three_datasets_attain_a_size_of_one_in_36() -> None:
    """Of 216 tables only the 6 of full agreement reach .05: with the next 36 p is .194."""
    orders = list(itertools.permutations([3.0, 2.0, 1.0]))
    p = [
        friedman(np.array(rows), rng(), draws=199).p for rows in itertools.product(orders, repeat=3)
    ]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(1 / 36)
    assert sorted(p)[6] == pytest.approx(7 / 36, abs=0.1)


def test_ranks_take_the_best_for_one_and_do_not_mind_the_scale() -> None:
    scores = np.random.default_rng(1).normal(size=(8, 4))
    one, other = friedman(scores, rng()), friedman(np.exp(3 * scores), rng())
    assert one == other
    assert sum(one.mean_ranks) == pytest.approx(10)
    assert friedman(scores - [0, 100, 0, 0], rng()).mean_ranks[1] == 4


def test_rounding_breaks_no_tie() -> None:
    assert friedman([[0.1 + 0.2, 0.3, 0.1]] * 7, rng()).mean_ranks == (1.5, 1.5, 3)
    # A dataset measured in small units beside one in large ones keeps its own order.
    assert friedman([[1e-9, 2e-9, 3e-9], [1e9, 2e9, 3e9]], rng()).mean_ranks == (3, 2, 1)


@pytest.mark.parametrize(("scores", "arrangements"), [([1, 2, 3], 6), ([0.5, 0.5, 0.9], 3)])
def test_datasets_that_all_agree_by_enumeration(scores: list[float], arrangements: int) -> None:
    """Three datasets agree in one of A x A cases, for A arrangements of the ranks."""
    orders = sorted(set(itertools.permutations(scores)))
    agree = [a == b == c for a, b, c in itertools.product(orders, repeat=3)]
    assert len(orders) == arrangements
    assert friedman(np.tile(scores, (3, 1)), rng()).p == pytest.approx(np.mean(agree))


def test_nothing_to_rank() -> None:
    assert math.isnan(friedman(np.ones((6, 3)), rng()).p)
    assert math.isnan(friedman(np.ones((1, 3)), rng()).p)
    assert math.isnan(friedman(np.empty((0, 3)), rng()).p)


@pytest.mark.parametrize(
    ("methods", "datasets", "ranks"), [(10, 5, 6.06), (10, 8, 4.79), (10, 20, 3.03), (6, 3, 4.35)]
)
def test_nemenyi(methods: int, datasets: int, ranks: float) -> None:
    assert critical_distance(methods, datasets).distance == pytest.approx(ranks, abs=5e-3)


def test_a_diagram_needs_six_datasets() -> None:
    assert not critical_distance(6, 5).drawable
    assert critical_distance(6, 6).drawable
    assert "can separate nothing" in critical_distance(3, 2).sentence()


def test_pairwise_is_holm_of_wilcoxon() -> None:
    scores = np.random.default_rng(2).normal(size=(12, 4)) + np.array([0, 0.5, 1, 2])
    result = pairwise_signed_rank(scores)
    p = [stats.wilcoxon(scores[:, i], scores[:, j]).pvalue for i, j in result.pairs]
    assert result.p == pytest.approx(p)
    order = np.argsort(result.p)
    stepped = np.maximum.accumulate(np.array(result.p)[order] * np.arange(6, 0, -1))
    assert np.array(result.adjusted)[order] == pytest.approx(np.minimum(stepped, 1))
    table = result.is_separated()
    assert (table == table.T).all()
    assert table.sum() == 2 * sum(result.separated)


def test_three_datasets_cannot_separate_anything() -> None:
    result = pairwise_signed_rank(np.outer([1.0, 2, 3], [1, 2, 3, 4]))
    assert not any(result.separated)
    assert "cannot separate any pair" in result.sentence()
