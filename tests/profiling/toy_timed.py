"""A plugin beside the toy: a method whose parts take known times."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from fusemark.benchmark import Output, method, search
from fusemark.benchmark.registry import methods

Linear = methods["toy-linear"].cls


class Slow(torch.autograd.Function):
    """The identity, whose gradient takes its time."""

    @staticmethod
    def forward(ctx, x, seconds):
        ctx.seconds = seconds
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        time.sleep(ctx.seconds)
        return gradient, None


@method("toy-timed", paper="made here")
class Timed(Linear):
    """Sleeps in the parts of a step."""

    @dataclass(frozen=True)
    class Config:
        """Settings."""

        width: int = search(8, low=2, high=16)
        rate: float = 0.0
        forward: float = 0.02
        loss: float = 0.01
        backward: float = 0.04

    def forward(self, batch):
        if self.training:
            time.sleep(self.config.forward)
        output = super().forward(batch)
        return Output(Slow.apply(output.logits, self.config.backward))

    def losses(self, output, batch):
        time.sleep(self.config.loss)
        return super().losses(output, batch)
