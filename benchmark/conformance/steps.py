"""Predictions and training steps as the harness makes them, checked on the way."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..contract import Batch, FusionMethod, Output, Task, TrainingStrategy
from .subject import ViolationError

TOLERANCE = 1e-5


def predict(model: FusionMethod, batch: Batch) -> Tensor:
    """Return the logits (B, outputs) in evaluation."""
    model.eval()
    with torch.inference_mode():
        return model(batch).logits


def training_losses(model: FusionMethod, batch: Batch, seed: int = 0) -> dict[str, Tensor]:
    """Return the named losses of a training step under the chance of a seed; all are finite."""
    model.train()
    torch.manual_seed(seed)
    terms = model.losses(model(batch), batch)
    if not terms:
        raise ViolationError("losses(output, batch) is empty; expected one or more named scalars")
    for name, term in terms.items():
        if term.shape != ():
            raise ViolationError(f"loss {name!r} has shape {tuple(term.shape)}, not a scalar's")
        if not (term.is_meta or bool(term.isfinite())):
            raise ViolationError(
                f"loss {name!r} is {float(term.detach()):g}; expected a finite number"
            )
    return terms


def gradients(model: FusionMethod, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return each trainable parameter's gradient by its name, zero where ``backward`` fills none.

    Raises
    ------
    ViolationError
        A gradient is not finite.
    """
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    model.zero_grad(set_to_none=True)
    model.backward(terms, list(trainable.values()))
    found = {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in trainable.items()}
    for name, slope in found.items():
        if not bool(slope.isfinite().all()):
            raise ViolationError(f"the gradient of parameter {name!r} is not finite")
    return found


def trained(model: FusionMethod, batch: Batch) -> Tensor:
    """Return the losses of a training step and the norm of each parameter's gradient, (n,)."""
    terms = training_losses(model, batch)
    norms = [slope.norm() for slope in gradients(model, terms).values()]
    return torch.stack([*(term.detach() for term in terms.values()), *norms])


class Trainer:
    """Training steps with all of the method's hooks."""

    def __init__(self, model: FusionMethod, lr: float = 1e-2, seed: int = 0):
        self.model = model
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(self.parameters, lr=lr)
        self.chance = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)

    def step(self, batch: Batch) -> None:
        """Corrupt the batch, go forward and backward, clip the gradient, and move the weights."""
        self.model.train()
        corrupted = self.model.corrupt(batch, self.chance)
        terms = self.model.losses(self.model(corrupted), corrupted)
        self.optimiser.zero_grad(set_to_none=True)
        self.model.backward(terms, self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()


def check_output(output: Output, task: Task, size: int) -> None:
    """Raise ViolationError where an output is not finite float32 logits (B, outputs)."""
    if not isinstance(output, Output):
        raise ViolationError(f"forward(batch) returned {type(output).__name__}, not an Output")
    expected = (size, len(task.outputs))
    if tuple(output.logits.shape) != expected or output.logits.dtype != torch.float32:
        raise ViolationError(
            f"logits are {output.logits.dtype} {tuple(output.logits.shape)}; "
            f"expected torch.float32 {expected}"
        )
    if not (output.logits.is_meta or bool(output.logits.isfinite().all())):
        raise ViolationError("logits are not finite")


def alike(found: Tensor, expected: Tensor, what: str = "a prediction") -> float:
    """Return the largest difference of two results, relative to their size where that is over 1.

    Raises
    ------
    ViolationError
        It exceeds 1e-5, or one of the results is not finite.
    """
    if not bool(expected.isfinite().all()):
        raise ViolationError(f"{what} is not finite even before the change")
    if not bool(found.isfinite().all()):
        raise ViolationError(f"{what} is no longer finite")
    difference = float((found - expected).abs().max() / expected.abs().max().clamp(min=1.0))
    if difference > TOLERANCE:
        raise ViolationError(f"{what} moves by {difference:.2g}; expected at most {TOLERANCE:g}")
    return difference


def reached(slope: Tensor | None) -> bool:
    """Whether a gradient is other than exactly zero anywhere."""
    return slope is not None and bool((slope != 0).any())


def other_phase(model: FusionMethod) -> tuple[str, ...]:
    """Prefixes of parameters trained in another phase, through the strategies around a method."""
    inner = other_phase(model.inner) if isinstance(model, TrainingStrategy) else ()
    return (*model.other_phase, *(f"inner.{prefix}" for prefix in inner))
