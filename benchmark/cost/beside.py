"""The cost of a plan's methods at the lengths of its datasets, in the same store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..loading import reduced
from ..plan import Planned
from ..store import Store
from .schedule import run_study, wanted
from .steps import Device
from .study import Running, Study, cells
from .sweep import EVERY, Shape

TIMED_BATCH = 1
"""Beside the batch that methods are trained with."""


@dataclass(frozen=True)
class Beside:
    """The studies of a plan: for each dataset its methods at its longest example."""

    studies: dict[str, Study]

    @classmethod
    def of(cls, planned: Planned, device: Device = "cpu") -> Beside:
        """Return one study a dataset; none where the plan asks for no cost."""
        named = planned.datasets if planned.plan.cost else ()
        return cls({name: study(planned, name, device) for name in named})

    def ids(self) -> dict[str, list[str]]:
        """By dataset, the ids of its cells."""
        return {name: [cell.id for cell in cells(each)] for name, each in self.studies.items()}

    def missing(self, store: Store, running: Running) -> int:
        """Cells that will be run; two datasets of one shape share theirs."""
        lacking = {
            cell.id
            for each in self.studies.values()
            for cell in cells(each)
            if wanted(cell, store, running)
        }
        return len(lacking)

    def run(
        self, store: Store, running: Running, advance: Callable[[dict[str, Any]], None]
    ) -> None:
        """Measure what the store lacks."""
        for each in self.studies.values():
            shapes = {tuple(shape.lengths.values()): shape for shape in each.shapes}
            for record in run_study(each, store, running, shapes):
                advance(record)


def study(planned: Planned, name: str, device: Device) -> Study:
    """Return the study of one dataset: every method of the plan, as it is trained there."""
    own = [cell for cell in planned.cells if cell.dataset == name]
    data, batch = planned.data[name], max(int(cell.training["batch"]) for cell in own)
    task = reduced(planned.datasets[name].task, data)
    lengths = {modality: m.max_length for modality, m in task.modalities.items()}
    last = task.modalities[task.names[-1]]
    shape = Shape(last.max_length, lengths, last.max_length / last.rate if last.rate else None)
    methods = list(dict.fromkeys(cell.method for cell in own))
    baseline = planned.plan.baseline
    return Study(
        configs={cell.method: cell.config for cell in own},
        task=task,
        vary=EVERY,
        shapes=(shape,),
        batches=tuple(dict.fromkeys((TIMED_BATCH, batch))),
        devices=(device,),
        dtypes=("float32",),
        quantities=planned.plan.cost,
        baseline=baseline if baseline in methods else methods[0],
    )
