"""Tensor fusion: the outer product of all modalities' vectors, each with a one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from ..benchmark.contract import Batch, FusionMethod, Output, Task, search
from ..benchmark.registry import any_number, method
from .blocks.dropout import Dropout
from .blocks.unimodal import Perceptron, Unimodal, UnimodalConfig

LARGEST = 200_000
"""Numbers in the tensor of one example, at most; the paper's 129 x 33 x 33 has 140,481."""


@method(
    "tfn",
    paper="Zadeh et al., EMNLP 2017",
    modalities=any_number,
    missing="mask",
    cost="sum T_m^2",
)
class TensorFusionNetwork(FusionMethod):
    """Outer product of [1; h_m] over all modalities, then a perceptron.

    With h_m in R^k for modalities 1 to M (P)::

        z = [1; h_1] x [1; h_2] x ... x [1; h_M]     outer product, (k + 1)^M numbers
        y = W3 relu(W2 relu(W1 vec(z)))              two hidden layers of 128

    The ones keep every product of fewer modalities in z beside that of all: each vector by itself,
    each pair, and so on. Any number of modalities, but z grows as (k + 1)^M, so that the vectors
    are kept narrow (``projected``) and a z of over 200,000 numbers is refused: 32 is the widest
    choice that three modalities can have, 16 that four can.

    Ours (C): h_m = relu(W_m u_m + b_m), the paper's last unimodal layer, on the mean u_m over the
    steps of a transformer, where the paper has an LSTM for text and perceptrons on averaged
    features; one width k, where the paper's are 128 for text and 32 for the others. An absent
    modality's h_m is zero, which leaves of z exactly the products without it. Regression is not
    confined to a range, as the paper's sigmoid scaled to [-3, 3] is.

    Raises
    ------
    ValueError
        z would have over 200,000 numbers.
    """

    @dataclass(frozen=True)
    class Config(UnimodalConfig):
        """Settings of every transformer, and of what is built on them.

        Parameters
        ----------
        projected
            Width k of a modality's vector in the product.
        hidden
            Width of the two hidden layers on the tensor.
        """

        projected: int = search(32, choices=(8, 16, 32))
        hidden: int = search(128, choices=(32, 64, 128))

    small: ClassVar[Mapping[str, Any]] = {"projected": 16, "hidden": 32}

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        count, width = len(task.names), config.projected
        size = (width + 1) ** count
        if size > LARGEST:
            fitting = next(k for k in range(width, -1, -1) if (k + 1) ** count <= LARGEST)
            raise ValueError(
                f"projected {width} makes a tensor of {width + 1}^{count} = {size:,} numbers for "
                f"{count} modalities, over {LARGEST:,}; set it to {fitting} or less, or use 'lmf'"
            )
        self.encoders = nn.ModuleDict({n: Unimodal(m, config) for n, m in task.modalities.items()})
        self.project = nn.ModuleDict({n: nn.Linear(config.width, width) for n in task.names})
        self.first, self.dropout = nn.Linear(size, config.hidden), Dropout(config.dropout)
        self.rest = Perceptron(config.hidden, config.hidden, len(task.outputs), config.dropout)

    def forward(self, batch: Batch) -> Output:
        vectors = []
        for name in self.task.names:
            h = functional.relu(self.project[name](self.encoders[name](batch, name)))
            vectors.append(h.masked_fill(~batch.present[name][:, None], 0.0))
        hidden = functional.relu(self.first(tensor_fusion(vectors)))
        return Output(self.rest(self.dropout(hidden)))

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """sum_m B T_m (2 D_m d + 2 K d^2 + 24 L d^2 + 4 L T_m d), and 2 B H (k + 1)^M."""
        from math import prod

        from .blocks import algebra

        config, task, count = self.config, self.task, len(self.task.names)
        sizes, hidden = [config.projected + 1] * count, config.hidden
        work = algebra.unimodals(batch, lengths, task, config)
        work += count * algebra.linear(batch, config.width, config.projected)
        work += algebra.outer(batch, *sizes)
        work += algebra.perceptron(batch, prod(sizes), hidden, hidden, len(task.outputs))
        return work.flops(training)


def tensor_fusion(vectors: Sequence[Tensor]) -> Tensor:
    """Outer product of [1; h_m] over all vectors (B, k_m), flattened: (B, product of k_m + 1).

    The first vector's index is the slowest, as in a C array of shape (k_1 + 1, ..., k_M + 1).
    """
    product, *rest = (functional.pad(h, (1, 0), value=1.0) for h in vectors)
    for h in rest:
        product = (product[:, :, None] * h[:, None]).flatten(1)
    return product
