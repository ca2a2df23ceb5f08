"""The ladder cell: noise on normalised layers, combinators, and layer-wise denoising costs.

Rasmus, Berglund, Honkala, Valpola and Raiko, NeurIPS 2015. Sequences lie flat here, (N, d) with
N = B T steps; which of them count is told by their shares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Rasmus et al. take 1e-10. A feature that is constant within a batch (a pitch track in unvoiced
# clips) would then weigh ten orders of magnitude more than any other in the denoising cost.
EPSILON = 1e-3


@dataclass(frozen=True)
class Level:
    """A layer (..., N, d) with the mean and variance (..., 1, d) of its counted steps."""

    hidden: Tensor
    mean: Tensor
    variance: Tensor

    @property
    def deviation(self) -> Tensor:
        """sqrt(s + eps), (..., 1, d)."""
        return (self.variance + EPSILON).sqrt()

    @property
    def z(self) -> Tensor:
        """(h - m) / sqrt(s + eps): batch normalisation without an affine map."""
        return (self.hidden - self.mean) / self.deviation


def shares(counted: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn counts of steps (..., N) into weights (..., 1, N) that sum to one, or are all zero."""
    weights = counted.to(dtype)
    return (weights / weights.sum(-1, keepdim=True).clamp(min=1.0)).unsqueeze(-2)


def measured(hidden: Tensor, share: Tensor) -> Level:
    """Measure a layer (..., N, d) over the steps that share (..., 1, N) counts."""
    mean = share @ hidden
    return Level(hidden, mean, share @ (hidden - mean).square())


def cost(estimate: Tensor, clean: Level, share: Tensor) -> Tensor:
    """Denoising cost of a layer: ||(z_hat - m) / sqrt(s + eps) - z||^2 / d, averaged over steps.

    The mean m cancels out, z_hat and the clean layer lie in the same units.

    Parameters
    ----------
    estimate
        z_hat (..., N, d).
    clean
        The clean path's layer and its statistics.
    share
        (..., 1, N).

    Returns
    -------
    Tensor
        (...), zero where no step counts.
    """
    squares = share @ (estimate - clean.hidden).square()
    return (squares / (clean.variance + EPSILON)).mean((-2, -1))


class Combinator(nn.Module):
    """Estimate of a clean layer from its noisy version and from the layer above, element-wise.

    z_hat = (z - mu(u)) v(u) + mu(u), mu = a1 sigmoid(a2 u + a3) + a4 u + a5,
    v = a6 sigmoid(a7 u + a8) + a9 u + a10, with ten vectors a for each of the routes R; at first
    a2 = a7 = 1 and all others are 0.
    """

    def __init__(self, routes: int, width: int):
        super().__init__()
        self.vectors = nn.Parameter(torch.zeros(10, routes, 1, width))
        with torch.no_grad():
            self.vectors[1].fill_(1.0)
            self.vectors[6].fill_(1.0)

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        """(R, N, d), (R, N, d) -> (R, N, d)."""
        a = self.vectors.unbind()
        return torch.lerp(bend(u, *a[:5]), z, bend(u, *a[5:]))


def bend(u: Tensor, a1: Tensor, a2: Tensor, a3: Tensor, a4: Tensor, a5: Tensor) -> Tensor:
    """a1 sigmoid(a2 u + a3) + a4 u + a5."""
    return torch.addcmul(torch.addcmul(a5, a4, u), a1, torch.addcmul(a3, a2, u).sigmoid())


class Decoder(nn.Module):
    """Decoders of one stack of layers, one for each route by which noisy layers reach it.

    From the top, u = BN(V y) with y the noisy network's answer, the same for all steps of an
    example; below, u_l = BN(V_l z_hat_{l+1}). Each level's combinator joins u_l with the noisy
    layer that the route brings. All routes R are computed at once.

    Parameters
    ----------
    routes, levels, width
        Numbers of routes R and of levels, and the width d of every level.
    outputs
        Numbers in the answer y.
    """

    def __init__(self, routes: int, levels: int, width: int, outputs: int):
        super().__init__()
        self.combinators = nn.ModuleList(Combinator(routes, width) for _ in range(levels))
        sizes = [width] * (levels - 1) + [outputs]
        self.maps = nn.ParameterList(
            nn.Parameter(torch.randn(routes, size, width) / math.sqrt(size)) for size in sizes
        )

    def forward(
        self, noisy: Sequence[Tensor], answers: Tensor, clean: Sequence[Level], counted: Tensor
    ) -> Tensor:
        """Return the denoising costs (levels, R).

        Parameters
        ----------
        noisy
            By level from the lowest, the routes' noisy normalised layers z (R, B T, d).
        answers
            (R, B, outputs).
        clean
            By level the clean layer, (B T, d).
        counted
            (R, B, T) bool: the steps that count.
        """
        steps, dtype = counted.shape[-1], answers.dtype
        share = shares(counted.flatten(1), dtype)
        # Steps that do not count are held at zero: nothing normalises them, and from level to
        # level the combinators' products would square them until they overflow.
        kept = counted.flatten(1).unsqueeze(-1).to(dtype)
        top = measured(answers @ self.maps[-1], shares(counted.sum(-1), dtype)).z
        u = top.unsqueeze(2).expand(-1, -1, steps, -1).flatten(1, 2) * kept
        costs = []
        for level in reversed(range(len(clean))):
            estimate = self.combinators[level](noisy[level] * kept, u)
            costs.append(cost(estimate, clean[level], share))
            if level:
                u = measured(estimate @ self.maps[level - 1], share).z * kept
        return torch.stack(costs[::-1])


def aligned(source: Tensor, target: Tensor, steps: tuple[int, int]) -> Tensor:
    """Rows of a flat source sequence that lie at the relative times of a target's steps.

    Step t of L_t takes the source's step floor((t + 1/2) L_s / L_t), example by example.

    Parameters
    ----------
    source, target
        Lengths (B,).
    steps
        Padded lengths (T_s, T_t).

    Returns
    -------
    Tensor
        (B T_t,) int64 rows of (B T_s, d); padding steps point at the last valid one.
    """
    t = torch.arange(steps[1], device=source.device)
    index = (2 * t + 1) * source[:, None] // (2 * target[:, None])
    index = torch.minimum(index, source[:, None] - 1)
    examples = torch.arange(source.shape[0], device=source.device)[:, None]
    return (index + examples * steps[0]).flatten()
