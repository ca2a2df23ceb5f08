import numpy as np
import pytest
from fusemark.benchmark.evaluation import calibration_error, classification, regression
from hypothesis import given, settings
from hypothesis import strategies as st


def test_a_hand_worked_confusion():
    """Six examples, three classes: every figure worked out by hand."""
    labels = np.array([0, 0, 0, 1, 1, 2])
    said = np.array([0, 0, 1, 1, 2, 2])
    scores = classification(np.eye(3)[said] * 0.8 + 0.2 / 3, labels, chance=0)
    metrics = scores["metrics"]
    assert scores["confusion"] == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert metrics["macro_precision"] == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert metrics["macro_recall"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert metrics["uar"] == pytest.approx(metrics["macro_recall"])
    assert metrics["macro_f1"] == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)
    assert metrics["chance"] == pytest.approx(1 / 2)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(2, 60))
def test_micro_averages_equal_accuracy(seed, classes, examples):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), examples)
    metrics = classification(probabilities, rng.integers(classes, size=examples), 0)["metrics"]
    for name in ("micro_precision", "micro_recall", "micro_f1"):
        assert metrics[name] == pytest.approx(metrics["accuracy"], abs=1e-12)


def test_macro_averages_run_over_the_classes_that_the_labels_hold():
    labels = np.array([0, 0, 1, 1])
    metrics = classification(np.eye(3)[[0, 0, 1, 1]], labels, 0)["metrics"]
    assert metrics["macro_f1"] == metrics["uar"] == 1.0


def test_calibration_error_of_known_gaps():
    """Confidence .9 and right half of the time: a gap of .4; perfectly confident and right: 0."""
    half = np.tile([0.9, 0.1], (10, 1))
    assert calibration_error(half, np.repeat([0, 1], 5)) == pytest.approx(0.4)
    assert calibration_error(np.eye(2)[[0, 1]], np.array([0, 1])) == 0.0
    mixed = np.concatenate([half, np.tile([0.6, 0.4], (10, 1))])
    labels = np.array([0] * 9 + [1] + [0] * 5 + [1] * 5)
    assert calibration_error(mixed, labels) == pytest.approx(0.5 * 0.0 + 0.5 * 0.1)


def test_regression_figures_in_closed_form():
    targets = np.array([[0.0], [1.0], [2.0], [3.0]])
    scores = regression(targets * 2 + 1, targets, targets.mean(0))["metrics"]
    assert scores["pearson"] == pytest.approx(1.0)
    assert scores["mae"] == pytest.approx(np.mean([1, 2, 3, 4]))
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean([1, 4, 9, 16])))
    assert scores["chance_mae"] == pytest.approx(1.0)
