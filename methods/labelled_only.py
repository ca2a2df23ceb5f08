"""Training on the labelled examples alone: what semi-supervised training is compared with."""

from __future__ import annotations

import torch
from torch import Tensor

from ..benchmark.contract import Batch, Output, TrainingStrategy
from ..benchmark.registry import strategy


@strategy("labelled-only", paper="the supervised control of semi-supervised training",
          default="ladder", mark="reconstruction")  # fmt: skip
class LabelledOnly(TrainingStrategy):
    """Trains a method as if examples without a label did not exist.

    (C) All of it: with ``data.labelled`` below 1, ``ladder`` learns from unlabelled examples and
    ``ladder+labelled-only`` does not, in the same batches, with as many steps and the same labels.
    In a training batch the rows of unlabelled examples are taken by the labelled ones in turn, so
    that those weigh alike (to one row) and noise and dropout differ between their copies. A batch
    without any labelled example adds no loss. Where every example has its label nothing changes
    but the order of rows, and methods that use labelled examples alone lose nothing.
    """

    def corrupt(self, batch: Batch, generator: torch.Generator) -> Batch:
        rows = cycled(batch.labelled)
        return self.inner.corrupt(batch.map(lambda tensor: tensor[rows]), generator)

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        some = batch.labelled.any()
        return {
            name: torch.where(some, loss, torch.zeros_like(loss))
            for name, loss in self.inner.losses(output, batch).items()
        }


def cycled(labelled: Tensor) -> Tensor:
    """Return for each row of a batch a labelled row, each in turn; its own where none is labelled.

    >>> cycled(torch.tensor([False, True, False, False, True])).tolist()
    [1, 4, 1, 4, 1]
    """
    rows = torch.arange(len(labelled), device=labelled.device)
    known = labelled.sum()
    order = labelled.logical_not().to(torch.int8).argsort(stable=True)
    return torch.where(known > 0, order[rows % known.clamp(min=1)], rows)
