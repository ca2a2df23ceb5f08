"""The metrics of sentiment analysis against hand-worked figures and scikit-learn."""

import math

import numpy as np
import pytest
from fusemark.benchmark.sentiment import greatest, scores
from sklearn import metrics

WIDE, UNIT = ["sentiment"], ["sentiment in [-1, 1]"]


def column(*values):
    return np.array(values, np.float32)[:, None]


def test_figures_worked_by_hand():
    """Signs: one negative of three is called positive. Rounded: halves to even, 4 cut at 3."""
    labels = column(-3, -1.6, -0.4, 0, 0.6, 1, 2.4, 3)
    values = column(-2, 0.2, -0.1, 0.4, 0.5, 1.5, 2.5, 4)
    assert scores(values, labels, WIDE) == pytest.approx(
        {
            "acc2_nonnegative": 7 / 8,
            "f1_nonnegative": 5 / 8 * 10 / 11 + 3 / 8 * 4 / 5,
            "acc2_nonzero": 6 / 7,
            "f1_nonzero": 4 / 7 * 8 / 9 + 3 / 7 * 4 / 5,
            "acc7": 4 / 8,  # -2 0 0 0 0 2 2 3 against -3 -2 0 0 1 1 2 3
            "acc5": 5 / 8,
        }
    )


def test_figures_of_the_unit_range_worked_by_hand():
    """The ends -.7, -.1, .1 and .7 belong to the class below them."""
    labels = column(-1, -0.8, -0.1, 0, 0.1, 0.2, 0.7, 1)
    values = column(-0.71, -0.7, 0, 0.1, 0.11, 0.7, 0.71, 2)
    assert scores(values, labels, UNIT) == pytest.approx(
        {
            "acc2_positive": 7 / 8,
            "f1_positive": 1 / 2 * 8 / 9 + 1 / 2 * 6 / 7,
            "acc3": 6 / 8,  # 0 0 1 1 2 2 2 2 against 0 0 0 1 1 2 2 2
            "acc5": 5 / 8,  # 0 0 2 2 3 3 4 4 against 0 0 1 2 2 3 3 4
        }
    )


@pytest.mark.parametrize("seed", range(20))
def test_figures_agree_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.integers(-15, 16, (60, 1)) / 5).astype(np.float32)
    values = (labels + rng.normal(0, 1.5, labels.shape)).astype(np.float32)
    found = scores(values, labels, WIDE)
    some = labels[:, 0] != 0
    for name, said, true in (
        ("nonnegative", values >= 0, labels >= 0),
        ("nonzero", values[some] > 0, labels[some] > 0),
    ):
        assert found[f"acc2_{name}"] == pytest.approx(metrics.accuracy_score(true, said))
        expected = metrics.f1_score(true, said, average="weighted")
        assert found[f"f1_{name}"] == pytest.approx(expected)
    for most in (7, 5):
        cut = most // 2
        parts = [np.round(np.clip(x[:, 0], -cut, cut)).astype(int) for x in (labels, values)]
        assert found[f"acc{most}"] == pytest.approx(metrics.accuracy_score(*parts))


@pytest.mark.parametrize("seed", range(20))
def test_figures_of_the_unit_range_agree_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.integers(-5, 6, (60, 1)) / 5).astype(np.float32)
    values = (labels + rng.normal(0, 0.5, labels.shape)).astype(np.float32)
    found = scores(values, labels, UNIT)
    parts = (labels[:, 0] > 0, values[:, 0] > 0)
    assert found["acc2_positive"] == pytest.approx(metrics.accuracy_score(*parts))
    expected = metrics.f1_score(*parts, average="weighted")
    assert found["f1_positive"] == pytest.approx(expected)
    for name, ends in (("acc3", [-0.1, 0.1]), ("acc5", [-0.7, -0.1, 0.1, 0.7])):
        edges = np.array([-np.inf, *ends, np.inf], np.float32)
        binned = [
            [next(k for k in range(len(ends) + 1) if edges[k] < v <= edges[k + 1]) for v in x[:, 0]]
            for x in (labels, values)
        ]
        assert found[name] == pytest.approx(metrics.accuracy_score(*binned))


def test_a_perfect_prediction_is_1_everywhere():
    labels = column(-3, -1, 0, 2)
    assert set(scores(labels, labels, WIDE).values()) == {1.0}
    assert set(scores(labels / 3, labels / 3, UNIT).values()) == {1.0}


def test_labels_of_0_alone_have_no_nonzero_figure():
    found = scores(column(1, -1), column(0, 0), WIDE)
    assert math.isnan(found["acc2_nonzero"])
    assert math.isnan(found["f1_nonzero"])
    assert found["acc2_nonnegative"] == 0.5


def test_other_tasks_have_no_sentiment():
    assert scores(column(1), column(1), ["label"]) == {}
    assert greatest(["sentiment", "sentiment"]) is None
    assert greatest(["negative", "positive"]) is None
    assert (greatest(WIDE), greatest(UNIT)) == (3.0, 1.0)
