"""The metrics of sentiment analysis: classes read off a predicted number.

A task is a sentiment where its only output has one of the names in :data:`RANGES`. The definitions
are those in use since Zadeh et al. (AAAI 2018) and Tsai et al. (ACL 2019), and for [-1, 1] those of
Yu et al. (CH-SIMS, ACL 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

RANGES: Mapping[str, float] = {"sentiment": 3.0, "sentiment in [-1, 1]": 1.0}
"""The greatest value of a sentiment, by the name of the output."""
THREE = (-0.1, 0.1)
FIVE = (-0.7, -0.1, 0.1, 0.7)
"""Upper ends of the classes of a sentiment in [-1, 1] but for the last, each in its class."""


def greatest(outputs: Sequence[str]) -> float | None:
    """Return the greatest value of the sentiment that a task asks for, None if it asks for none."""
    return RANGES.get(outputs[0]) if len(outputs) == 1 else None


def scores(values: np.ndarray, labels: np.ndarray, outputs: Sequence[str]) -> dict[str, float]:
    """Score predicted sentiments (N, 1) against labels (N, 1); no figure of other tasks.

    In [-3, 3]: ``acc2_nonnegative`` and ``f1_nonnegative`` part negative from the rest,
    ``acc2_nonzero`` and ``f1_nonzero`` negative from positive where the label is not 0 (nan if it
    always is; a prediction of 0 is not positive), ``acc7`` and ``acc5`` compare numbers cut at 3 or
    2 and rounded, halves to even. In [-1, 1]: ``acc2_positive`` and ``f1_positive`` part positive
    from the rest, ``acc3`` and ``acc5`` compare the classes that :data:`THREE` and :data:`FIVE`
    end. F1 is the mean of both classes', weighted by their labels.
    """
    most = greatest(outputs)
    if most is None:
        return {}
    # Single precision, as the labels are: 0.1 must not lie above its own class.
    said, true = values[:, 0].astype(np.float32), labels[:, 0].astype(np.float32)
    if most == 1.0:
        return {
            **binary(said > 0, true > 0, "positive"),
            "acc3": share(binned(said, THREE), binned(true, THREE)),
            "acc5": share(binned(said, FIVE), binned(true, FIVE)),
        }
    some = true != 0
    return {
        **binary(said >= 0, true >= 0, "nonnegative"),
        **binary(said[some] > 0, true[some] > 0, "nonzero"),
        "acc7": share(rounded(said, 3), rounded(true, 3)),
        "acc5": share(rounded(said, 2), rounded(true, 2)),
    }


def rounded(values: np.ndarray, most: int) -> np.ndarray:
    return np.round(values.clip(-most, most))


def binned(values: np.ndarray, ends: Sequence[float]) -> np.ndarray:
    """Return the class of each value: how many ends lie below it."""
    return np.searchsorted(np.array(ends, np.float32), values, side="left")


def share(said: np.ndarray, true: np.ndarray) -> float:
    """Share of equal classes; nan of none."""
    return float((said == true).mean()) if len(true) else float("nan")


def binary(said: np.ndarray, true: np.ndarray, name: str) -> dict[str, float]:
    """Accuracy and weighted F1 of two classes."""
    f1 = 0.0 if len(true) else float("nan")
    for side in (True, False):
        hits = int(((said == side) & (true == side)).sum())
        support, claimed = int((true == side).sum()), int((said == side).sum())
        if support:  # F1 = 2 TP / (2 TP + FP + FN)
            f1 += support / len(true) * 2 * hits / (support + claimed)
    return {f"acc2_{name}": share(said, true), f"f1_{name}": f1}
