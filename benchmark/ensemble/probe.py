"""Whether a method can be trained with its seeds side by side, found by trying it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..contract import Batch, FusionMethod, TrainingStrategy
from .parts import stacked
from .stacked import Objective, Precision, Stacked

TOLERANCE = 1e-4
PLAIN = (FusionMethod.backward, TrainingStrategy.backward)
UNCHANGED = (FusionMethod.corrupt, TrainingStrategy.corrupt)


def unsuited(
    models: Sequence[FusionMethod], batches: Sequence[Batch], precision: Precision = "float32"
) -> str | None:
    """Return why the seeds of a method must be trained one by one, or None.

    The method is examined on a batch of each seed: its losses side by side must be those of the
    models alone, and a training step must leave nothing behind but gradients.

    Parameters
    ----------
    models
        One a seed, all on one device; not changed.
    batches
        One for each model, equally many examples in each.

    Raises
    ------
    MemoryError, torch.cuda.OutOfMemoryError
        So many seeds do not fit at once.
    """
    if any(type(part).backward not in PLAIN for part in chain(models[0])):
        return "it has a backward pass of its own"
    with torch.random.fork_rng(devices=devices(models[0])):
        try:
            many = Stacked(models, batches[0].device, precision)
            before = state(many.shell)
            many.gradients(stacked(batches))
            together = many.call(
                Objective, many.pieces(many.weights), stacked(batches), None, training=False
            )
        except (MemoryError, torch.cuda.OutOfMemoryError):
            raise  # of the group, not of the method: fewer seeds at once may fit
        except Exception as error:  # whatever a method's code does under vmap
            line = (str(error).splitlines() or [""])[0]
            return f"torch.func cannot run it: {type(error).__name__}: {line[:200]}"
        if state(many.shell) != before:
            return "it keeps state of its own between steps"
        alone, again = (losses(models, batches) for _ in range(2))
    # A loss that draws is another one at every call: its distribution alone is the same.
    if torch.allclose(alone, again, rtol=0, atol=1e-6):
        gap = float((alone - together).abs().max() / alone.abs().max().clamp(min=1.0))
        if not gap < TOLERANCE:
            return f"its losses side by side differ from those alone by {gap:.1e}"
    return None


def corrupts(model: FusionMethod) -> bool:
    """Say whether a method changes its training batches."""
    return any(type(part).corrupt not in UNCHANGED for part in chain(model))


def chain(model: FusionMethod) -> list[FusionMethod]:
    """Return a method and those that it wraps, from the outside in."""
    found = [model]
    while isinstance(found[-1], TrainingStrategy):
        found.append(found[-1].inner)
    return found


def losses(models: Sequence[FusionMethod], batches: Sequence[Batch]) -> Tensor:
    """Return each model's loss on its own batch, without dropout."""
    with torch.no_grad():
        found = [
            Objective(copy.deepcopy(model).eval())(batch)
            for model, batch in zip(models, batches, strict=True)
        ]
    return torch.stack(found)


def state(model: FusionMethod) -> list[Any]:
    """Return what a model's modules hold beside their weights: identities and versions."""
    found: list[Any] = []
    for module in model.modules():
        for name, value in vars(module).items():
            if name not in ("training", "_parameters", "_buffers", "_modules"):
                plain = isinstance(value, int | float | str | bool | None)
                found.append((name, value if plain else id(value)))
        found += [(n, id(b), b._version) for n, b in module.named_buffers(recurse=False)]
    return found


def devices(model: FusionMethod) -> list[int]:
    """Return the CUDA devices whose random state a trial must leave as it was."""
    device = next(model.parameters()).device
    return [device.index or 0] if device.type == "cuda" else []
