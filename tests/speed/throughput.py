"""Achieved GFLOP/s of a training step of every method.

    python tests/speed/throughput.py [METHODS] [ROUNDS]

Size small, batch 32, CREMA-D's shapes at 64 frames a modality, one thread; all methods take turns,
and the median is printed with the count of `bench cost` behind it. A method under a quarter of
MulT's rate is marked. At width 32 nobody is near the machine's peak, and a low rate says that the
step's time goes to operators that do no counted arithmetic (norms, softmax, dropout, recurrences),
not that the method is slow: the milliseconds stand beside it.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from dataclasses import replace

import torch
from fusemark.benchmark.contract import Task
from fusemark.benchmark.cost.flops import count
from fusemark.benchmark.cost.steps import Measured, full_batch
from fusemark.benchmark.cost.sweep import CREMAD
from fusemark.benchmark.provenance import machine
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.registry import methods

STEPS, BATCH, YARDSTICK = 64, 32, "mult"


def main() -> None:
    torch.set_num_threads(1)
    names = sys.argv[1].split(",") if len(sys.argv) > 1 else everything()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    task = replace(
        CREMAD,
        modalities={
            n: replace(m, max_length=STEPS, rate=None) for n, m in CREMAD.modalities.items()
        },
    )
    lengths = dict.fromkeys(task.names, STEPS)
    print(
        f"{machine()['processor']}, one thread, torch {torch.__version__}, Python "
        f"{platform.python_version()}; batch {BATCH}, {STEPS} steps a modality"
    )
    batch = full_batch(task, BATCH, lengths)
    models = {name: built(name, task) for name in dict.fromkeys([YARDSTICK, *names])}
    counted = {n: count(m.model, BATCH, lengths, training=True) for n, m in models.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(rounds + 1):
        for name, measured in models.items():
            start = time.perf_counter()
            measured.train(batch)
            if turn:  # the first warms up
                times[name].append(time.perf_counter() - start)
    rates = {n: counted[n].total / statistics.median(t) / 1e9 for n, t in times.items()}
    print(f"{'method':20}{'ms a step':>11}{'GFLOP':>9}{'GFLOP/s':>9}")
    for name, rate in sorted(rates.items(), key=lambda item: -item[1]):
        seconds = statistics.median(times[name])
        mark = f"  under a quarter of {YARDSTICK}'s" if rate < rates[YARDSTICK] / 4 else ""
        work = counted[name].total / 1e9
        print(f"{name:20}{1e3 * seconds:11.1f}{work:9.2f}{rate:9.2f}{mark}")


def everything() -> list[str]:
    """Name every method; of those that take a modality's name, the first modality."""
    first = next(iter(CREMAD.modalities))
    return [f"{e.name}:{first}" if e.argument else e.name for e in methods if not e.of]


def built(name: str, task: Task) -> Measured:
    """Build a method at size small, ready to train."""
    torch.manual_seed(0)
    recipe = parse(name)
    measured = Measured(recipe.build(task, recipe.resolve("small", {})))
    measured.model.train()
    return measured


if __name__ == "__main__":
    main()
