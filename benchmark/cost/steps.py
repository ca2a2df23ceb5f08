"""What is measured: one prediction, and one training step, on batches of full length."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from ..contract import Batch, FusionMethod, Task

Device = Literal["cpu", "cuda"]
CLIP = 1.0
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Measured:
    """A method with the optimiser that trains it, as the training loop has them.

    A training step is the forward pass, the losses, the method's own backward pass, clipping and
    the optimiser. What a strategy does to the batch before is left out, and with it what a method
    keeps of earlier steps.

    Parameters
    ----------
    device
        Where the method is and runs.
    dtype
        ``"bfloat16"`` runs under autocast; parameters are float32 either way.
    """

    def __init__(self, model: FusionMethod, device: Device = "cpu", dtype: str = "float32"):
        self.model, self.device, self.dtype = model, device, DTYPES[dtype]
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(self.parameters, lr=1e-3, fused=True)

    def precision(self) -> contextlib.AbstractContextManager[object]:
        """Run operators in the chosen type where that is not the parameters' own."""
        if self.dtype is torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device, self.dtype)

    def predict(self, batch: Batch) -> Tensor:
        """Return the logits in evaluation; call ``model.eval()`` before."""
        with torch.inference_mode(), self.precision():
            return self.model(batch).logits

    def train(self, batch: Batch) -> None:
        """Do one training step; call ``model.train()`` before."""
        self.differentiate(self.losses(batch))
        self.optimiser.step()

    def losses(self, batch: Batch) -> Mapping[str, Tensor]:
        """Go forward, the first part of a training step."""
        with self.precision():
            return self.model.losses(self.model(batch), batch)

    def differentiate(self, terms: Mapping[str, Tensor]) -> None:
        """Go backward from the losses and clip the gradients, the second part of a step."""
        self.optimiser.zero_grad(set_to_none=True)
        self.model.backward(terms, self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, CLIP)


def full_batch(
    task: Task, size: int, lengths: Mapping[str, int], device: str = "cpu", seed: int = 0
) -> Batch:
    """Draw a batch of standard normal values in which every example has the full length."""
    chance = torch.Generator().manual_seed(seed)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, generator=chance)

    classes = task.kind == "classification"
    return Batch(
        values={n: numbers(size, lengths[n], *m.shape) for n, m in task.modalities.items()},
        lengths={name: torch.full((size,), lengths[name]) for name in task.names},
        present={name: torch.ones(size, dtype=torch.bool) for name in task.names},
        labels=torch.arange(size) % len(task.outputs) if classes
        else numbers(size, len(task.outputs)),
        labelled=torch.ones(size, dtype=torch.bool),
        examples=torch.arange(size),
        groups=torch.zeros(size, dtype=torch.int64),
        tasks=torch.zeros(size, dtype=torch.int64),
    ).to(device)  # fmt: skip
