"""What a plan asks to be tested, held to what it trains before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from .contract import UserError
from .contract.errors import near
from .looks_store import METRICS
from .sentiment import greatest

if TYPE_CHECKING:
    from .contract import FusionDataset, Task

DEFAULT = "macro_f1"
"""Gives way to the first metric of a task that does not have it."""
SENTIMENT: Mapping[float, tuple[str, ...]] = {
    3.0: (
        "acc2_nonnegative", "f1_nonnegative", "acc2_nonzero", "f1_nonzero", "acc7", "acc5",
    ),
    1.0: ("acc2_positive", "f1_positive", "acc3", "acc5"),
}  # fmt: skip
"""What a sentiment is also scored by, by its greatest value (:mod:`.sentiment`)."""


def check_asked(
    baseline: str | None, metric: str, methods: Iterable[str], datasets: Mapping[str, FusionDataset]
) -> None:
    """Refuse a baseline that the plan does not train, and a metric that none of its datasets has.

    Raises
    ------
    UserError
        Found out after the trainings, either would leave a report without a test.
    """
    trained = list(dict.fromkeys(methods))
    if baseline is not None and baseline not in trained:
        raise UserError(
            f"the baseline {baseline!r} is not among the methods of the plan"
            f"{near(baseline, trained) or ';'} add it to --methods, or name one of "
            f"{', '.join(trained)}"
        )
    known = list(dict.fromkeys(chain.from_iterable(metrics(d.task) for d in datasets.values())))
    if metric != DEFAULT and metric not in known:
        raise UserError(
            f"--metric {metric!r} is measured on none of the plan's datasets"
            f"{near(metric, known) or ';'} expected one of {', '.join(known)}"
        )


def metrics(task: Task) -> tuple[str, ...]:
    """Name what a task is scored by."""
    most = greatest(task.outputs) if task.kind == "regression" else None
    return METRICS[task.kind] + (SENTIMENT[most] if most is not None else ())
