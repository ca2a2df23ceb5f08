"""Adam and AdamW over stacked weights: a rate, a step count and a norm for each seed."""

from __future__ import annotations

import torch
from torch import Tensor

from ..settings import TrainingSettings

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Adam:
    """Adam (Kingma and Ba, ICLR 2015), or AdamW (Loshchilov and Hutter, ICLR 2019), of S seeds.

    Every seed gets the update that ``torch.optim`` would give it alone. A seed that has no batch in
    a step is passed over: neither its weights nor its moments move. A weight that no gradient
    reaches is left alone, and does not decay.

    Parameters
    ----------
    weights
        (S, P).
    """

    def __init__(self, weights: Tensor, settings: TrainingSettings):
        self.settings = settings
        self.first, self.second = torch.zeros_like(weights), torch.zeros_like(weights)
        self.steps = torch.zeros(len(weights), 1, dtype=torch.float64, device=weights.device)

    @torch.no_grad()
    def step(
        self, weights: Tensor, gradients: Tensor, reached: Tensor, rates: Tensor, active: Tensor
    ) -> None:
        """Clip each active seed's gradient, and move its weights in place.

        Parameters
        ----------
        weights, gradients
            (S, P); the gradients are changed.
        reached
            (P,) bool.
        rates
            (S,) learning rates, float64.
        active
            (S,) bool.
        """
        if self.settings.clip is not None:
            # As clip_grad_norm_ has it.
            norms = gradients.norm(dim=1, keepdim=True)
            gradients.mul_((self.settings.clip / (norms + 1e-6)).clamp_(max=1.0))
        decay, rate = self.settings.weight_decay, rates[:, None]
        if decay and self.settings.optimiser == "adam":
            gradients.add_(weights * reached, alpha=decay)
        moving = active[:, None]
        self.steps += moving
        self.first.copy_(torch.where(moving, self.first.lerp(gradients, 1 - BETAS[0]), self.first))
        square = self.second * BETAS[1] + gradients.square() * (1 - BETAS[1])
        self.second.copy_(torch.where(moving, square, self.second))
        # A seed that has not moved yet has nothing to be corrected, and nothing to divide by.
        first, second = (1 - beta ** self.steps.clamp(min=1) for beta in BETAS)
        root = (self.second / second.to(weights.dtype)).sqrt()
        size = torch.where(moving, rate / first, 0.0).to(weights.dtype)
        if decay and self.settings.optimiser == "adamw":
            kept = torch.where(moving & reached, 1 - rate * decay, 1.0)
            weights.mul_(kept.to(weights.dtype))
        weights.sub_(size * self.first / (root + EPSILON))

    def keep(self, which: Tensor) -> None:
        """Drop all seeds but these (their rows, in order)."""
        self.first, self.second = self.first[which], self.second[which]
        self.steps = self.steps[which]
