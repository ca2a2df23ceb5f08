"""A MulT training step against the explicit-bmm formulation of the same network.

    python tests/speed/mult.py [ROUNDS]

The yardstick is written from the equations of Tsai et al. (ACL 2019) with the usual tools: batched
matrix products and a softmax for attention, `nn.Dropout`, `torch.optim.Adam`, one encoder after the
other. Both have the reference setting (batch 8, T = 50, widths 300, 74 and 35, d = 30, 5 layers, 5
heads, dropout on), the same 1,073,731 parameters, and with dropout off the same outputs, which is
checked first. Two threads; the two take turns, and the median of the paired ratios is printed.
"""

from __future__ import annotations

import math
import platform
import statistics
import sys
import time

import torch
from fusemark.benchmark.contract import Batch, Modality, Task
from fusemark.benchmark.provenance import machine
from fusemark.methods.mult import MulT
from torch import Tensor, nn
from torch.nn import functional

BATCH, STEPS = 8, 50
WIDTHS = {"text": 300, "audio": 74, "visual": 35}
CONFIG = MulT.Config(width=30, layers=5, heads=5)
PER_ROUND = 5


class ExplicitAttention(nn.Module):
    """Multi-head attention by batched matrix products over (B heads, T, d / heads)."""

    def __init__(self, width: int):
        super().__init__()
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.drop = nn.Dropout(CONFIG.attention_dropout)

    def forward(self, query: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        width, heads = query.shape[-1], CONFIG.heads
        weights, biases = self.project.weight.chunk(3), self.project.bias.chunk(3)
        q, k, v = (
            functional.linear(x, w, b)
            .view(x.shape[0], x.shape[1], heads, width // heads)
            .transpose(1, 2)
            .reshape(-1, x.shape[1], width // heads)
            for x, w, b in zip((query, memory, memory), weights, biases, strict=True)
        )
        scores = torch.bmm(q / math.sqrt(width // heads), k.transpose(1, 2))
        hidden = mask.repeat_interleave(heads, 0)[:, None]
        scores = scores.masked_fill(~hidden, -math.inf)
        mixed = torch.bmm(self.drop(scores.softmax(-1)), v)
        mixed = mixed.view(-1, heads, query.shape[1], width // heads).transpose(1, 2)
        return self.out(mixed.reshape(query.shape))


class ExplicitLayer(nn.Module):
    """Pre-LayerNorm block: attention and feed-forward net, each with dropout and a residual."""

    def __init__(self, width: int):
        super().__init__()
        self.attention = ExplicitAttention(width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.relu_drop = nn.Dropout(CONFIG.relu_dropout)
        self.residual_drop = nn.Dropout(CONFIG.residual_dropout)

    def forward(self, x: Tensor, memory: Tensor | None, mask: Tensor) -> Tensor:
        query = self.norms[0](x)
        keys = query if memory is None else self.norms[0](memory)
        x = x + self.residual_drop(self.attention(query, keys, mask))
        hidden = self.relu_drop(torch.relu(self.expand(self.norms[1](x))))
        return x + self.residual_drop(self.contract(hidden))


class ExplicitEncoder(nn.Module):
    """sqrt(d) x + positions, layers that attend to the memory's embedding, a final LayerNorm."""

    def __init__(self, width: int, layers: int):
        super().__init__()
        self.layers = nn.ModuleList(ExplicitLayer(width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.drop = nn.Dropout(CONFIG.embedding_dropout)
        rate = torch.exp(torch.arange(width // 2) * (-math.log(10_000) / (width // 2 - 1)))
        angle = torch.arange(STEPS)[:, None] * rate
        self.register_buffer("table", torch.cat([angle.sin(), angle.cos()], 1), persistent=False)

    def forward(self, x: Tensor, memory: Tensor | None, mask: Tensor) -> Tensor:
        x = self.drop(math.sqrt(x.shape[-1]) * x + self.table)
        if memory is not None:
            memory = self.drop(math.sqrt(memory.shape[-1]) * memory + self.table)
        for layer in self.layers:
            x = layer(x, memory, mask)
        return self.norm(x)


class ExplicitProjection(nn.Module):
    """Convolution of kernel 1 without bias, to the width d."""

    def __init__(self, width: int):
        super().__init__()
        self.convolution = nn.Conv1d(width, CONFIG.width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x.transpose(1, 2)).transpose(1, 2)


class ExplicitMulT(nn.Module):
    """MulT, its parameters named as the package's are, so that it can take them over."""

    def __init__(self):
        super().__init__()
        names, d = tuple(WIDTHS), CONFIG.width
        self.project = nn.ModuleDict({n: ExplicitProjection(w) for n, w in WIDTHS.items()})
        self.cross = nn.ModuleDict(
            {t: nn.ModuleDict({s: ExplicitEncoder(d, CONFIG.layers) for s in names if s != t})
             for t in names}
        )  # fmt: skip
        self.encoders = nn.ModuleDict({n: ExplicitEncoder(2 * d, CONFIG.layers) for n in names})
        self.hidden = nn.ModuleList([nn.Linear(6 * d, 6 * d), nn.Linear(6 * d, 6 * d)])
        self.out = nn.Linear(6 * d, 1)

    def forward(self, batch: Batch) -> Tensor:
        streams = {n: self.project[n](batch.values[n]) for n in WIDTHS}
        last = []
        for target, sources in self.cross.items():
            crossed = [e(streams[target], streams[s], batch.mask(s)) for s, e in sources.items()]
            encoded = self.encoders[target](torch.cat(crossed, -1), None, batch.mask(target))
            last.append(encoded[:, -1])
        h = torch.cat(last, -1)
        return self.out(h + self.hidden[1](torch.relu(self.hidden[0](h))))


def make_batch() -> Batch:
    """Draw one batch of full length."""
    torch.manual_seed(1)
    full, yes = torch.full((BATCH,), STEPS), torch.ones(BATCH, dtype=torch.bool)
    return Batch(
        values={n: torch.randn(BATCH, STEPS, w) for n, w in WIDTHS.items()},
        lengths=dict.fromkeys(WIDTHS, full),
        present=dict.fromkeys(WIDTHS, yes),
        labels=torch.randn(BATCH, 1),
        labelled=yes,
        examples=torch.arange(BATCH),
        groups=torch.zeros(BATCH, dtype=torch.int64),
        tasks=torch.zeros(BATCH, dtype=torch.int64),
    )


def main() -> None:
    torch.set_num_threads(2)
    torch.manual_seed(0)
    modalities = {n: Modality(shape=(w,), max_length=STEPS) for n, w in WIDTHS.items()}
    task = Task(modalities, outputs=("score",), kind="regression")
    ours, explicit, batch = MulT(task, CONFIG), ExplicitMulT(), make_batch()
    explicit.load_state_dict(ours.state_dict())
    count = sum(p.numel() for p in explicit.parameters())
    ours.eval(), explicit.eval()
    difference = float((ours(batch).logits - explicit(batch)).detach().abs().max())
    if count != 1_073_731 or difference > 1e-5:
        raise SystemExit(f"not the same network: {count:,} parameters, outputs {difference} apart")
    print(
        f"{machine()['processor']}, two threads, torch {torch.__version__}, "
        f"Python {platform.python_version()}\n{count:,} parameters each, outputs with dropout off "
        f"at most {difference:.1e} apart"
    )
    steps = {
        "fusemark": step(ours, lambda: ours(batch).logits, batch, fused=True),
        "explicit": step(explicit, lambda: explicit(batch), batch, fused=None),
    }
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    times = {name: [] for name in steps}
    for turn in range(rounds + 2):
        for name in (*steps,) if turn % 2 else (*reversed(steps),):
            start = time.perf_counter()
            for _ in range(PER_ROUND):
                steps[name]()
            if turn >= 2:  # the first two warm up
                times[name].append((time.perf_counter() - start) / PER_ROUND)
    for name, seconds in times.items():
        print(f"{name:10} {1e3 * statistics.median(seconds):7.1f} ms a step")
    ratios = [e / f for f, e in zip(times["fusemark"], times["explicit"], strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    print(f"explicit / fusemark: {statistics.median(ratios):.2f} (quartiles {low:.2f}, {high:.2f})")


def step(model: nn.Module, forward, batch: Batch, *, fused: bool | None):
    """Return a function that does one training step."""
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)

    def once() -> None:
        optimiser.zero_grad(set_to_none=True)
        functional.mse_loss(forward(), batch.labels).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.8)
        optimiser.step()

    return once


if __name__ == "__main__":
    main()
