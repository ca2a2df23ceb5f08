"""The examples of several seeds' parts as one store, and batches of all seeds gathered at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..contract import Batch
from ..loading import Part
from .stacked import Tensors, tensors


class Rows(Part):
    """A part whose batches are the rows that would be in them: the order alone, without values."""

    def batch(self, rows: Tensor) -> Any:
        return rows


@dataclass(frozen=True)
class Shelf:
    """One modality of all seeds' parts end to end, on the device."""

    values: Tensor
    starts: Tensor
    lengths: Tensor
    present: Tensor
    counted: np.ndarray
    """The lengths again, where the longest of a batch is read without waiting for the device."""

    def gather(self, rows: Tensor, longest: int) -> Tensor:
        """Return (S, B, T, *shape) with zeros beyond each length, for rows (S, B) of the store."""
        steps = torch.arange(longest, device=self.values.device)
        beyond = steps >= self.lengths[rows][..., None]
        index = (self.starts[rows][..., None] + steps).masked_fill(beyond, 0)
        values = self.values[index]
        return values.masked_fill_(beyond.reshape(beyond.shape + (1,) * (values.ndim - 3)), 0.0)


class Parts:
    """One part of a split, of S seeds: each seed's rows count within its own part.

    A seed's examples are the values that its own scaler left, so that they differ between seeds
    even where the split is the same. All of them lie on the device.

    Parameters
    ----------
    parts
        One a seed.
    device
        Where batches are gathered and lie.
    """

    def __init__(self, parts: Sequence[Part], device: torch.device | str):
        self.device = torch.device(device)
        self.sizes = [len(part) for part in parts]
        self.first = np.cumsum([0, *self.sizes[:-1]])
        self.orders = [Rows(**vars(bare(part))) for part in parts]
        self.shelves = {name: self.shelf(parts, name) for name in parts[0].modalities}
        self.fields = {
            name: torch.cat([getattr(part, name) for part in parts]).to(self.device)
            for name in ("labels", "labelled", "positions", "groups")
        }

    def shelf(self, parts: Sequence[Part], name: str) -> Shelf:
        """Return one modality's store."""
        packed = [part.modalities[name] for part in parts]
        lengths = torch.cat([p.lengths for p in packed])
        return Shelf(
            torch.cat([p.values for p in packed]).to(self.device),
            (lengths.cumsum(0) - lengths).to(self.device), lengths.to(self.device),
            torch.cat([p.present for p in packed]).to(self.device), lengths.numpy(),
        )  # fmt: skip

    def batch(self, seeds: Sequence[int], rows: Sequence[np.ndarray]) -> Tensors:
        """Return one batch of each of these seeds, (G, B, ...): equally many rows for each.

        Sequences are padded to the longest of all.
        """
        inside = np.stack([self.first[s] + r for s, r in zip(seeds, rows, strict=True)])
        index = torch.from_numpy(inside).to(self.device)
        longest = {n: int(shelf.counted[inside].max()) for n, shelf in self.shelves.items()}
        return {
            "values": {n: s.gather(index, longest[n]) for n, s in self.shelves.items()},
            "lengths": {n: s.lengths[index] for n, s in self.shelves.items()},
            "present": {n: s.present[index] for n, s in self.shelves.items()},
            "labels": self.fields["labels"][index],
            "labelled": self.fields["labelled"][index],
            "examples": self.fields["positions"][index],
            "groups": self.fields["groups"][index],
            "tasks": torch.zeros_like(self.fields["positions"][index]),
        }

    def alone(self, seed: int, rows: np.ndarray) -> Batch:
        """Return one seed's batch as a single run has it, padded to its own longest sequence."""
        first: Tensors = {
            name: {n: t[0] for n, t in v.items()} if isinstance(v, dict) else v[0]
            for name, v in self.batch([seed], [rows]).items()
        }
        return Batch(**first)

    def shuffled(self, seed: int, size: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Return the rows of each batch of one epoch, in the order of a single run."""
        # What this part calls a batch is the tensor of its rows.
        rows: Iterator[Any] = self.orders[seed].shuffled(size, rng)
        return [each.numpy() for each in rows]

    def in_order(
        self, seeds: Sequence[int], size: int
    ) -> Iterator[tuple[list[np.ndarray], Tensors]]:
        """Yield (rows of each seed, batch) over all examples, sorted by length.

        Parts that are smaller than others' are filled up with their first rows again; rows beyond
        a part's own size say so by being left out of the yielded lists.
        """
        order = [self.orders[s].size.argsort(stable=True).numpy() for s in seeds]
        for start in range(0, max(len(o) for o in order), size):
            kept = [o[start : start + size] for o in order]
            wide = max(len(k) for k in kept)
            filled = [
                np.resize(np.concatenate([k, o]), wide) for k, o in zip(kept, order, strict=True)
            ]
            yield kept, self.batch(seeds, filled)


def bare(part: Part) -> Part:
    """Return a part with its lengths alone: what the order of batches is made of."""
    nothing = torch.empty(0)
    return replace(
        part,
        modalities={n: replace(p, values=nothing) for n, p in part.modalities.items()},
    )


def stacked(batches: Sequence[Batch]) -> Tensors:
    """Stack batches that were changed one by one, (G, B, ...), padded to the longest of all."""
    trees = [tensors(batch) for batch in batches]
    found: Tensors = {
        name: torch.stack([tree[name] for tree in trees])
        for name in ("labels", "labelled", "examples", "groups", "tasks")
    }
    for name in ("lengths", "present"):
        found[name] = {
            m: torch.stack([tree[name][m] for tree in trees]) for m in trees[0][name]
        }  # fmt: skip
    found["values"] = {
        m: padded([tree["values"][m] for tree in trees]) for m in trees[0]["values"]
    }  # fmt: skip
    return found


def padded(values: Sequence[Tensor]) -> Tensor:
    """Stack (B, T, *shape) of unequal T with zeros beyond each."""
    longest = max(v.shape[1] for v in values)
    found = values[0].new_zeros(len(values), values[0].shape[0], longest, *values[0].shape[2:])
    for place, value in zip(found, values, strict=True):
        place[:, : value.shape[1]] = value
    return found
