"""Memory of training examples: a uniform sample for each pattern of present modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from ...benchmark.contract import Batch

Pattern = tuple[bool, ...]


class Reservoir:
    """Examples on the CPU, for each pattern a uniform sample of those that were added.

    Vitter, ACM Transactions on Mathematical Software 1985, algorithm R: the n-th example of a
    pattern is kept with probability capacity / n, in the place of a random one.

    Parameters
    ----------
    capacity
        Examples kept of each pattern.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.kept: dict[Pattern, list[Batch]] = {}
        self.added: dict[Pattern, int] = {}

    def add(self, batch: Batch, generator: torch.Generator) -> None:
        """Add a batch's examples, in their order."""
        patterns = torch.stack(tuple(batch.present.values()), dim=1).tolist()
        for row, present in enumerate(patterns):
            pattern = tuple(present)
            kept = self.kept.setdefault(pattern, [])
            self.added[pattern] = count = self.added.get(pattern, 0) + 1
            if len(kept) < self.capacity:
                kept.append(single(batch, row))
                continue
            draw = torch.randint(count, (), generator=generator, device=generator.device)
            place = int(draw)
            if place < self.capacity:
                kept[place] = single(batch, row)

    def draw(self, size: int) -> dict[Pattern, Batch]:
        """Draw up to so many examples of each pattern, by torch's global generator."""
        return {
            pattern: collated([kept[i] for i in torch.randperm(len(kept))[:size].tolist()])
            for pattern, kept in self.kept.items()
        }


def single(batch: Batch, row: int) -> Batch:
    """Copy one example to the CPU, without the padding that others needed."""
    one = batch.map(lambda tensor: tensor[row : row + 1].detach().cpu())
    values = {n: v[:, : int(one.lengths[n])] for n, v in one.values.items()}
    return replace(one, values=values).map(torch.clone)


def collated(examples: Sequence[Batch]) -> Batch:
    """Join single examples into a batch, padded with zeros."""

    def joined(tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat(tuple(tensors))

    def padded(values: Sequence[Tensor]) -> Tensor:
        longest = max(v.shape[1] for v in values)
        around = (0, 0) * (values[0].ndim - 2)
        return joined([functional.pad(v, (*around, 0, longest - v.shape[1])) for v in values])

    def by_name(tables: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        return {name: joined([table[name] for table in tables]) for name in tables[0]}

    names = examples[0].values
    return Batch(
        values={n: padded([e.values[n] for e in examples]) for n in names},
        lengths=by_name([e.lengths for e in examples]),
        present=by_name([e.present for e in examples]),
        labels=joined([e.labels for e in examples]),
        labelled=joined([e.labelled for e in examples]),
        examples=joined([e.examples for e in examples]),
        groups=joined([e.groups for e in examples]),
        tasks=joined([e.tasks for e in examples]),
    )
