"""Audiovisual ladder network: AuxFormer trained to denoise its own layers, across modalities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..benchmark.contract import Batch, Output, Task, search
from ..benchmark.registry import ablation, any_number, method
from .auxformer import PASSES, AuxFormer, auxiliary, output
from .blocks.ladder import Decoder, Level, aligned, measured, shares

LEVELS = {"unimodal": 1 + PASSES, "fused": 3}
"""Levels of each stack: the input and the encoders' outputs."""


@method(
    "ladder",
    paper="Goncalves and Busso, ICASSP 2023",
    modalities=any_number,
    mark="reconstruction",
    cost="T_m sum_n T_n",
)
class Ladder(AuxFormer):
    """AuxFormer with denoising ladders within each modality and between every two.

    (P) The loss is L_sup + L_uns; L_sup = (C_sAV + C_sA + C_sV) / 3, and
    L_uns = sum_l lambda_l (C_rAV^l + (C_rA->V^l + C_rV->A^l) / 2). Skip connections run from the
    encoder of one modality to the decoder of the other, and on the fused stack likewise. The
    cross-entropies are those of the corrupted path, the prediction is the clean path's.

    (R) The cell is Rasmus et al.'s (``blocks/ladder.py``): the corrupted path adds N(0, noise^2),
    in units of the batch-normalised layer, at the input and at every level; decoders
    u = BN(V z_hat) under the corrupted softmax; ten-vector combinators; gradients through both
    paths.

    (C) What nobody published:

    * the levels: the unimodal stack has the projected input and the outputs of the auxiliary
      encoder's three passes; the fused one the same input and the outputs of the cross encoder and
      the self-encoder in the modality's stream of the main network;
    * C_r (``modality_ladder``) is the mean over modalities of the ladder whose skip connections
      come from the modality itself; the cross-modal one (``cross_ladder``) the mean over ordered
      pairs (source, target), whose skip connections come from the source alone; so with any number
      of modalities. Decoders stand under the softmax of the source's auxiliary network, on the
      fused stack under the main one's. Both stacks' costs are added;
    * a source's step is the one at the same relative time as the target's;
    * statistics and costs count valid steps of present modalities only, with eps = 1e-3;
    * the clean path has no dropout. The corrupted one keeps AuxFormer's;
    * lambda (.1, .01, .001): under clipping of the gradient at norm 1, Rasmus et al.'s 1000 at the
      input leaves the cross-entropy no share of it (chance on three subjects of UTD-MHAD), and 1
      too little on ``simulated:synergy`` (.58 and .33 of the held-out clips right at width 16 after
      20 epochs with two seeds, with .1 .88 and .90).

    Examples without a label add L_uns alone. In evaluation only the clean path runs, so that a
    prediction depends on nobody else in the batch; it equals ``auxformer``'s with the same weights.
    With both ladders off (``ladder-none``) training is AuxFormer's too.
    """

    @dataclass(frozen=True)
    class Config(AuxFormer.Config):
        """Those of AuxFormer; ``denoising`` is lambda by level, its last value repeated."""

        noise: float = search(0.3, low=0.1, high=0.5)
        denoising: tuple[float, ...] = search(
            (0.1, 0.01, 0.001),
            choices=(
                (1000.0, 1.0, 0.01),
                (1000.0, 10.0, 0.1),
                (1.0, 0.1, 0.01),
                (0.1, 0.01, 0.001),
            ),
        )
        cross_ladder: bool = True
        modality_ladder: bool = True

        def __post_init__(self):
            super().__post_init__()
            if not self.denoising or min(self.denoising) < 0.0:
                raise ValueError(f"denoising {self.denoising} is not a list of weights >= 0")
            if self.noise < 0.0:
                raise ValueError(f"noise {self.noise} is negative")

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        self.routes = {name: self.sources(name) for name in task.names}
        # Built after the backbone, whose weights are so AuxFormer's of the same seed.
        self.decoders = nn.ModuleDict(
            {
                f"{stack}:{name}": Decoder(len(sources), levels, config.width, len(task.outputs))
                for stack, levels in LEVELS.items()
                for name, sources in self.routes.items()
                if sources
            }
        )

    def sources(self, target: str) -> tuple[str, ...]:
        """Modalities whose noisy layers reconstruct a target's: itself first, then the others."""
        own = (target,) if self.config.modality_ladder else ()
        others = tuple(n for n in self.task.names if n != target)
        return own + (others if self.config.cross_ladder else ())

    def forward(self, batch: Batch) -> Output:
        if not self.training or not any(self.routes.values()):
            return super().forward(batch)
        clean, noisy = CleanPath(batch), NoisyPath(batch, self.config.noise)
        with without_dropout(self):
            prediction = output(self.predictions(batch, clean.visit)).logits
        answers = self.predictions(batch, noisy.visit)
        return Output(prediction, {**answers, **self.denoising(batch, clean, noisy, answers)})

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        costs = {n: v for n, v in output.auxiliary.items() if n.startswith("denoising:")}
        return {**super().losses(output, batch), **costs}

    def denoising(
        self, batch: Batch, clean: CleanPath, noisy: NoisyPath, logits: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return L_uns in its two parts: within each modality, and across ordered pairs."""
        own, cross = [], []
        for stack, target, costs in self.costs(batch, clean, noisy, logits):
            lambdas = self.config.denoising
            weights = [lambdas[min(level, len(lambdas) - 1)] for level in range(LEVELS[stack])]
            each = costs.new_tensor(weights) @ costs
            for source, value in zip(self.routes[target], each.unbind(), strict=True):
                (own if source == target else cross).append(value)
        count = len(self.routes)
        terms = {"denoising:own": (own, count), "denoising:cross": (cross, count * (count - 1))}
        return {name: torch.stack(part).sum() / n for name, (part, n) in terms.items() if part}

    def costs(
        self, batch: Batch, clean: CleanPath, noisy: NoisyPath, logits: Mapping[str, Tensor]
    ) -> Iterator[tuple[str, str, Tensor]]:
        """Yield (stack, target, unweighted costs (levels, sources)) for every decoder."""
        softmax = self.task.kind == "classification"
        answers = {n: y.softmax(1) if softmax else y for n, y in logits.items()}
        for target, sources in self.routes.items():
            if not sources:
                continue
            rows = {s: None if s == target else rows_at(batch, s, target) for s in sources}
            seen = [clean.counted[target] & batch.present[s][:, None] for s in sources]
            for stack, levels in LEVELS.items():
                tops = [answers["main" if stack == "fused" else auxiliary(s)] for s in sources]
                lateral = [
                    torch.stack([bring(noisy.layers[stack, s][level], rows[s]) for s in sources])
                    for level in range(levels)
                ]
                decode = self.decoders[f"{stack}:{target}"]
                known = clean.layers[stack, target]
                yield stack, target, decode(lateral, torch.stack(tops), known, torch.stack(seen))

    def flops(
        self, batch: int, lengths: dict[str, int], training: bool = False, branches: str = ""
    ) -> int:
        """`auxformer`; in training both paths, and 2 B T d^2 levels routes for the decoders."""
        from .blocks import algebra

        plain = super().flops(batch, lengths, training, branches)
        if not training or not any(self.routes.values()):
            return plain
        width, outputs = self.config.width, len(self.task.outputs)
        kept = decoders = algebra.Work()
        for name, modality in self.task.modalities.items():
            level = algebra.measured(batch * lengths[name], width)
            # What was not projected has no gradient.
            kept += level.unheard if modality.shape == (width,) else level
            kept += (PASSES if branches else PASSES + 2) * level
        if branches:
            return plain + (kept.backward if branches == "apart" else 0)
        # At length zero readouts are left, of which no loss hears the clean path's.
        readouts = super().flops(batch, dict.fromkeys(lengths, 0))
        for levels in LEVELS.values():
            for target, sources in self.routes.items():
                steps, routes = lengths[target], len(sources)
                decoders += algebra.decoder(batch, steps, routes, levels, width, outputs)
                # The levels' weights lambda.
                decoders += algebra.product(1, levels, routes, gradients=1)
        return 2 * plain - 2 * readouts + (2 * kept + decoders).flops(training)


class Path:
    """One passage through the network that keeps every level of every stack.

    Attributes
    ----------
    counted
        By modality (B, T) bool: the valid steps of the examples that have it.
    layers
        By (stack, modality) the levels from the lowest, flat over (B, T).
    """

    def __init__(self, batch: Batch):
        names = tuple(batch.values)
        self.counted = {n: batch.mask(n) & batch.present[n][:, None] for n in names}
        self.layers: dict[tuple[str, str], list] = {(s, n): [] for s in LEVELS for n in names}

    def measure(self, modality: str, hidden: Tensor) -> Level:
        """Measure a layer (B, T, d) over the steps that count."""
        share = shares(self.counted[modality].flatten(), hidden.dtype)
        return measured(hidden.flatten(0, 1), share)

    def keep(self, stack: str, modality: str, layer: Level | Tensor) -> None:
        """Keep a level; the input is the lowest level of both stacks."""
        for name in LEVELS if stack == "input" else (stack,):
            self.layers[name, modality].append(layer)


class CleanPath(Path):
    """The path without noise: keeps layers with their statistics."""

    def visit(self, stack: str, modality: str, hidden: Tensor) -> Tensor:
        self.keep(stack, modality, self.measure(modality, hidden))
        return hidden


class NoisyPath(Path):
    """The corrupted path: keeps z = BN(h) + n, n ~ N(0, noise^2), and sends that on upwards."""

    def __init__(self, batch: Batch, noise: float):
        super().__init__(batch)
        self.noise = noise

    def visit(self, stack: str, modality: str, hidden: Tensor) -> Tensor:
        level = self.measure(modality, hidden)
        drawn = self.noise * torch.randn_like(level.hidden)
        self.keep(stack, modality, level.z + drawn)
        return hidden + (level.deviation * drawn).view_as(hidden)


def rows_at(batch: Batch, source: str, target: str) -> Tensor:
    """Rows of a source's flat sequence at the relative times of a target's steps."""
    steps = (batch.values[source].shape[1], batch.values[target].shape[1])
    return aligned(batch.lengths[source], batch.lengths[target], steps)


def bring(layer: Tensor, rows: Tensor | None) -> Tensor:
    """Bring a flat layer along a skip connection, step by step or to the steps of others."""
    return layer if rows is None else layer.index_select(0, rows)


@contextmanager
def without_dropout(module: nn.Module) -> Iterator[None]:
    """Let every part of a module run as in evaluation."""
    parts = [part for part in module.modules() if part.training]
    for part in parts:
        part.training = False
    try:
        yield
    finally:
        for part in parts:
            part.training = True


ablation("ladder-no-cross", of="ladder", cross_ladder=False)
ablation("ladder-no-modality", of="ladder", modality_ladder=False)
ablation("ladder-none", of="ladder", cross_ladder=False, modality_ladder=False)
