"""Encoders of one shape run as one: the equations of each, in a fraction of the operators.

At widths of 30 to 40 a training step is bound by small operators, and the six cross encoders of a
MulT with three modalities are six times the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import Encoder, Layer


def side_by_side(
    encoders: Sequence[Encoder], x: Tensor, memory: Tensor | None, mask: Tensor
) -> Tensor:
    """Return what each of G encoders of equal settings makes of its own input.

    Equal to ``torch.stack([e(...) for e in encoders])``, with dropout off to rounding.

    Parameters
    ----------
    x
        (G, B, T, d).
    memory
        (G, B, S, d), or None for self-attention.
    mask
        (G, B, S) of the memory or of x, or (G, B, T, S).

    Returns
    -------
    Tensor
        (G, B, T, d).
    """
    first, shape = encoders[0], x.shape[:2]
    if len(encoders) == 1:
        return first(x[0], None if memory is None else memory[0], mask[0])[None]
    x = first.embed(x.flatten(0, 1)).unflatten(0, shape)
    if memory is not None:
        memory = first.embed(memory.flatten(0, 1)).unflatten(0, shape)
    for layers in zip(*(encoder.layers for encoder in encoders), strict=True):
        x = layer_side_by_side(layers, x, memory, mask)
    return normalised([encoder.norm for encoder in encoders], x)


def layer_side_by_side(
    layers: Sequence[Layer], x: Tensor, memory: Tensor | None, mask: Tensor
) -> Tensor:
    """Run one block of each encoder: attention, then the feed-forward net, each with a residual."""
    first, width = layers[0], x.shape[-1]
    attend = first.attention
    norms = [layer.norms[0] for layer in layers]
    query = normalised(norms, x)
    weight, bias = stacked([layer.attention.project for layer in layers])
    if memory is None:
        q, k, v = mapped(query, weight, bias).chunk(3, dim=-1)
    else:
        keys = normalised(norms, memory)
        q = mapped(query, weight[..., :width], bias[..., :width])
        k, v = mapped(keys, weight[..., width:], bias[..., width:]).chunk(2, dim=-1)
    rows = mask.flatten(0, 1)
    allowed = rows[:, None, None] if rows.ndim == 2 else rows[:, None]
    q, k, v = (attend.split(t.flatten(0, 1)) for t in (q, k, v))
    mixed = attend.mix(q, k, v, allowed)
    mixed = mixed.transpose(1, 2).flatten(2).view_as(x)
    out = mapped(mixed, *stacked([layer.attention.out for layer in layers]))
    x = x + first.residual_dropout(out)
    hidden = normalised([layer.norms[1] for layer in layers], x)
    hidden = functional.relu(mapped(hidden, *stacked([layer.expand for layer in layers])))
    out = mapped(first.relu_dropout(hidden), *stacked([layer.contract for layer in layers]))
    return x + first.residual_dropout(out)


def stacked(linears: Sequence[nn.Linear]) -> tuple[Tensor, Tensor]:
    """Stack the weights (G, in, out) and biases (G, 1, out) of linear maps."""
    weights = torch.stack([linear.weight for linear in linears])
    return weights.transpose(1, 2), torch.stack([linear.bias for linear in linears])[:, None]


def mapped(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Map (G, B, T, in) by G linear maps to (G, B, T, out)."""
    return torch.baddbmm(bias, x.flatten(1, 2), weight).unflatten(1, x.shape[1:3])


def normalised(norms: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Normalise each of G inputs (G, B, T, d) by a LayerNorm of its own."""
    weight, bias = (
        torch.stack([getattr(norm, name) for norm in norms])[:, None, None]
        for name in ("weight", "bias")
    )
    return torch.addcmul(bias, functional.layer_norm(x, x.shape[-1:]), weight)
