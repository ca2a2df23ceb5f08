"""Low-rank multimodal fusion: tensor fusion and its linear layer, without building the tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..benchmark.contract import Batch, FusionMethod, Output, Task, search
from ..benchmark.registry import any_number, method
from .blocks.dropout import Dropout
from .blocks.unimodal import Unimodal, UnimodalConfig


@method(
    "lmf",
    paper="Liu et al., ACL 2018",
    modalities=any_number,
    mark="reference",
    missing="mask",
    cost="sum T_m^2",
)
class LowRankMultimodalFusion(FusionMethod):
    """A linear map of rank R on the outer product of [1; h_m], computed factor by factor.

    For modalities 1 to M with vectors h_m in R^d, factors W_m^r in R^((d + 1) x outputs) (P) and
    rank weights w_r (R)::

        y = sum_(r = 1..R) w_r prod_m ([1; h_m] W_m^r) + b,  products element by element

    which is W vec(x_m [1; h_m]) + b with, for each output, W = sum_r w_r x_m W_m^r, x_m the outer
    product over modalities: the tensor of `tfn` under a layer of low rank, at a cost that grows
    with M and not as (d + 1)^M. Factors, rank weights and bias are parameters. The fusion's output
    is the prediction (R).

    Ours (C): h_m is the mean over the steps of a transformer, with dropout, where the reference has
    an LSTM for text and perceptrons on averaged features. An absent modality's h_m is zero: the
    product then takes its factor's row of the one, as if the modality had been left out. Factors
    are drawn from N(0, 1/(d + 1)) and rank weights from N(0, 1/R): the reference's Xavier draw
    counts the rank as a fan and shrinks a product of M factors as the outputs grow in number.

    Not repeated from the reference: factors made on a CUDA device whatever the model's, and a
    squeeze on which a batch of one fails. (In MultiBench's version the factors are no parameters,
    so that nothing trains them.)
    """

    @dataclass(frozen=True)
    class Config(UnimodalConfig):
        """Settings of every transformer, and the ``rank`` R of the fusion."""

        rank: int = search(4, choices=(1, 4, 8, 16))

        def __post_init__(self):
            if self.rank < 1:
                raise ValueError(f"rank {self.rank} is not positive")

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        self.encoders = nn.ModuleDict({n: Unimodal(m, config) for n, m in task.modalities.items()})
        self.dropout = Dropout(config.dropout)
        self.fusion = LowRankFusion(
            (config.width,) * len(task.names), config.rank, len(task.outputs)
        )

    def forward(self, batch: Batch) -> Output:
        vectors = [
            self.dropout(encoder(batch, name)).masked_fill(~batch.present[name][:, None], 0.0)
            for name, encoder in self.encoders.items()
        ]
        return Output(self.fusion(vectors))

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """sum_m B T_m (2 D_m d + 2 K d^2 + 24 L d^2 + 4 L T_m d), and 2 B M R d outputs."""
        from .blocks import algebra

        config, task = self.config, self.task
        factor = algebra.product(batch, config.width, config.rank * len(task.outputs))
        encoders = algebra.unimodals(batch, lengths, task, config)
        return (encoders + len(task.names) * factor).flops(training)


class LowRankFusion(nn.Module):
    """Rank-R linear map from the outer product of [1; h_m] to some outputs.

    Parameters
    ----------
    widths
        Width of each vector h_m.
    rank, outputs
        Terms R of the sum, and numbers in the result.
    """

    def __init__(self, widths: Sequence[int], rank: int, outputs: int):
        super().__init__()
        self.factors = nn.ParameterList(torch.empty(rank, d + 1, outputs) for d in widths)
        self.weights = nn.Parameter(torch.empty(rank))
        self.bias = nn.Parameter(torch.zeros(outputs))
        for factor in self.factors:
            nn.init.normal_(factor, std=factor.shape[1] ** -0.5)
        nn.init.normal_(self.weights, std=rank**-0.5)

    def forward(self, vectors: Sequence[Tensor]) -> Tensor:
        """Vectors (B, d_m) to (B, outputs)."""
        product = self.weights[:, None, None]
        for h, factor in zip(vectors, self.factors, strict=True):
            # The factor's first row is what [1; h] takes for its one.
            product = product * (h @ factor[:, 1:] + factor[:, :1])
        return product.sum(0) + self.bias
