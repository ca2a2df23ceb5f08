"""What the harness costs over the bare training loop of the same model.

    python tests/speed/overhead.py [METHOD ...]

Trains each method on `simulated:cremad-like` (size small, 400 clips) twice, in turns: through the
harness (`fit`: bucketed collation, named losses, hooks, clipping, validation with macro F1, best
weights kept) and through a bare loop over ready-made batches (forward, cross-entropy, backward,
clipping, Adam step, and the validation forward passes). Prints the median of the paired ratios.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time

import numpy as np
import torch
from fusemark.benchmark.cell import open_dataset
from fusemark.benchmark.loading import Scaler, load, reduced
from fusemark.benchmark.provenance import machine
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.settings import DataSettings, TrainingSettings
from fusemark.benchmark.training import fit
from torch import nn

REPEATS = 7
EPOCHS = 2


def bare(build, train, valid, settings) -> None:
    """Train with nothing but the loop; the batches were made before the clock started."""
    model = build()
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.lr, fused=True)
    for _ in range(settings.epochs):
        model.train()
        for batch in train:
            optimiser.zero_grad()
            output = model(batch)
            torch.stack(tuple(model.losses(output, batch).values())).sum().backward()
            nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            optimiser.step()
        model.eval()
        with torch.inference_mode():
            for batch in valid:
                model(batch)


def main() -> None:
    torch.set_num_threads(1)
    print(f"{machine()['processor']}, {machine()['cores']} cores, one thread, torch "
          f"{torch.__version__}, Python {platform.python_version()}")  # fmt: skip
    data = DataSettings(max_frames=64)
    settings = TrainingSettings(epochs=EPOCHS, patience=None)
    dataset = open_dataset("simulated:cremad-like", {"clips": 400}, None)
    split = dataset.split(np.random.default_rng(0), 0)
    task = reduced(dataset.task, data)
    train, valid = load(dataset, split.train, data), load(dataset, split.valid, data)
    scaler = Scaler.fit(train, task)
    train, valid = scaler.apply(train), scaler.apply(valid)
    batches = list(train.shuffled(settings.batch, np.random.default_rng(0)))
    checks = [batch for _, batch in valid.in_order(4 * settings.batch)]
    print(f"{'method':<16}{'bare s':>8}{'harness s':>11}{'ratio':>8}{'  (quartiles)'}")
    for name in sys.argv[1:] or ("late-concat", "mult", "ladder", "chunked"):
        recipe = parse(name)

        def build(recipe=recipe):
            return recipe.build(task, recipe.resolve("small", {}))

        bare(build, batches, checks, settings)
        rows = []
        for turn in range(REPEATS):
            pair = {}
            for kind in ("bare", "harness") if turn % 2 else ("harness", "bare"):
                start = time.perf_counter()
                if kind == "bare":
                    bare(build, batches, checks, settings)
                else:
                    fit(build, train, valid, settings, seed=0)
                pair[kind] = time.perf_counter() - start
            rows.append(pair)
        ratios = [r["harness"] / r["bare"] for r in rows]
        low, median, high = statistics.quantiles(ratios, n=4)
        plain, whole = (statistics.median(r[k] for r in rows) for k in ("bare", "harness"))
        print(f"{name:<16}{plain:>8.2f}{whole:>11.2f}{median:>8.3f}  ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
