"""How far each modality alone has come: what strategies for unbalanced modalities measure."""

from __future__ import annotations

import torch
from torch import Tensor

from ...benchmark.contract import Batch, Task


def classes(task: Task) -> int:
    """Return the number of classes.

    Raises
    ------
    ValueError
        The task is a regression.
    """
    if task.kind != "classification":
        raise ValueError(
            f"a {task.kind} has no classes, by whose probabilities modalities are compared; "
            f"'mmpareto' and 'moddrop' take it"
        )
    return len(task.outputs)


def known(batch: Batch, name: str) -> Tensor:
    """Examples that have a label and the modality, (B,) bool."""
    return batch.labelled & batch.present[name]


def true_class(log_probabilities: Tensor, labels: Tensor, counted: Tensor) -> Tensor:
    """Log-probability of the true class, zero where not counted: (..., B, C), (B,), (..., B)."""
    target = labels.expand_as(counted).masked_fill(~counted, 0)
    chosen = log_probabilities.gather(-1, target[..., None]).squeeze(-1)
    return chosen.masked_fill(~counted, 0.0)


def mean(values: Tensor, counted: Tensor) -> Tensor:
    """Mean over counted examples, zero where there is none: (..., B), (..., B) -> (...)."""
    counts = counted.sum(-1).clamp(min=1)
    return values.masked_fill(~counted, 0.0).sum(-1) / counts


def ratios(scores: Tensor, measured: Tensor) -> Tensor:
    """rho_m = s_m / s_other, s_other the mean of the other measured modalities' scores.

    With two modalities it is the ratio of the two. (C) for more.

    Parameters
    ----------
    scores, measured
        (M,) positive numbers, and which of them are measured.

    Returns
    -------
    Tensor
        (M,); one, which is balance, for what is not measured or has no other to compare with.
    """
    scores = scores.masked_fill(~measured, 0.0)
    others = measured.sum() - measured.long()
    other = (scores.sum() - scores) / others.clamp(min=1)
    comparable = measured & (others > 0)
    return torch.where(comparable, scores / other.clamp(min=1e-12), 1.0)
