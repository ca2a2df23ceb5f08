"""Whether torch.compile would pay: compiled training steps against the steps that cells make.

    python tests/speed/compiled.py [--methods M,M] [--device cpu|cuda] [--rounds 20]

Each method trains on batches of CREMA-D's widths at three short lengths, as buckets bring them: as
it is, and under ``torch.compile(dynamic=True)``, with CUDA graphs on a GPU; the two take turns.
Printed: seconds that compiling takes (all of the first calls), the ratio of the step times,
and the number of steps after which compiling has paid for itself. A cell is a process of its own,
and would compile anew.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import statistics
import time
import warnings

import torch
from fusemark.benchmark.cost.steps import Measured, full_batch
from fusemark.benchmark.cost.sweep import CREMAD, task_at
from fusemark.benchmark.provenance import machine, versions
from fusemark.benchmark.recipes import parse

LENGTHS = [{"audio": 16 * n, "visual": 8 * n} for n in (4, 6, 8)]
BATCH = 32


def prepared(name: str, device: str, compiled: bool) -> Measured:
    """Build a method at size small, the same weights either way."""
    torch.manual_seed(0)
    recipe = parse(name)
    task = task_at(CREMAD, LENGTHS[-1])
    model = recipe.build(task, recipe.resolve("small", {})).to(device).train()
    if compiled:
        mode = "reduce-overhead" if device == "cuda" else "default"
        model.compile(dynamic=True, mode=mode)
    return Measured(model, device)  # type: ignore[arg-type]


def seconds(measured: Measured, batch: object, device: str) -> float:
    """Time one training step."""
    start = time.perf_counter()
    measured.train(batch)  # type: ignore[arg-type]
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(name: str, device: str, rounds: int) -> str:
    """Return a method's row."""
    batches = [full_batch(task_at(CREMAD, n), BATCH, n, device) for n in LENGTHS]
    eager, other = prepared(name, device, False), prepared(name, device, True)
    first = {
        side: sum(seconds(each, batch, device) for batch in batches for _ in range(2))
        for side, each in (("eager", eager), ("compiled", other))
    }
    pairs = [
        (seconds(eager, batch, device), seconds(other, batch, device))
        for _ in range(rounds)
        for batch in batches
    ]
    ratio = statistics.median(b / a for a, b in pairs)
    took = first["compiled"] - first["eager"]
    gain = statistics.mean(a - b for a, b in pairs)
    steps = f"{took / gain:,.0f}" if gain > 0 else "never"
    step = 1000 * statistics.median(a for a, _ in pairs)
    return f"| {name} | {step:.1f} | {ratio:.2f} | {took:.1f} | {steps} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--methods", default="late-concat,mult,chunked,ladder")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    print(
        f"{machine()['processor']}, torch {versions()['torch']}, {asked.device}, one thread, "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )
    print("| method | eager step, ms | compiled / eager | compiling, s | pays after steps |")
    print("| :--- | ---: | ---: | ---: | ---: |")
    for name in asked.methods.split(","):
        try:
            print(compare(name, asked.device, asked.rounds), flush=True)
        except Exception as error:
            # What compiling does not take is a result too.
            reason = str(error).strip().partition("\n")[0][:80]
            print(f"| {name} | {type(error).__name__}: {reason} | {math.nan} | | |", flush=True)


if __name__ == "__main__":
    main()
