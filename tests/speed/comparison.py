"""A comparison of 4 methods x 20 seeds on utd-mhad by fusemark, and by a plain two-thread script.

    python tests/speed/comparison.py [--seeds 20] [--timed 2] [--epochs E] [--split-epochs 4]
                                     [--rounds 3] [--methods M,M] [--out FOLDER]

Needs ``FUSEMARK_DATA``. By fusemark with two workers in whole; by the plain script (``plain.py``:
explicit bmm attention, plain dropout, unfused Adam, batches padded to their longest, the same
early stopping) one training after another with two threads, ``--timed`` seeds a method, scaled to
all seeds: by their number, and by the epochs that the trainings of all seeds ran, as the few that
are timed may have stopped sooner or later than most. Prints the ratio of the wall times, both
accuracies, and what each part brings: on a few epochs of each method one part after another is
switched over from the plain script's to the harness's, the configurations in turns. The product is
the whole but for the start of processes, reading, storing and scores with absent modalities, which
are the rest.

What is done is kept in the folder (default ``results/comparison``): stopped at any time, the same
command goes on. ``--epochs`` shortens every training; ``--methods late-concat --seeds 2 --timed 1
--epochs 1 --split-epochs 1 --rounds 1`` is a trial of two minutes. The full run takes some five
hours on two cores, of which most is ``ladder``; with ``early-concat`` in its place it is 75
minutes. They must have nothing else to do: two threads wait for each other at every
operator, and one that waits for its core as well makes a plain training many times as long.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from fusemark.benchmark import Store
from fusemark.benchmark.cell import Cell
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.provenance import machine, versions
from plain import PARTS

SCRIPT = Path(__file__).with_name("plain.py")
STAGES = tuple(PARTS[:n] for n in range(len(PARTS) + 1))
"""The harness's own parts, stage by stage; the last stage is then run by two at once."""
BEAT = 1.0  # seconds between notes of how long the run has taken


class Comparison:
    """What was asked, and what is known of it so far."""

    def __init__(self, asked: argparse.Namespace):
        self.asked, self.out = asked, Path(asked.out).resolve()
        self.out.mkdir(parents=True, exist_ok=True)
        settings = {"training.epochs": asked.epochs} if asked.epochs else {}
        fields = {
            "methods": asked.methods.split(","), "datasets": ["utd-mhad"], "seeds": asked.seeds,
            "settings": settings,
        }  # fmt: skip
        self.plan = make_plan(fields)
        self.planned = Planned(self.plan, Path(os.environ["FUSEMARK_DATA"]))
        self.file = self.out / "known.json"
        kept = json.loads(self.file.read_text()) if self.file.exists() else {}
        if kept.get("plan", self.plan.hash) != self.plan.hash:
            raise SystemExit(f"{self.out} holds another comparison; give another --out")
        self.known: dict[str, Any] = {"plan": self.plan.hash, "fusemark": 0.0, "plain": {},
                                      "split": {}, **kept}  # fmt: skip

    def keep(self) -> None:
        """Write what is known, whole or not at all."""
        temporary = self.file.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.known, indent=1))
        temporary.replace(self.file)

    def cell(self, method: str, seed: int) -> Cell:
        return next(c for c in self.planned.cells if (c.method, c.seed) == (method, seed))

    def fusemark(self) -> None:
        """Run the whole plan with two workers; the time is noted while it runs."""
        bench = str(Path(sys.executable).with_name("bench"))
        words = [bench, "run", "--workers", "2", "--no-report", "--methods",
                 self.asked.methods, "--datasets", "utd-mhad", "--size", "small",
                 "--seeds", str(self.asked.seeds), "--out", str(self.out / "run")]  # fmt: skip
        words += ["--set", f"training.epochs={self.asked.epochs}"] if self.asked.epochs else []
        store = Store(self.out / "run")
        if store.cells.is_dir() and len(store.briefs(self.planned.names)) == len(
            self.planned.cells
        ):
            return
        before, start = self.known["fusemark"], time.perf_counter()
        process = subprocess.Popen(words, cwd=self.out)
        while process.poll() is None:
            time.sleep(BEAT / 10)
            self.known["fusemark"] = before + time.perf_counter() - start
            if time.perf_counter() - start > BEAT:
                self.keep()
        self.keep()
        if process.returncode:
            raise SystemExit(f"bench run ended with exit code {process.returncode}")

    def plain(self) -> None:
        """Train the timed seeds of every method by the plain script."""
        for seed in range(self.asked.timed):
            for method in self.plan.methods:
                key = f"{method} {seed}"
                if key not in self.known["plain"]:
                    (found,) = scripts(self.cell(method, seed), (), 2, 0, 1)
                    self.known["plain"][key] = found
                    self.keep()
                    print(f"plain: {key}: {found['seconds']:.1f} s", flush=True)

    def split(self) -> None:
        """Time some epochs of every method at each stage, all stages in turns."""
        for turn in range(self.asked.rounds):
            for method in self.plan.methods:
                key = f"{method} {turn}"
                if key in self.known["split"]:
                    continue
                cell, epochs = self.cell(method, 0), self.asked.split_epochs
                seconds = [scripts(cell, parts, 2, epochs, 1)[0]["seconds"] for parts in STAGES]
                both = scripts(cell, PARTS, 1, epochs, 2)
                # Two trainings in the time of the longer one.
                seconds.append(max(each["seconds"] for each in both) / 2)
                self.known["split"][key] = seconds
                self.keep()
                print(f"split: {key}: {', '.join(f'{s:.2f}' for s in seconds)} s", flush=True)

    def report(self) -> None:
        """Print the tables."""
        known, seeds = self.known, self.asked.seeds
        records = [r for r in Store(self.out / "run").records() if r["status"] == "ok"]
        print(
            f"\n{machine()['processor']}, {machine()['cores']} cores, torch {versions()['torch']}, "
            f"load {os.getloadavg()[0]:.1f} at the end; utd-mhad, size small, {seeds} seeds, "
            f"epochs {self.asked.epochs or 'as published'}\n"
        )
        print("| method | plain, s a training | its epochs | epochs of all seeds | accuracy | "
              "accuracy by fusemark | same seeds |\n|:---|" + " ---: |" * 6)  # fmt: skip
        whole = even = 0.0
        for method in self.plan.methods:
            timed = [v for k, v in known["plain"].items() if k.split()[0] == method]
            mean = statistics.mean(each["seconds"] for each in timed)
            done = statistics.mean(each["epochs"] for each in timed)
            mine = [r for r in records if r["cell"]["method"] == method]
            epochs = statistics.mean(map(trained, mine))
            whole += mean * seeds
            even += mean / done * epochs * seeds
            ours = {r["cell"]["seed"]: 100 * r["metrics"]["accuracy"] for r in mine}
            same = statistics.mean(ours[seed] for seed in range(self.asked.timed))
            theirs = 100 * statistics.mean(each["accuracy"] for each in timed)
            spread = f" ± {statistics.stdev(ours.values()):.1f}" if len(ours) > 1 else ""
            every = f"{statistics.mean(ours.values()):.1f}{spread} ({len(ours)})"
            print(f"| {method} | {mean:.1f} | {done:.0f} | {epochs:.0f} | "
                  f"{theirs:.1f} ({len(timed)}) | {every} | {same:.1f} |")  # fmt: skip
        ratio = even / known["fusemark"]
        print(f"\nfusemark {known['fusemark']:.0f} s; plain, scaled from {self.asked.timed} seeds "
              f"a method: {whole:.0f} s by their number, {whole / known['fusemark']:.2f}x less "
              f"wall time; {even:.0f} s by epochs, {ratio:.2f}x less\n")  # fmt: skip
        self.shares(ratio)

    def shares(self, ratio: float) -> None:
        """Print by what factor each part shortens a training, by method and over all of them."""
        names = [*PARTS, "processes"]
        print(f"| method | {' | '.join(names)} | product |\n|:---|{' ---: |' * (len(names) + 1)}")
        sums = [0.0] * (len(names) + 1)
        for method in self.plan.methods:
            rounds = [v for k, v in self.known["split"].items() if k.split()[0] == method]
            steps = [statistics.median(r[i] / r[i + 1] for r in rounds) for i in range(len(names))]
            sums = [s + statistics.median(r[i] for r in rounds) for i, s in enumerate(sums)]
            print(f"| {method} | {' | '.join(f'{s:.2f}' for s in [*steps, math.prod(steps)])} |")
        steps = [a / b for a, b in pairwise(sums)]
        product = math.prod(steps)
        print(f"| all | {' | '.join(f'{s:.2f}' for s in [*steps, product])} |")
        print(f"\nthe rest (starts, reading, storing, absent modalities): {ratio / product:.2f}")


def trained(record: dict[str, Any]) -> float:
    """Return the epochs of a cell's trainings, the second's counted by its more examples."""
    selection, counts = record["selection"], record["counts"]
    more = (counts["train"] + counts["valid"]) / counts["train"]
    return selection["epochs"] + more * (selection["refit_epochs"] or 0)


def scripts(
    cell: Cell, parts: tuple[str, ...], threads: int, epochs: int, at_once: int
) -> list[dict[str, Any]]:
    """Run the plain script on a cell, so many times at once; return what each prints."""
    with tempfile.TemporaryDirectory() as folder:
        file, ready = Path(folder) / "cell.json", Path(folder) / "ready"
        file.write_text(json.dumps(vars(cell)))
        ready.mkdir()
        words = [sys.executable, str(SCRIPT), str(file), ",".join(parts) or "none", str(threads),
                 str(epochs), str(ready), str(at_once)]  # fmt: skip
        running = [
            subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(at_once)
        ]
        said = [process.communicate()[0] for process in running]
        if any(process.returncode for process in running):
            raise SystemExit(f"the plain script failed on {cell.label}")
    return [json.loads(each.splitlines()[-1]) for each in said]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--methods", default="late-concat,mult,ladder,chunked")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--timed", type=int, default=2, help="seeds of the plain script")
    parser.add_argument("--epochs", type=int, help="of every training; default utd-mhad's own")
    parser.add_argument("--split-epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", default="results/comparison")
    asked = parser.parse_args()
    if "FUSEMARK_DATA" not in os.environ:
        parser.error("FUSEMARK_DATA is not set; expected a folder that holds utd_mhad/")
    if not 1 <= asked.timed <= asked.seeds:
        parser.error(f"--timed {asked.timed}; expected 1 to --seeds {asked.seeds}")
    compared = Comparison(asked)
    for part in (compared.plain, compared.split, compared.fusemark, compared.report):
        part()


if __name__ == "__main__":
    main()
