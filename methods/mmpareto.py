"""MMPareto: unimodal losses help the multimodal one, where they agree and where they don't."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..benchmark.contract import (
    Batch,
    FusionMethod,
    Output,
    TrainingStrategy,
    search,
    supervised_loss,
)
from ..benchmark.registry import strategy
from .blocks.min_norm import combined, inner_products, min_norm


@strategy("mmpareto", paper="Wei and Hu, ICML 2024", default="late-concat", mark="reference")
class MMPareto(TrainingStrategy):
    """Every branch learns from its own loss too, along a direction that harms neither of the two.

    (P) Modality m's parameters have the gradient g of the method's loss and g_m of the modality's
    own supervised loss on its branch's logits. Where they conflict, <g, g_m> < 0, the weights a of
    both are those of the shortest vector in their convex hull, else one half each; the gradient
    becomes

        gamma ||g + g_m|| / ||h|| h,   h = a_1 g + a_2 g_m,

    so that what a conflict takes of its length is given back, times gamma = 1.5; (R) without a
    conflict too, where it is gamma (g + g_m).

    (C) Parameters of no branch, such as a head that the branches share, get the plain sum of all
    gradients. A modality's loss is over the labelled examples that have it. Regression as well: the
    losses are then mean squared errors. A method whose own loss has unimodal parts already keeps
    them in g. Needs a method with branches.

    Not repeated from the reference: there the length is given back tensor by tensor, which turns
    the direction that was just found.

    Raises
    ------
    ValueError
        A gamma that is not positive.
    """

    requires: ClassVar[tuple[str, ...]] = ("branches",)

    @dataclass(frozen=True)
    class Config:
        """Factor ``gamma`` on the gradients of the branches."""

        gamma: float = search(1.5, low=1.0, high=2.0)

    def __init__(self, inner: FusionMethod, config: Config):
        super().__init__(inner, config)
        if config.gamma <= 0.0:
            raise ValueError(f"gamma {config.gamma} is not positive")

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        terms = self.inner.losses(output, batch)
        for name, branch in self.branches().items():
            having = replace(batch, labelled=batch.labelled & batch.present[name])
            logits = output.auxiliary[branch.logits]
            terms[term(name)] = supervised_loss(logits, having, self.task)
        return terms

    def backward(self, losses: Mapping[str, Tensor], parameters: Iterable[nn.Parameter]) -> None:
        parameters, branches = list(parameters), self.branches()
        alone = {
            name: torch.autograd.grad(
                losses[term(name)], parameters, retain_graph=True, allow_unused=True
            )
            for name in branches
        }
        mine = {term(name) for name in branches}
        self.inner.backward({n: v for n, v in losses.items() if n not in mine}, parameters)
        owner = {id(p): name for name, branch in branches.items() for p in branch.parameters}
        for i, parameter in enumerate(parameters):
            if id(parameter) not in owner:
                slopes = [parameter.grad, *(alone[name][i] for name in branches)]
                parameter.grad = combined(slopes, torch.ones(len(slopes)))
        for name in branches:
            own = [i for i, p in enumerate(parameters) if owner.get(id(p)) == name]
            joint = [parameters[i].grad for i in own]
            unimodal = [alone[name][i] for i in own]
            weights = pareto(inner_products([joint, unimodal]), self.config.gamma)
            for i, pair in zip(own, zip(joint, unimodal, strict=True), strict=True):
                parameters[i].grad = combined(pair, weights)

    def flops(
        self, batch: int, lengths: dict[str, int], training: bool = False, **branches: str
    ) -> int:
        """The method's, in training every branch backward again, and 8 a parameter of branches."""
        from .blocks import algebra

        cost = super().flops(batch, lengths, training, **branches)
        if branches or not training:
            return cost
        for branch in self.branches().values():
            size = sum(parameter.numel() for parameter in branch.parameters)
            # Inner products of two gradients; a step of Frank-Wolfe, and a quadratic form.
            cost += algebra.product(2, size, 2).forward + 2 * 8 + 4
        return cost + algebra.heard(self.inner, batch, lengths, "apart")


def pareto(gram: Tensor, gamma: float) -> Tensor:
    """Return the factors (2,) of g and g_m from their inner products (2, 2)."""
    gram = gram.to(torch.float64)
    weights = torch.where(gram[0, 1] < 0.0, min_norm(gram), 0.5)
    length = weights @ gram @ weights
    # Of opposite gradients rounding alone is left, which must not be lengthened.
    least = 1e-9 * gram.trace()
    longer = (gram.sum().clamp(min=0.0) / length.clamp(min=1e-300)).sqrt()
    return gamma * torch.where(length > least, longer, 1.0) * weights


def term(name: str) -> str:
    """Name of a modality's own loss."""
    return f"mmpareto:{name}"
