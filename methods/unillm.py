"""UniLLM-style fusion: aligned tokens, routed soft prompts, and training guided by a memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..benchmark.contract import Batch, FusionMethod, Output, Task, search, supervised_loss
from ..benchmark.registry import any_number, method
from .blocks.backbone import LanguageModel, SmallTransformer
from .blocks.contrastive import symile
from .blocks.frames import Projection
from .blocks.min_norm import combined, inner_products, min_norm
from .blocks.pooling import masked_mean
from .blocks.prompts import RoutedPrompts
from .blocks.reservoir import Reservoir
from .blocks.unimodal import TransformerConfig, encoder

REPLAY = "replay:"
"""Prefix of the names of replayed losses."""


@method(
    "unillm",
    paper="UniLLM-style: after the abstract alone",
    modalities=any_number,
    mark="reconstruction",
    missing="mask",
    cost="(sum T_m)^2",
)
class UniLLM(FusionMethod):
    """Aligned modalities and routed prompts before a language model, trained with a memory.

    (P, of an abstract; no detail was published) A cross-modal alignment module, prompts that are
    routed by task, missing modalities and input, a language model, and memory-guided training.
    Everything below is (C).

    * Tokens. A modality is projected, encoded by a transformer of ``stem`` layers, x_m (B, T_m, d),
      and split in a shared and a private part, t_m = S_m x_m + P_m x_m + e_m, e_m an embedding of
      the modality. The means of S_m x_m over valid steps are aligned by symmetric InfoNCE between
      every two modalities that an example has; P_m x_m, the residual, keeps what is m's own.
    * Prompts (``blocks/prompts.py``). A router softmax(W [task; presence; mean over the present
      modalities of their mean token]) mixes the ``active`` best of a pool; the mixture precedes the
      tokens of the present modalities, and a learned token that is read out follows them.
    * Backbone. A small transformer, or a frozen pretrained causal language model from the folder
      ``backbone`` (``pip install 'fusemark[llm]'``), which linear maps lead into and out of.
    * Memory. A reservoir keeps examples of each pattern of present modalities, as they were trained
      on. At every step some of each pattern are replayed, and the parameters move along the
      shortest vector in the convex hull of the gradients of the batch and of each pattern
      (Frank-Wolfe, ``blocks/min_norm.py``), which makes no pattern's loss worse. No prediction
      reads the memory, and no file keeps it.

    Routing by task takes several tasks, in ``batch.tasks`` and ``tasks``; trained on one dataset it
    routes by presence and input alone.

    Raises
    ------
    ValueError
        More active prompts than there are; a backbone that cannot be loaded.
    """

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        """Settings of the transformers, the prompts, the alignment and the memory.

        Parameters
        ----------
        stem
            Layers of each modality's encoder; ``layers`` are the small backbone's.
        pool, active, length
            Prompts, those that are mixed, and tokens of each.
        align
            Weight of the alignment.
        memory, replayed
            Examples kept of each pattern, and replayed of each at every step; none with 0.
        tasks
            Tasks that one model is trained on.
        backbone
            Folder of a pretrained causal language model; by default a small transformer.
        """

        stem: int = search(1, low=1, high=2)
        pool: int = search(8, choices=(4, 8, 16))
        active: int = search(2, choices=(1, 2, 4))
        length: int = search(4, low=1, high=8)
        align: float = search(0.1, low=0.01, high=1.0, log=True)
        memory: int = 64
        replayed: int = search(8, choices=(0, 4, 8, 16))
        tasks: int = 1
        backbone: str = ""

        def __post_init__(self):
            for name in ("stem", "active", "length", "memory", "tasks"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} {getattr(self, name)} is not positive")
            if self.active > self.pool:
                raise ValueError(f"active {self.active} exceeds the pool of {self.pool} prompts")

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        width, names = config.width, task.names
        stem = replace(config, layers=config.stem)
        self.project = nn.ModuleDict(
            {name: Projection(m, width) for name, m in task.modalities.items()}
        )
        self.encoders = nn.ModuleDict({name: encoder(stem) for name in names})
        self.shared = nn.ModuleDict({name: nn.Linear(width, width) for name in names})
        self.private = nn.ModuleDict({name: nn.Linear(width, width) for name in names})
        self.embedding = nn.ParameterDict({n: nn.Parameter(torch.randn(width)) for n in names})
        # CLIP's log(1 / .07); with one modality there is nothing to align.
        self.log_scale = nn.Parameter(torch.tensor(2.66)) if len(names) > 1 else None
        self.prompts = RoutedPrompts(
            config.pool, config.active, config.length,
            tasks=config.tasks, modalities=len(names), width=width,
        )  # fmt: skip
        self.readout = nn.Parameter(torch.randn(width))
        self.backbone = (
            LanguageModel(config.backbone, width) if config.backbone else SmallTransformer(config)
        )
        self.head = nn.Linear(width, len(task.outputs))
        self.memory = Reservoir(config.memory)
        self.last: Batch | None = None

    def forward(self, batch: Batch) -> Output:
        names = self.task.names
        aligned, tokens, masks, means = {}, [], [], []
        for name in names:
            mask = batch.mask(name)
            x = self.encoders[name](self.project[name](batch.visible(name)), mask=mask)
            shared = self.shared[name](x)
            aligned[name] = functional.normalize(masked_mean(shared, mask), dim=-1)
            tokens.append(shared + self.private[name](x) + self.embedding[name])
            masks.append(mask & batch.present[name][:, None])
            means.append(masked_mean(tokens[-1], mask))
        presence = torch.stack([batch.present[n] for n in names], dim=1)
        pooled = masked_mean(torch.stack(means, dim=1), presence | ~presence.any(1, keepdim=True))
        prompts, weights = self.prompts(batch.tasks, presence, pooled)
        readout = self.readout.expand(len(batch), 1, -1)
        always = presence.new_ones(len(batch), prompts.shape[1] + 1)
        mask = torch.cat([always[:, 1:], *masks, always[:, :1]], dim=1)
        h = self.backbone(torch.cat([prompts, *tokens, readout], dim=1), mask)[:, -1]
        return Output(self.head(h), {"routing": weights, **aligned})

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        terms = self.own_losses(output, batch)
        if self.training and self.config.replayed:
            self.last = batch
            for pattern, memory in self.memory.draw(self.config.replayed).items():
                memory = memory.to(batch.device)
                replayed = self.own_losses(self(memory), memory)
                terms[replay(pattern)] = torch.stack(tuple(replayed.values())).sum()
        return terms

    def own_losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return the supervised loss and that of the alignment, without replay."""
        terms = {"supervised": supervised_loss(output.logits, batch, self.task)}
        if self.log_scale is not None:
            scale = self.log_scale.exp()
            pairs = [
                symile(
                    (output.auxiliary[a], output.auxiliary[b]),
                    scale,
                    batch.present[a] & batch.present[b],
                )
                for a, b in combinations(self.task.names, 2)
            ]
            terms["alignment"] = self.config.align * torch.stack(pairs).mean()
        return terms

    def corrupt(self, batch: Batch, generator: torch.Generator) -> Batch:
        # The first hook of the next step: the memory then holds examples as they were trained on,
        # after the corruption of strategies around this method, and never the batch itself.
        if self.last is not None:
            self.memory.add(self.last, generator)
            self.last = None
        return batch

    def backward(self, losses: Mapping[str, Tensor], parameters: Iterable[nn.Parameter]) -> None:
        parameters = list(parameters)
        current = [term for name, term in losses.items() if not name.startswith(REPLAY)]
        replayed = [term for name, term in losses.items() if name.startswith(REPLAY)]
        gradients = [
            torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
            for loss in (torch.stack(current).sum(), *replayed)
        ]
        weights = min_norm(inner_products(gradients)) if replayed else torch.ones(1)
        for parameter, slopes in zip(parameters, zip(*gradients, strict=True), strict=True):
            parameter.grad = combined(slopes, weights)

    def flops(self, batch: int, lengths: dict[str, int], training: bool = False) -> int:
        """B d L (24 T d + 4 T^2) for T = prompts + sum_m T_m + 1, and stems; nothing replayed.

        That is a first training step; an example replayed later costs as much as one of the batch.
        """
        from .blocks import algebra

        config, task, width = self.config, self.task, self.config.width
        if config.backbone:
            raise NotImplementedError(f"the cost of backbone {config.backbone!r} is not declared")
        count, work = len(task.names), algebra.Work()
        for name, modality in task.modalities.items():
            rows = batch * lengths[name]
            work += algebra.projection(rows, modality, width)
            work += config.stem * algebra.layer(batch, lengths[name], width)
            work += 2 * algebra.linear(rows, width, width)
        work += algebra.linear(batch, width + count + width, config.pool)
        if config.active > 1:
            work += batch * algebra.product(1, config.active, config.length * width)
        steps = config.length + sum(lengths[n] for n in task.names) + 1
        work += algebra.transformer(batch, steps, config)
        work += algebra.linear(batch, width, len(task.outputs))
        if training:
            work += count * (count - 1) * algebra.product(batch, width, batch)
        return work.flops(training)


def replay(pattern: Iterable[bool]) -> str:
    """Name of a pattern's replayed loss: ``replay:10`` has the first modality of two."""
    return REPLAY + "".join("1" if present else "0" for present in pattern)
