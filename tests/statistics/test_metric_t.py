"""The test of a metric's difference whose inversion is its own interval."""

import numpy as np
import pytest
from fusemark.benchmark.statistics.estimators import cell_differences
from fusemark.benchmark.statistics.hierarchical import hierarchical_interval
from fusemark.benchmark.statistics.metric_t import metric_t
from fusemark.benchmark.statistics.tabulate import confusion_cells, macro_f1
from fusemark.benchmark.statistics.two_way import two_way_t
from scipy import stats


def draw(rng, seeds=5, speakers=6, clips=18, gap=0.0, effects=(0.3, 0.2)):
    """Two methods' confusions: speakers and seeds move each method's skill by its own draw."""
    labels = np.tile(np.arange(3), clips // 3)
    cells = []
    for own in (0.0, gap):
        speaker, seed = (scale * rng.normal(size=n) for scale, n in
                         zip(effects, (speakers, seeds), strict=True))  # fmt: skip
        skill = 1.2 + own + seed[:, None] + speaker
        logits = rng.gumbel(size=(seeds, speakers, clips, 3))
        logits[:, :, np.arange(clips), labels] += skill[..., None]
        said = logits.argmax(-1)
        at = np.indices(said.shape).reshape(3, -1)
        cells.append(
            confusion_cells(np.broadcast_to(labels, said.shape).ravel(), said.ravel(), at[0],
                            at[1], 3).values
        )  # fmt: skip
    return cells


@pytest.mark.parametrize("design", ["crossed", "redrawn"])
def test_p_is_below_alpha_exactly_where_the_interval_leaves_zero_out(design):
    rng, told = np.random.default_rng(0), 0
    for i in range(60):
        a, b = draw(rng, gap=0.02 * i)
        for alpha in (0.01, 0.05, 0.2):
            x = metric_t(a, b, macro_f1, design, confidence=1 - alpha)
            assert (x.p < alpha) == (x.low > 0 or x.high < 0)
            told += x.p < alpha
    assert 30 < told < 150


@pytest.mark.parametrize("design", ["crossed", "redrawn"])
def test_the_interval_is_the_jackknife_t_whose_coverage_is_simulated(design):
    a, b = draw(np.random.default_rng(1), gap=0.4)
    mine = metric_t(a, b, macro_f1, design)
    other = hierarchical_interval(a, b, macro_f1, np.random.default_rng(), design, kind="t")
    assert (mine.difference, mine.low, mine.high) == pytest.approx(
        (other.difference, other.low, other.high)
    )
    error = (mine.high - mine.difference) / stats.t.ppf(0.975, mine.df)
    assert mine.p == pytest.approx(2 * stats.t.sf(abs(mine.difference) / error, mine.df))


def test_re_drawn_it_is_the_test_of_the_cells():
    a, b = draw(np.random.default_rng(2))
    assert metric_t(a, b, macro_f1, "redrawn") == two_way_t(cell_differences(a, b, macro_f1))


def test_swapping_turns_the_sign_alone():
    a, b = draw(np.random.default_rng(3))
    one, other = metric_t(a, b, macro_f1), metric_t(b, a, macro_f1)
    assert (one.p, one.difference) == pytest.approx((other.p, -other.difference))
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


@pytest.mark.parametrize(("seeds", "speakers"), [(2, 6), (6, 2), (1, 6), (6, 1)])
def test_too_few_of_either_test_nothing(seeds, speakers):
    x = metric_t(*draw(np.random.default_rng(4), seeds, speakers), macro_f1)
    assert np.isnan([x.p, x.low, x.high]).all()
    assert np.isfinite(x.difference)


def test_shapes_that_do_not_match_are_a_mistake():
    a, b = draw(np.random.default_rng(5))
    with pytest.raises(ValueError, match="expected \\(seeds, speakers"):
        metric_t(a, b[:, :3], macro_f1)


@pytest.mark.parametrize(
    ("runs", "noise"), [(150, 0.053), pytest.param(2000, 0.015, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("effects", [(0.5, 0.0), (0.0, 0.3), (0.4, 0.2)])
def test_it_holds_its_level_on_a_metric_that_is_no_mean(runs, noise, effects):
    """Macro F1 over all speakers' clips, speakers alone, seeds alone, and both as chance."""
    rng = np.random.default_rng(6)
    p = [metric_t(*draw(rng, 5, 8, effects=effects), macro_f1).p for _ in range(runs)]
    assert np.mean(np.array(p) < 0.05) <= 0.05 + noise
