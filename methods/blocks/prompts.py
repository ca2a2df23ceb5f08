"""Soft prompts that a router mixes for each example."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RoutedPrompts(nn.Module):
    """Pool of soft prompts, of which each example gets a mixture of the k that suit it best.

    The router is softmax(W [task; presence; input]): an embedding of the example's task, which
    modalities it has, and its pooled input. The mixture is sum_p w_p prompt_p over the k largest
    weights, as the softmax gave them: normalised to sum to one, a single one would always be one,
    and the router would learn nothing.

    Parameters
    ----------
    pool, active, length
        Number of prompts P, number k that are mixed, and tokens L of each.
    tasks, modalities, width
        Numbers of tasks and of modalities, and the width d of tokens and inputs.
    """

    def __init__(
        self, pool: int, active: int, length: int, *, tasks: int, modalities: int, width: int
    ):
        super().__init__()
        self.active = active
        self.prompts = nn.Parameter(torch.randn(pool, length, width))
        self.tasks = nn.Embedding(tasks, width)
        self.router = nn.Linear(width + modalities + width, pool)

    def forward(self, tasks: Tensor, presence: Tensor, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Mix prompts.

        Parameters
        ----------
        tasks, presence, pooled
            (B,) int64, (B, M) bool and (B, d).

        Returns
        -------
        tuple of Tensor
            Prompts (B, L, d), and the router's weights (B, P).
        """
        features = [self.tasks(tasks), presence.to(pooled.dtype), pooled]
        weights = self.router(torch.cat(features, dim=-1)).softmax(-1)
        largest, chosen = weights.topk(self.active, dim=-1)
        mixed = torch.einsum("bk,bkld->bld", largest, self.prompts[chosen])
        return mixed, weights
