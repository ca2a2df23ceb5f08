"""MFM: factors for the label and factors for each modality, which together generate the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..benchmark.contract import Batch, FusionMethod, Output, Task, search, supervised_loss
from ..benchmark.registry import any_number, method
from .blocks.alignment import averaged
from .blocks.memory_fusion import MemoryFusion
from .blocks.mmd import squared_mmd
from .blocks.pooling import last_step
from .blocks.recurrent import Codes, Decoders, LSTMs
from .blocks.unimodal import Perceptron


@method(
    "mfm",
    paper="Tsai, Liang et al., ICLR 2019",
    modalities=any_number,
    mark="reference",
    missing="mask",
    cost="sum T_m",
)
class MFM(FusionMethod):
    """Multimodal factorisation: the label's factors apart from those that generate a modality.

    With x_m of one length T, each encoder an LSTM whose last state passes a linear map (P, R)::

        z_y = W [h_1 ... h_M, u]_T    memory fusion network: states h_m of one LSTM a modality,
                                      memory u (blocks/memory_fusion.py)
        z_m = code of x_m,            F_y = MLP(z_y),  F_m = MLP_m(z_m)
        y = head(F_y),                x'_m = LSTM decoder of [F_y; F_m], its input its own state
        s_m, s_y^m = codes of the other modalities alone, in the place of z_m and z_y

        L = C(y) + sum_m C(y^m) + lambda_x sum_m (||x'_m - x_m||^2 + ||x'_m^m - x_m||^2)
            + lambda_mmd (MMD(z_y) + sum_m MMD(z_m)) + sum_m (||s_m - z_m||^2 + ||s_y^m - z_y||^2)

    with means for norms, C the label's loss, MMD between the batch's codes and as many draws from
    N(0, I), and ^m what is made of the surrogates s without modality m (R, its network for missing
    modalities). Where m is absent z_y is s_y^m, so that the label is still predicted; the mean of
    the surrogates where several are (C). Decoders and the modalities' own codes serve the losses
    alone: the label is told by F_y.

    Ours (C): unaligned inputs are averaged over equal shares of time, as many as the shortest
    present modality has steps and at most as many as the task's shortest can have. Errors count
    valid steps of present modalities; a code that is not there is no target. One width for all
    LSTMs and the memory, one for all codes and factors, one rate of dropout, one lambda_x, where
    the reference draws each at random (weights from .01 to 1); squared error in regression where it
    has the absolute one. Steps of any shape are taken as vectors, image frames too. With one
    modality there is no surrogate, and an absent one is zeros.

    What it does not learn from little: on ``simulated:lag`` at size ``small``, 30 epochs leave it
    near chance in three of five seeds (``results/reference/simulated``), though its memory can hold
    what one modality showed until the other answers. The attention of the memory compares two
    neighbouring steps alone, so a recurrent state has to carry the first event across the lag, and
    reconstruction, which weighs as much as the label, asks it to carry the frames instead.

    Not repeated from the reference: codes that move towards their surrogates too, which costs what
    the other modalities cannot tell (on simulated:synergy, size small, 30 epochs, two seeds, .72
    of the labels are right so and .92 with the codes held still); an MMD kernel
    exp(-||z - z'||^2 / d^2), so wide for a code of d numbers that it hardly compares more than
    means (here over 2 d, the mean squared distance of two draws); a decoder's error without one
    modality that is taken from another's surrogate; and states that run on through the padding.
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of MFM.

        Parameters
        ----------
        width, hidden, code
            Widths of the LSTMs' states and of the memory, of the hidden layers in the memory fusion
            network, and of every code z and factor F.
        dropout
            Rate on the hidden layers.
        reconstruction, mmd
            Weights lambda_x of the decoders' errors and lambda_mmd of the discrepancies.
        """

        width: int = search(64, choices=(32, 64, 128))
        hidden: int = 128
        code: int = search(32, choices=(8, 16, 32))
        dropout: float = search(0.2, low=0.0, high=0.5)
        reconstruction: float = search(0.1, low=0.01, high=1.0, log=True)
        mmd: float = search(0.1, low=0.01, high=1.0, log=True)

        def __post_init__(self):
            if min(self.reconstruction, self.mmd) < 0:
                raise ValueError(
                    f"reconstruction {self.reconstruction} and mmd {self.mmd} are weights of "
                    f"losses; expected 0 or more"
                )

    small: ClassVar[Mapping[str, Any]] = {"hidden": 64, "code": 16}

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        width, code, names = config.width, config.code, task.names
        inputs = [m.width for m in task.modalities.values()]
        rest = [sum(inputs) - size for size in inputs] if len(names) > 1 else []
        self.longest = min(m.max_length for m in task.modalities.values())
        self.readers = LSTMs(inputs, width)
        self.fusion = MemoryFusion(width * len(names), width, config.hidden, config.dropout)
        self.code = nn.Linear(width * (len(names) + 1), code)
        # One after the other the modalities' codes, then their surrogates.
        self.codes = Codes([*inputs, *rest], width, code)
        self.surrogates = Codes(rest, width, code) if rest else None
        self.label_factor = Perceptron(code, code, code, config.dropout)
        self.factors = nn.ModuleList(Perceptron(code, code, code, config.dropout) for _ in names)
        self.decoders = Decoders(inputs, 2 * code)
        self.head = Perceptron(code, code, len(task.outputs), config.dropout)

    def forward(self, batch: Batch) -> Output:
        inputs, lengths = self.aligned(batch)
        hidden, cells = self.readers(inputs)
        memory = self.fusion(torch.cat(list(cells), dim=-1))
        last = [last_step(x, lengths) for x in (*hidden, memory)]
        code = self.code(torch.cat(last, dim=-1))
        codes = code[None]
        if self.surrogates is not None:
            guesses = self.surrogates(others(inputs), lengths)
            absent = torch.stack([~batch.present[n] for n in self.task.names])[..., None]
            guess = (guesses * absent).sum(0) / absent.sum(0).clamp(min=1)
            codes = torch.cat([torch.where(absent.any(0), guess, code)[None], guesses])
        factors = functional.relu(self.label_factor(codes))
        logits = self.head(factors)
        # First what is predicted, then what each surrogate says: (1 + M, B, ...).
        return Output(
            logits[0], {"code": code, "codes": codes, "factors": factors, "logits": logits}
        )

    def aligned(self, batch: Batch) -> tuple[list[Tensor], Tensor]:
        """Average all modalities to sequences of one length, (B, T, n_m) each, and lengths (B,).

        What is absent has no say in the length; how far the batch is padded has none either.
        """
        names = self.task.names
        steps = min(self.longest, max(batch.values[name].shape[1] for name in names))
        own = [
            batch.lengths[n].masked_fill(~batch.present[n], self.longest).clamp(max=self.longest)
            for n in names
        ]
        present = torch.stack([batch.present[n] for n in names]).any(0)
        lengths = torch.stack(own).amin(0).masked_fill(~present, 1)
        return [
            averaged(batch.visible(n).flatten(2), batch.mask(n), lengths, steps) for n in names
        ], lengths

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        found, config = output.auxiliary, self.config
        inputs, lengths = self.aligned(batch)
        present = torch.stack([batch.present[name] for name in self.task.names])
        complete, own = present.all(0, keepdim=True), len(present)
        sources = inputs if self.surrogates is None else [*inputs, *others(inputs)]
        codes = self.codes(sources, lengths)
        real = torch.cat([found["code"][None], codes[:own]])
        known = torch.cat([complete, present])
        mmd = squared_mmd(real, torch.randn_like(real), 2.0 * config.code, known)
        errors = self.errors(found["factors"], codes, inputs, lengths, present)
        terms = {
            "supervised": supervised_loss(output.logits, batch, self.task),
            "reconstruction": config.reconstruction * errors,
            "mmd": config.mmd * mmd.sum(),
        }
        if self.surrogates is not None:
            target = real.detach()  # a code moved to its surrogate would lose what that cannot see
            label = (found["codes"][1:] - target[0]).square().mean(-1)
            each = (codes[own:] - target[1:]).square().mean(-1)
            terms["surrogate"] = (mean_where(label, complete) + mean_where(each, present)).sum()
            guesses = [supervised_loss(x, batch, self.task) for x in found["logits"][1:]]
            terms["surrogate_supervised"] = torch.stack(guesses).sum()
        return terms

    def errors(
        self, labels: Tensor, codes: Tensor, inputs: list[Tensor], lengths: Tensor, present: Tensor
    ) -> Tensor:
        """Sum the decoders' mean squared errors, from codes and from surrogates (K = 1 or 2 kinds).

        Parameters
        ----------
        labels
            F_y of the prediction, then without each modality in turn, (1 + M, B, d).
        codes
            Of the modalities, then their surrogates, (K M, B, d).
        inputs, lengths, present
            Targets (B, T, n_m), their valid steps (B,), and whether they are there (M, B).
        """
        count, steps = len(inputs), inputs[0].shape[1]
        # A modality's code goes with the label's factor, its surrogate with that without it.
        labels = torch.cat([labels[:1].expand(count, -1, -1), labels[1:]])
        label, code = (x.unflatten(0, (-1, count)).unbind(1) for x in (labels, codes))
        vectors = [
            torch.cat([y, functional.relu(factor(z))], dim=-1).flatten(0, 1)
            for factor, y, z in zip(self.factors, label, code, strict=True)
        ]
        valid = torch.arange(steps, device=lengths.device) < lengths[:, None]
        errors = []
        for x, written, there in zip(
            inputs, self.decoders(torch.stack(vectors), steps), present, strict=True
        ):
            each = (written.unflatten(0, (-1, len(x))) - x).square().mean(-1)
            errors.append(mean_where(each.flatten(1), (valid & there[:, None]).flatten()[None]))
        return torch.stack(errors).sum()

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """8 B T d sum (n + d) over all LSTMs, and the fusion network: affine in the aligned T."""
        from .blocks import algebra

        config, width, code = self.config, self.config.width, self.config.code
        inputs = [m.width for m in self.task.modalities.values()]
        count, outputs = len(inputs), len(self.task.outputs)
        steps = min(self.longest, max(lengths[n] for n in self.task.names))
        rest = [sum(inputs) - size for size in inputs] if count > 1 else []
        rows = batch * (1 + len(rest))

        def codes(sizes: list[int]) -> algebra.Work:
            read = algebra.lstms(batch, steps, sizes, width)
            return read + len(sizes) * algebra.linear(batch, width, code)

        work = algebra.lstms(batch, steps, inputs, width) + codes(rest)
        work += algebra.memory_fusion(batch, steps, count * width, width, config.hidden)
        work += algebra.linear(batch, (count + 1) * width, code)
        work += algebra.perceptron(rows, code, code, code)
        work += algebra.perceptron(rows, code, code, outputs)
        if training:
            work += codes([*inputs, *rest])
            # Kernels within the codes, between them and the draws, and within the draws.
            kernels = [algebra.product(batch, code, batch, gradients) for gradients in (2, 1, 0)]
            kernels.append(algebra.product(batch, batch, 1, gradients=1))
            work += (1 + count) * algebra.total(kernels)
            both = batch * (2 if rest else 1)
            work += count * algebra.perceptron(both, code, code, code)
            work += count * steps * algebra.linear(both, 2 * code, 8 * code)
            work += algebra.total(algebra.linear(both * steps, 2 * code, n) for n in inputs)
        return work.flops(training)


def others(inputs: list[Tensor]) -> list[Tensor]:
    """For each sequence (B, T, n_m) all others side by side, (B, T, sum of their n)."""
    return [
        torch.cat([x for j, x in enumerate(inputs) if j != i], dim=-1) for i in range(len(inputs))
    ]


def mean_where(x: Tensor, counted: Tensor) -> Tensor:
    """Mean of each row of x (K, N) where counted (K or 1, N), zero where nothing is: (K,)."""
    return x.masked_fill(~counted, 0.0).sum(1) / counted.sum(1).clamp(min=1)
