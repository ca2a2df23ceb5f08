"""Whether `bench cost` repeats beside a load: quotients of two runs' ratios.

    python tests/speed/cost_ratios.py [COMPARISONS] [BUDGET] [--other-load]

Each comparison times MulT and chunked against late-concat twice, each time in a fresh process,
while another process keeps a core busy; with ``--other-load`` none is begun, for a machine that is
busy already. The 95 % bootstrap interval of the quotient of both runs' ratios should hold 1 in at
least 17 of 20 comparisons, and be no wider than +-10 %.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time

import numpy as np
from fusemark.benchmark.cost.cells import CostCell, Limits
from fusemark.benchmark.cost.sweep import CREMAD
from fusemark.benchmark.cost.workers import CostJob, run_jobs
from fusemark.benchmark.recipes import parse

METHODS, BASELINE = ("late-concat", "mult", "chunked"), "late-concat"
LENGTHS, BATCH, DRAWS = {"audio": 188, "visual": 90}, 8, 2000


def busy() -> None:
    """Multiply matrices for ever, now and then resting: a neighbour that comes and goes."""
    rng = np.random.default_rng()
    while True:
        for _ in range(int(rng.integers(50, 2000))):
            rng.normal(size=(60, 60)) @ rng.normal(size=(60, 60))


def ratios(budget: float) -> dict[str, np.ndarray]:
    """Time one block in a fresh process; return every round's ratios for each method and pass."""
    configs = {name: parse(name).resolve("small", {}) for name in METHODS}
    cell = CostCell("latency", configs, CREMAD, BATCH, LENGTHS, baseline=BASELINE)
    job = CostJob((cell,), Limits(8 * 2**30, budget=budget), (), os.getpid(), 1200.0)
    (done,) = run_jobs([[job]], 1)
    if done.status != "ok":
        raise SystemExit(f"{done.status}: {done.result['error']['message']}")
    found = {}
    for work in ("inference", "training"):
        times = done.result[work]["times"]
        base = np.asarray(times[BASELINE]["samples"])
        for name in METHODS:
            if name != BASELINE:
                found[f"{name} {work}"] = np.asarray(times[name]["samples"]) / base
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("comparisons", type=int, nargs="?", default=20)
    parser.add_argument("budget", type=float, nargs="?", default=60.0, help="seconds a pass")
    parser.add_argument("--other-load", action="store_true", help="begin no load of its own")
    asked = parser.parse_args()
    if not asked.other_load:
        multiprocessing.get_context("spawn").Process(target=busy, daemon=True).start()
    rng, held, widest = np.random.default_rng(0), {}, 0.0
    for turn in range(asked.comparisons):
        begun = time.perf_counter()
        first, second = ratios(asked.budget), ratios(asked.budget)
        took = time.perf_counter() - begun
        for name in first:
            drawn = [
                np.median(rng.choice(run[name], (DRAWS, len(run[name]))), axis=1)
                for run in (first, second)
            ]
            low, high = np.quantile(drawn[0] / drawn[1], [0.025, 0.975])
            held.setdefault(name, []).append(low <= 1.0 <= high)
            widest = max(widest, (high - low) / 2)
            rounds = f"{len(first[name])} and {len(second[name])} rounds"
            print(f"{turn + 1:3} {name:20} [{low:.3f}, {high:.3f}] {rounds}", flush=True)
        load = os.getloadavg()[0]
        print(f"    both runs {took:.0f} s, {load:.1f} processes in the mean", flush=True)
    for name, each in held.items():
        print(f"{name:20} holds 1 in {sum(each)} of {len(each)}")
    print(f"widest half interval: {100 * widest:.1f} %")


if __name__ == "__main__":
    main()
