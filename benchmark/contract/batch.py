"""A batch of examples: what a method's forward pass sees, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Examples with unequal lengths per modality; padding and absence are explicit.

    A forward pass reads shapes, never values: no ``.item()``, no boolean indexing, no Python
    branch on data. Masks come from :meth:`mask`, per-example positions from ``gather``.

    Parameters
    ----------
    values
        For each modality (B, T_m, *shape_m) float32. What stands beyond ``lengths`` or in an
        absent modality is undefined: read it through :meth:`visible`.
    lengths
        For each modality (B,) int64, from 1 to T_m.
    present
        For each modality (B,) bool. An absent modality keeps a length (of 1 at least) so that no
        attention row is ever empty.
    labels
        (B,) int64 class indices, or (B, targets) float32.
    labelled
        (B,) bool; the label of an unlabelled example is undefined.
    examples, groups, tasks
        (B,) int64: position of the example in its dataset, of its speaker among the dataset's
        groups, and of its task where one model is trained on several.
    """

    values: Mapping[str, Tensor]
    lengths: Mapping[str, Tensor]
    present: Mapping[str, Tensor]
    labels: Tensor
    labelled: Tensor
    examples: Tensor
    groups: Tensor
    tasks: Tensor

    def __len__(self) -> int:
        return self.labels.shape[0]

    @property
    def device(self) -> torch.device:
        return self.labels.device

    def mask(self, modality: str) -> Tensor:
        """Valid steps of a modality, (B, T) bool; every row has at least one."""
        lengths = self.lengths[modality]
        steps = torch.arange(self.values[modality].shape[1], device=lengths.device)
        return steps < lengths[:, None]

    def visible(self, modality: str) -> Tensor:
        """Values (B, T, *shape) with zeros for padding and for an absent modality."""
        values = self.values[modality]
        seen = self.mask(modality) & self.present[modality][:, None]
        return values.masked_fill(~seen.reshape(seen.shape + (1,) * (values.ndim - 2)), 0.0)

    def only(self, *names: str) -> Batch:
        """Return the same examples with a part of their modalities."""
        return replace(
            self,
            values={n: self.values[n] for n in names},
            lengths={n: self.lengths[n] for n in names},
            present={n: self.present[n] for n in names},
        )

    def without(self, modality: str, which: Tensor | None = None) -> Batch:
        """Mark a modality absent in all examples, or where ``which`` (B,) bool says so."""
        kept = self.present[modality] & (
            torch.zeros_like(self.labelled) if which is None else ~which
        )
        return replace(self, present={**self.present, modality: kept})

    def with_values(self, modality: str, values: Tensor) -> Batch:
        """Put other values (B, T, *shape) in place of a modality's."""
        return replace(self, values={**self.values, modality: values})

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """Apply a function to every tensor: a device, a permutation of the examples."""
        changed = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                changed[field.name] = function(value)
            else:
                changed[field.name] = {name: function(tensor) for name, tensor in value.items()}
        return Batch(**changed)

    def to(self, device: torch.device | str) -> Batch:
        return self.map(lambda tensor: tensor.to(device))
