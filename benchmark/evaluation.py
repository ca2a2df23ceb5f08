"""Quality of one trained model on a part: metrics from scikit-learn, and calibration.

scikit-learn is imported where it is used: planning and resuming need none of its second of loading.
"""

from __future__ import annotations

from typing import Any

import numpy as np

BINS = 15  # of the expected calibration error, of equal width (Guo et al., ICML 2017)


def classification(probabilities: np.ndarray, labels: np.ndarray, chance: int) -> dict[str, Any]:
    """Score class probabilities (N, C) against labels (N,).

    Macro averages run over the classes that the labels hold. ``chance`` is the class that the
    training part holds most of; the chance level is the accuracy of always saying it.
    """
    from sklearn import metrics

    classes = np.arange(probabilities.shape[1])
    said = probabilities.argmax(1)
    held = np.unique(labels)
    undefined: Any = 0  # a class that is never said has precision 0
    scores: Any = metrics.precision_recall_fscore_support(
        labels, said, labels=classes, zero_division=undefined
    )
    precision, recall, f1, support = scores
    micro: Any = metrics.precision_recall_fscore_support(
        labels, said, labels=classes, average="micro", zero_division=undefined
    )
    return {
        "metrics": {
            "accuracy": float(metrics.accuracy_score(labels, said)),
            "macro_precision": float(precision[held].mean()),
            "macro_recall": float(recall[held].mean()),
            "macro_f1": float(f1[held].mean()),
            "micro_precision": float(micro[0]),
            "micro_recall": float(micro[1]),
            "micro_f1": float(micro[2]),
            "uar": float(metrics.recall_score(labels, said, labels=held, average="macro")),
            "ece": calibration_error(probabilities, labels),
            "log_loss": float(metrics.log_loss(labels, probabilities, labels=classes)),
            "chance": float((labels == chance).mean()),
        },
        "per_class": {
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "f1": f1.tolist(),
            "support": support.tolist(),
        },
        "confusion": metrics.confusion_matrix(labels, said, labels=classes).tolist(),
    }


def regression(values: np.ndarray, targets: np.ndarray, mean: np.ndarray) -> dict[str, Any]:
    """Score predicted values (N, K) against targets (N, K); chance is the training part's mean."""
    from sklearn import metrics

    varied = [k for k in range(targets.shape[1]) if values[:, k].std() and targets[:, k].std()]
    pearson = [np.corrcoef(values[:, k], targets[:, k])[0, 1] for k in varied]
    return {
        "metrics": {
            "mae": float(metrics.mean_absolute_error(targets, values)),
            "rmse": float(metrics.root_mean_squared_error(targets, values)),
            "r2": float(metrics.r2_score(targets, values)),
            "pearson": float(np.mean(pearson)) if pearson else float("nan"),
            "chance_mae": float(np.abs(targets - mean).mean()),
        }
    }


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error: mean gap of confidence and accuracy over equal-width bins."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    weight = np.bincount(bins, minlength=BINS)
    gap = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gap[weight > 0]).sum() / len(labels))
