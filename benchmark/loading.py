"""From a dataset's examples to batches: packing, averaging of frames, normalising, bucketing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .contract import Batch, FusionDataset, Task, UserError
from .settings import DataSettings

BUCKET = 8  # batches that are shuffled together before they are sorted by length


@dataclass(frozen=True)
class Packed:
    """One modality of many examples end to end: values (sum of T, *shape) and offsets (N + 1,)."""

    values: Tensor
    offsets: Tensor
    present: Tensor

    @property
    def lengths(self) -> Tensor:
        return self.offsets[1:] - self.offsets[:-1]

    def padded(self, rows: Tensor) -> Tensor:
        """Gather examples into (B, T, *shape) with zeros beyond each length."""
        starts, lengths = self.offsets[rows], self.lengths[rows]
        steps = torch.arange(int(lengths.max()))
        beyond = steps >= lengths[:, None]
        index = (starts[:, None] + steps).masked_fill(beyond, 0)
        values = self.values[index]
        return values.masked_fill_(beyond.reshape(beyond.shape + (1,) * (values.ndim - 2)), 0.0)


@dataclass(frozen=True)
class Part:
    """The loaded examples of one part of a split; rows count within the part.

    Parameters
    ----------
    positions
        (N,) int64 positions in the dataset.
    """

    modalities: Mapping[str, Packed]
    labels: Tensor
    labelled: Tensor
    positions: Tensor
    groups: Tensor

    def __len__(self) -> int:
        return len(self.positions)

    def batch(self, rows: Tensor) -> Batch:
        return Batch(
            values={n: p.padded(rows) for n, p in self.modalities.items()},
            lengths={n: p.lengths[rows] for n, p in self.modalities.items()},
            present={n: p.present[rows] for n, p in self.modalities.items()},
            labels=self.labels[rows],
            labelled=self.labelled[rows],
            examples=self.positions[rows],
            groups=self.groups[rows],
            tasks=torch.zeros(len(rows), dtype=torch.int64),
        )

    @property
    def size(self) -> Tensor:
        """Work of each example, (N,): its steps over all modalities."""
        return torch.stack([p.lengths for p in self.modalities.values()]).sum(0)

    def shuffled(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield batches of one epoch in random order, each of examples of like length.

        Examples are shuffled, sorted by length within windows of eight batches, and cut evenly, so
        that no batch is left with a single example.
        """
        order = torch.from_numpy(rng.permutation(len(self)))
        windows = order.split(size * BUCKET)
        ranked = torch.cat([w[self.size[w].argsort(stable=True)] for w in windows])
        batches = ranked.tensor_split(math.ceil(len(self) / size))
        for index in rng.permutation(len(batches)):
            yield self.batch(batches[index])

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Batch]]:
        """Yield (rows, batch) over all examples, sorted by length to waste little padding."""
        for rows in self.size.argsort(stable=True).split(size):
            yield rows, self.batch(rows)


@dataclass(frozen=True)
class Scaler:
    """Mean and deviation of each feature over the valid frames of a part.

    Features in one unit share one deviation, the root of their mean variance.
    """

    mean: Mapping[str, Tensor]
    scale: Mapping[str, Tensor]

    @classmethod
    def fit(cls, part: Part, task: Task) -> Scaler:
        mean, scale = {}, {}
        for name, packed in part.modalities.items():
            seen = packed.present.repeat_interleave(packed.lengths)
            frames = packed.values if bool(seen.all()) else packed.values[seen]
            frames = frames if len(frames) else packed.values
            deviation = frames.std(0, correction=0)
            if task.modalities[name].one_unit:
                deviation = deviation.square().mean().sqrt().expand_as(deviation)
            mean[name] = frames.mean(0)
            # A feature that never varies on the training part carries nothing: left unscaled.
            scale[name] = torch.where(deviation > 1e-8, deviation, torch.ones_like(deviation))
        return cls(mean, scale)

    def apply(self, part: Part) -> Part:
        """Standardise a part in place (its memory is its own) and return it."""
        for name, packed in part.modalities.items():
            packed.values.sub_(self.mean[name]).div_(self.scale[name])
        return part


def reduced(task: Task, settings: DataSettings) -> Task:
    """Return the task as the averaging of frames leaves it; an averaged modality has no rate."""
    modalities = {}
    for name, modality in task.modalities.items():
        longest = settings.max_frames
        if longest is not None and modality.max_length > longest:
            modality = replace(modality, max_length=longest, rate=None)
        modalities[name] = modality
    return replace(task, modalities=modalities)


def average(values: np.ndarray, longest: int | None) -> np.ndarray:
    """Average a longer sequence down to ``longest`` frames, each the mean of its share of steps."""
    if longest is None or len(values) <= longest:
        return values
    edges = np.arange(longest + 1) * len(values) // longest
    starts, counts = edges[:-1], np.diff(edges)
    total = np.add.reduceat(values, starts, axis=0, dtype=np.float32)
    return total / counts.reshape((-1,) + (1,) * (values.ndim - 1)).astype(np.float32)


def load(dataset: FusionDataset, positions: np.ndarray, settings: DataSettings) -> Part:
    """Read the examples at these positions, and no others.

    Raises
    ------
    UserError
        An example whose values do not fit the task; the message names it.
    """
    task = dataset.task
    pieces: dict[str, list[np.ndarray]] = {name: [] for name in task.names}
    present: dict[str, list[bool]] = {name: [] for name in task.names}
    for position, example in zip(positions, dataset.examples(positions), strict=True):
        for name, modality in task.modalities.items():
            values = example[name]
            present[name].append(values is not None)
            if values is None:
                values = np.zeros((1, *modality.shape), np.float32)
            fits = values.shape[1:] == modality.shape and 0 < len(values) <= modality.max_length
            if not fits:
                raise UserError(
                    f"{dataset.name}: example {dataset.ids[position]!r} has {name} of shape "
                    f"{values.shape}; expected 1 to {modality.max_length} steps of {modality.shape}"
                )
            pieces[name].append(average(values, settings.max_frames))
    _, groups = np.unique(np.asarray(dataset.groups), return_inverse=True)
    packed = {
        name: Packed(
            torch.from_numpy(np.concatenate(pieces.pop(name), dtype=np.float32)),
            torch.tensor(np.cumsum([0, *lengths]), dtype=torch.int64),
            torch.tensor(present[name]),
        )
        for name in task.names
        for lengths in [[len(p) for p in pieces[name]]]
    }
    return Part(
        modalities=packed,
        labels=torch.from_numpy(dataset.labels[positions]),
        labelled=torch.ones(len(positions), dtype=torch.bool),
        positions=torch.from_numpy(np.asarray(positions, np.int64)),
        groups=torch.from_numpy(groups[positions].astype(np.int64)),
    )


def hide_labels(part: Part, share: float, rng: np.random.Generator) -> Part:
    """Leave the labels of a share of the examples, drawn by class, at least one a class."""
    if share >= 1.0:
        return part
    labelled = np.zeros(len(part), bool)
    strata = part.labels.numpy() if part.labels.ndim == 1 else np.zeros(len(part), int)
    for stratum in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        labelled[members[: max(1, round(share * len(members)))]] = True
    return replace(part, labelled=torch.from_numpy(labelled))


def joined(first: Part, second: Part) -> Part:
    """Return the examples of two parts as one."""
    modalities = {
        name: Packed(
            torch.cat([a.values, b.values]),
            torch.cat([a.offsets, b.offsets[1:] + a.offsets[-1]]),
            torch.cat([a.present, b.present]),
        )
        for name, a in first.modalities.items()
        for b in [second.modalities[name]]
    }
    both = {
        field: torch.cat([getattr(first, field), getattr(second, field)])
        for field in ("labels", "labelled", "positions", "groups")
    }
    return Part(modalities=modalities, **both)
