"""The measures that a report shows: their names, scales, digits, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from ..benchmark.sentiment import greatest


@dataclass(frozen=True)
class Metric:
    """One measure of a cell.

    Parameters
    ----------
    key
        Its name in a record's ``metrics``.
    label
        Its name in a table's head.
    scale, digits
        A value is shown times ``scale`` with so many decimals.
    higher
        Whether more is better.
    least, greatest
        What the measure can be.
    """

    key: str
    label: str
    scale: float = 100.0
    digits: int = 1
    higher: bool = True
    least: float = 0.0
    greatest: float = 1.0

    def ends(self, low: float, high: float) -> tuple[float, float]:
        """Cut an interval at what the measure can be, which a t interval of few seeds passes."""
        return max(low, self.least), min(high, self.greatest)

    @property
    def unit(self) -> str:
        """Unit of a difference: points where the scale is per cent, else the measure itself."""
        return "points" if self.scale == 100.0 else self.label

    @property
    def direction(self) -> str:
        return "higher is better" if self.higher else "lower is better"


CLASSIFICATION = (
    Metric("macro_f1", "macro F1"),
    Metric("accuracy", "accuracy"),
    Metric("uar", "UAR"),
    Metric("macro_precision", "macro precision"),
    Metric("macro_recall", "macro recall"),
    Metric("ece", "ECE", higher=False),
    Metric("log_loss", "log loss", scale=1.0, digits=3, higher=False, greatest=inf),
)
REGRESSION = (
    Metric("mae", "MAE", scale=1.0, digits=3, higher=False, greatest=inf),
    Metric("rmse", "RMSE", scale=1.0, digits=3, higher=False, greatest=inf),
    Metric("pearson", "Pearson r", scale=1.0, digits=3, least=-1.0),
    Metric("r2", "R²", scale=1.0, digits=3, least=-inf),
)
MICRO = (
    Metric("micro_f1", "micro F1"),
    Metric("micro_precision", "micro precision"),
    Metric("micro_recall", "micro recall"),
)
SENTIMENT: Mapping[float, tuple[Metric, ...]] = {
    3.0: (
        Metric("acc2_nonnegative", "Acc-2 neg./non-neg."),
        Metric("f1_nonnegative", "F1 neg./non-neg."),
        Metric("acc2_nonzero", "Acc-2 neg./pos."),
        Metric("f1_nonzero", "F1 neg./pos."),
        Metric("acc7", "Acc-7"),
        Metric("acc5", "Acc-5"),
    ),
    1.0: (
        Metric("acc2_positive", "Acc-2 non-pos./pos."),
        Metric("f1_positive", "F1 non-pos./pos."),
        Metric("acc3", "Acc-3"),
        Metric("acc5", "Acc-5"),
    ),
}
"""What a sentiment is also scored by, by its greatest value; F1 is weighted by support."""
COLUMNS: Mapping[str, tuple[Metric, ...]] = {
    "classification": CLASSIFICATION,
    "regression": REGRESSION,
}
# What has a level that needs no method: accuracy of one constant answer, error of the mean.
LEVELLED: Mapping[str, Metric] = {
    "classification": CLASSIFICATION[1],
    "regression": REGRESSION[0],
}


def columns(kind: str, asked: str | None, outputs: Sequence[str] = ()) -> tuple[Metric, ...]:
    """Return a table's measures, the primary one first.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    asked
        Key of the plan's metric. One that this kind of task does not have gives way to macro F1
        or MAE: a plan may hold datasets of both kinds.
    outputs
        Names of the task's outputs: a sentiment has measures of its own in place of RMSE and R².
    """
    shown, more = COLUMNS[kind], MICRO if kind == "classification" else ()
    most = greatest(outputs) if kind == "regression" else None
    if most is not None:
        shown, more = (REGRESSION[0], REGRESSION[2], *SENTIMENT[most]), REGRESSION
    known = {metric.key: metric for metric in (*shown, *more)}
    primary = known.get(asked or "", shown[0])
    return (primary, *(metric for metric in shown if metric != primary))
