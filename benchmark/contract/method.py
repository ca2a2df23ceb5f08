"""What a fusion method and a training strategy are to the harness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from .batch import Batch
from .config import NoSettings
from .task import Task


@dataclass(frozen=True)
class Output:
    """What a forward pass returns.

    Parameters
    ----------
    logits
        (B, outputs): class logits, or predicted targets.
    auxiliary
        Whatever else the losses need, by name.
    """

    logits: Tensor
    auxiliary: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Branch:
    """The part of a method that one modality alone feeds: its parameters, and its logits' name."""

    parameters: tuple[nn.Parameter, ...]
    logits: str


class FusionMethod(nn.Module):
    """Base of every fusion method; a subclass stands in one file and gives ``forward``.

    Weights are drawn from torch's global generator, which the harness seeds before construction;
    dropout and other noise of the forward pass likewise, seeded again before training.

    Attributes
    ----------
    Config
        Frozen dataclass of settings, nested in the subclass, each with its default (size ``paper``)
        and perhaps what tuning may try.
    small
        Settings of size ``small`` beside width 32, 2 layers and 4 heads.
    other_phase
        Prefixes of parameters that no gradient reaches in ordinary training steps.
    """

    Config: ClassVar[type] = NoSettings
    small: ClassVar[Mapping[str, Any]] = {}
    other_phase: ClassVar[tuple[str, ...]] = ()

    def __init__(self, task: Task, config: Any):
        super().__init__()
        self.task = task
        self.config = config

    @property
    def uses(self) -> tuple[str, ...]:
        """Modalities that the prediction depends on; by default all."""
        return self.task.names

    def forward(self, batch: Batch) -> Output:  # noqa: ARG002
        """Predict; reads shapes and tensors, never Python values of the data."""
        raise TypeError(f"{type(self).__name__} does not define forward(batch)")

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return named scalar losses whose sum is minimised; by default the supervised loss."""
        return {"supervised": supervised_loss(output.logits, batch, self.task)}

    def corrupt(self, batch: Batch, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Change a training batch before the forward pass; by default nothing."""
        return batch

    def backward(self, losses: Mapping[str, Tensor], parameters: Iterable[nn.Parameter]) -> None:  # noqa: ARG002
        """Fill the gradients of the parameters; by default those of the losses' sum."""
        torch.stack(tuple(losses.values())).sum().backward()

    def branches(self) -> Mapping[str, Branch]:
        """By modality what it alone feeds; empty where the method has no such parts."""
        return {}

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """Return the cost of a forward pass, or of a training step, in closed form.

        Algebra in the lengths, the settings and the task: it builds no module and counts nothing.
        One multiply-add is two FLOPs; matrix products, attention, convolutions and products that
        are the fusion itself count, element-wise operations do not.

        A method with branches takes ``branches`` too, a keyword, and then returns what a training
        step costs more where a strategy's losses hear their logits: in the method's own backward
        pass (``"together"``), or each branch in a pass of its own (``"apart"``).

        Parameters
        ----------
        batch
            Number of examples.
        lengths
            Padded length of each modality.
        training
            Whether to return the forward pass in training, the losses and the backward pass
            together; otherwise one inference.

        Raises
        ------
        NotImplementedError
            The method declares no formula.
        """
        raise NotImplementedError(f"{type(self).__name__} declares no formula of its cost")


class TrainingStrategy(FusionMethod):
    """A method that trains another one differently: ``mult+missing-modality``.

    Predicts and measures its losses as the wrapped method does; a subclass overrides ``corrupt``,
    ``losses`` or ``backward``.

    Attributes
    ----------
    requires
        Capabilities of the wrapped method that the strategy cannot do without: ``"branches"``.
    """

    requires: ClassVar[tuple[str, ...]] = ()

    def __init__(self, inner: FusionMethod, config: Any):
        super().__init__(inner.task, config)
        self.inner = inner

    @property
    def uses(self) -> tuple[str, ...]:
        return self.inner.uses

    def forward(self, batch: Batch) -> Output:
        return self.inner(batch)

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        return self.inner.losses(output, batch)

    def corrupt(self, batch: Batch, generator: torch.Generator) -> Batch:
        return self.inner.corrupt(batch, generator)

    def backward(self, losses: Mapping[str, Tensor], parameters: Iterable[nn.Parameter]) -> None:
        self.inner.backward(losses, parameters)

    def branches(self) -> Mapping[str, Branch]:
        return self.inner.branches()

    def flops(
        self, batch: int, lengths: dict[str, int], training: bool = False, **branches: str
    ) -> int:
        """Return the wrapped method's cost; a strategy that computes more itself adds that."""
        return self.inner.flops(batch, lengths, training, **branches)


def supervised_loss(logits: Tensor, batch: Batch, task: Task) -> Tensor:
    """Cross-entropy or mean squared error, averaged over the labelled examples of a batch.

    Zero, with a zero gradient, where no example is labelled.
    """
    known = batch.labelled.to(logits.dtype)
    if task.kind == "classification":
        target = batch.labels.masked_fill(~batch.labelled, 0)
        each = functional.cross_entropy(logits, target, reduction="none")
    else:
        target = batch.labels.masked_fill(~batch.labelled[:, None], 0.0)
        each = (logits - target).square().mean(1)
    return (each * known).sum() / known.sum().clamp(min=1.0)
