"""The measures that a report shows: their names, scales, digits, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf


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
COLUMNS: Mapping[str, tuple[Metric, ...]] = {
    "classification": CLASSIFICATION,
    "regression": REGRESSION,
}
# What has a level that needs no method: accuracy of one constant answer, error of the mean.
LEVELLED: Mapping[str, Metric] = {
    "classification": CLASSIFICATION[1],
    "regression": REGRESSION[0],
}


def columns(kind: str, asked: str | None) -> tuple[Metric, ...]:
    """Return a table's measures, the primary one first.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    asked
        Key of the plan's metric. One that this kind of task does not have gives way to macro F1
        or MAE: a plan may hold datasets of both kinds.
    """
    known = {metric.key: metric for metric in COLUMNS[kind]}
    if kind == "classification":
        known |= {metric.key: metric for metric in MICRO}
    primary = known.get(asked or "", COLUMNS[kind][0])
    return (primary, *(metric for metric in COLUMNS[kind] if metric != primary))
