"""The models of several seeds as one: weights stacked along a first axis, one pass for all of them.

Source: ``torch.func`` (https://docs.pytorch.org/docs/stable/func.html): ``functional_call`` under
``vmap`` turns every matrix product into a batched one.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from ..contract import Batch, FusionMethod
from .attention import attention_over_seeds

Precision = Literal["float32", "bfloat16"]
Tensors = dict[str, Any]
"""A batch as a tree of tensors, each with the seeds as its first axis."""


class Objective(nn.Module):
    """A method's training loss as a module: the sum of its terms, a scalar."""

    def __init__(self, method: FusionMethod):
        super().__init__()
        self.method = method

    def forward(self, batch: Batch) -> Tensor:
        return torch.stack(tuple(self.method.losses(self.method(batch), batch).values())).sum()


class Prediction(nn.Module):
    """A method's logits as a module."""

    def __init__(self, method: FusionMethod):
        super().__init__()
        self.method = method

    def forward(self, batch: Batch) -> Tensor:
        return self.method(batch).logits


class Stacked:
    """The models of S seeds.

    Parameters
    ----------
    models
        One a seed, alike but for their weights; they are read, not kept.
    device
        Where the stacked weights lie.
    precision
        Of the forward pass and losses of a training step.

    Attributes
    ----------
    weights
        (S, P): every trained parameter of a seed end to end, so that an optimiser's step is a few
        operations on one tensor.
    """

    def __init__(
        self, models: Sequence[FusionMethod], device: torch.device | str,
        precision: Precision = "float32",
    ):  # fmt: skip
        self.precision: Precision = precision
        parameters, buffers = stack_module_state(list(models))
        trained = {n for n, p in models[0].named_parameters() if p.requires_grad}
        chosen = {n: p.detach() for n, p in parameters.items() if n in trained}
        self.shapes = {n: p.shape[1:] for n, p in chosen.items()}
        self.weights = torch.cat([p.reshape(len(p), -1) for p in chosen.values()], dim=1).to(device)
        rest = {n: p for n, p in parameters.items() if n not in trained}
        self.rest = {n: v.detach().to(device) for n, v in {**rest, **buffers}.items()}
        self.shell = shell(models[0]).to(device)

    def pieces(self, weights: Tensor) -> dict[str, Tensor]:
        """Return rows (G, P) of the weights as parameters (G, *shape), by name."""
        parts = weights.split([shape.numel() for shape in self.shapes.values()], dim=1)
        return {
            name: part.unflatten(1, shape) if shape else part.squeeze(1)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def gradients(
        self, batch: Tensors, which: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Measure the training loss of each seed on its batch, and its slopes.

        Parameters
        ----------
        batch
            (G, B, ...) tensors.
        which
            (G,) rows of the seeds; None for all.

        Returns
        -------
        tuple
            Losses (G,), gradients (G, P), and which weights (P,) bool any gradient reaches.
        """
        rows = self.weights if which is None else self.weights[which]
        pieces = {n: p.detach().requires_grad_() for n, p in self.pieces(rows).items()}
        losses = self.call(Objective, pieces, batch, which, training=True)
        slopes = torch.autograd.grad(losses.sum(), list(pieces.values()), allow_unused=True)
        reached = [s is not None for s in slopes]
        flat = [
            torch.zeros_like(p) if s is None else s
            for s, p in zip(slopes, pieces.values(), strict=True)
        ]
        return (
            losses.detach(),
            torch.cat([s.reshape(len(rows), -1) for s in flat], dim=1),
            self.spread(reached),
        )

    def spread(self, reached: Sequence[bool]) -> Tensor:
        """Return a mark for each parameter as one for each weight, (P,) bool."""
        sizes = torch.tensor([shape.numel() for shape in self.shapes.values()])
        return torch.tensor(reached).repeat_interleave(sizes).to(self.weights.device)

    @torch.inference_mode()
    def logits(self, batch: Tensors) -> Tensor:
        """Return the predictions (S, B, outputs) of all seeds, each on its own batch."""
        return self.call(Prediction, self.pieces(self.weights), batch, None, training=False)

    def call(
        self, kind: type[nn.Module], pieces: dict[str, Tensor], batch: Tensors,
        which: Tensor | None, *, training: bool,
    ) -> Tensor:  # fmt: skip
        module = kind(self.shell.train(training))
        rest = self.rest if which is None else {n: v[which] for n, v in self.rest.items()}
        state = {f"method.{name}": value for name, value in {**pieces, **rest}.items()}

        def one(state: dict[str, Tensor], batch: Tensors) -> Tensor:
            return functional_call(module, state, (Batch(**batch),))

        # Under vmap a layer's product is rounded and its bias is added in float32.
        precision, device = self.precision if training else "float32", self.weights.device
        with attention_over_seeds(), cast_to(precision, device):
            return vmap(one, randomness="different")(state, batch)

    def pour(self, weights: Tensor, model: FusionMethod) -> None:
        """Put one seed's weights (P,) into a model of its own."""
        pieces = self.pieces(weights[None])
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in pieces:
                    parameter.copy_(pieces[name][0])

    def keep(self, which: Tensor) -> None:
        """Drop all seeds but these (their rows, in order)."""
        self.weights = self.weights[which]
        self.rest = {name: value[which] for name, value in self.rest.items()}


def cast_to(precision: Precision, device: torch.device | str) -> AbstractContextManager[Any]:
    """Return the setting under which products are taken in a precision."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=precision == "bfloat16")


def shell(model: FusionMethod) -> FusionMethod:
    """Return a copy of a model whose weights are never read, with torch's own dropout.

    The package's cheaper masks are drawn into a tensor of their own, which would be one mask for
    all seeds. The rates are equal to 1/512.
    """
    copied = copy.deepcopy(model)
    # Known by its name: the harness imports no method's parts.
    for module in list(copied.modules()):
        for name, child in module.named_children():
            rate: Any = getattr(child, "rate", None)
            if type(child).__name__ == "Dropout" and rate is not None:
                setattr(module, name, nn.Dropout(rate))
    return copied


def tensors(batch: Batch) -> Tensors:
    """Return a batch as a tree of tensors."""
    return {
        "values": dict(batch.values), "lengths": dict(batch.lengths),
        "present": dict(batch.present), "labels": batch.labels, "labelled": batch.labelled,
        "examples": batch.examples, "groups": batch.groups, "tasks": batch.tasks,
    }  # fmt: skip
