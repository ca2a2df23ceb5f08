"""McNemar's test and the corrected resampled t-test."""

import math

import numpy as np
import pytest
from fusemark.benchmark.statistics.mcnemar import mcnemar
from fusemark.benchmark.statistics.resampled import resampled_t
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference


def models(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Build two models' answers from the four counts."""
    counts = [both, only_a, only_b, neither]
    a = np.repeat([True, True, False, False], counts)
    b = np.repeat([True, False, True, False], counts)
    return a, b


def test_fagerlands_worked_example() -> None:
    """Airway hyper-responsiveness before and after transplantation (Fagerland et al. 2013)."""
    result = mcnemar(*models(1, 1, 7, 12))
    assert result.p == pytest.approx(0.070, abs=5e-4)
    assert result.mid_p == pytest.approx(0.039, abs=5e-4)


@pytest.mark.parametrize("counts", [(30, 4, 12, 9), (5, 8, 8, 2), (0, 1, 0, 3), (90, 30, 61, 4)])
def test_statsmodels_agrees(counts: tuple[int, int, int, int]) -> None:
    table = np.array(counts).reshape(2, 2)
    assert mcnemar(*models(*counts)).p == pytest.approx(reference(table, exact=True).pvalue)


def test_swapping_the_models_mirrors_the_result() -> None:
    a, b = models(20, 9, 3, 4)
    assert mcnemar(a, b).p == mcnemar(b, a).p
    assert mcnemar(a, b, "greater").p == mcnemar(b, a, "less").p
    assert mcnemar(a, b, "greater").mid_p < mcnemar(a, b, "greater").p


def test_exact_size_over_all_outcomes() -> None:
    """Given the number of disagreements, and over 100 examples of which a share disagrees."""
    exact, mid = np.zeros(101), np.zeros(101)
    for n in range(1, 101):
        chances = stats.binom.pmf(np.arange(n + 1), n, 0.5)
        results = [mcnemar(*models(0, k, n - k, 0)) for k in range(n + 1)]
        exact[n] = chances @ [r.p <= 0.05 for r in results]
        mid[n] = chances @ [r.mid_p <= 0.05 for r in results]
    assert exact.max() <= 0.05
    assert exact[5] == 0
    assert exact[6] == pytest.approx(0.03125)
    for share in (0.05, 0.1, 0.2, 0.4):
        disagreements = stats.binom.pmf(np.arange(101), 100, share)
        assert disagreements @ exact < disagreements @ mid <= 0.065


def test_no_disagreement_cannot_be_tested() -> None:
    result = mcnemar(*models(5, 0, 0, 5))
    assert math.isnan(result.p)
    assert "cannot be tested" in result.sentence()


def test_only_booleans_are_counted() -> None:
    with pytest.raises(ValueError, match="expected bool"):
        mcnemar(np.array([1, 0]), np.array([1, 1]))


def test_nadeau_bengio_widens_the_variance_by_the_formula() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 10))
    d = a - b
    result = resampled_t(a, b, 0.25)
    t = d.mean() / math.sqrt(d.var(ddof=1) * (1 / 10 + 0.25))
    assert result.statistic == pytest.approx(t)
    assert result.p == pytest.approx(2 * stats.t.sf(abs(t), 9))
    plain = stats.ttest_rel(a, b)
    assert result.statistic == pytest.approx(plain.statistic * math.sqrt(0.1 / 0.35))
    # Inverting the interval gives the test back.
    edge = resampled_t(d - result.low, np.zeros(10), 0.25)
    assert edge.p == pytest.approx(0.05)


def test_nadeau_bengio_needs_spread_and_a_ratio() -> None:
    assert math.isnan(resampled_t([1, 2], [0, 1], 0.2).p)
    with pytest.raises(ValueError, match="positive ratio"):
        resampled_t([1, 2], [0, 1], 0)
