"""Core scaling: cells a minute with one worker, and with two.

    python tests/speed/workers.py [--methods M,M] [--seeds 8] [--epochs 12] [--rounds 1]

Runs the same small set of cells (``simulated:cremad-like``, 400 clips, size small) by ``bench run``
with one worker and with two, in turns, each into a new store; prints cells a minute of the whole
command (starts, reading and storing included), their ratio, and the machine. Six minutes a round.
The cores must have nothing else to do: with a load of their own there is no second core to be had.
The command starts in some nine seconds, once: with few and short cells (``--seeds 4 --epochs 5``,
half a minute for two workers) that is a quarter of the time, and most of what is lost. So is the
end, where the last cell runs alone: 14 of 100 seconds with the default's 16 cells; more ``--seeds``
make that less.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fusemark.benchmark import Store
from fusemark.benchmark.provenance import machine, versions


def cells_a_minute(asked: argparse.Namespace, workers: int) -> float:
    """Run the cells into a new store."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(Path(sys.executable).with_name("bench")), "run", "--no-report",
                 "--methods", asked.methods, "--datasets", "simulated:cremad-like",
                 "--set", "simulated:cremad-like.clips=400", "--seeds", str(asked.seeds),
                 "--set", f"training.epochs={asked.epochs}", "--set", "training.patience=none",
                 "--workers", str(workers), "--out", f"{folder}/run"]  # fmt: skip
        start = time.perf_counter()
        subprocess.run(words, check=True, cwd=folder, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        records = Store(Path(folder) / "run").records()
    expected = asked.seeds * len(asked.methods.split(","))
    if [r["status"] for r in records] != ["ok"] * expected:
        raise SystemExit(f"{expected} cells were to end well; see what bench run says of them")
    return 60 * expected / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--methods", default="late-concat,mult")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    print(
        f"{machine()['processor']}, {machine()['cores']} cores, torch {versions()['torch']}, "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )
    rates: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(asked.rounds):
        for workers in (1, 2) if turn % 2 == 0 else (2, 1):
            rates[workers].append(cells_a_minute(asked, workers))
            print(f"{workers} worker(s): {rates[workers][-1]:.2f} cells a minute", flush=True)
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    print(f"two workers / one: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
