"""Many seeds in one launch: epochs of S seeds side by side against those of one seed alone.

    python tests/speed/gpu.py [--device cuda] [--seeds 20] [--methods mult,...] [--out FOLDER]

Every method is trained at CREMA-D's shape (audio up to 188 x 130, visual up to 90 x 512, batches of
32, size `small` unless `--size paper`) on examples of random values: first one seed by the ordinary
training, on the device; then S seeds side by side. The two take turns, each round is an epoch, and
the median of the rounds after the first is printed. 20 seeds of MulT should take at most four times
as long as one. `--out results/reference/gpu` writes the table and versions that are committed.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from fusemark.benchmark.contract import Task
from fusemark.benchmark.cost.sweep import CREMAD
from fusemark.benchmark.ensemble.lockstep import Lockstep, Seed
from fusemark.benchmark.ensemble.parts import Parts
from fusemark.benchmark.ensemble.probe import unsuited
from fusemark.benchmark.ensemble.together import Placed
from fusemark.benchmark.loading import Packed, Part
from fusemark.benchmark.provenance import origin
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.registry import methods
from fusemark.benchmark.seeds import stream
from fusemark.benchmark.settings import TrainingSettings
from fusemark.benchmark.training import Steps

COLUMNS = ("method", "seeds", "one_s", "together_s", "ratio", "gain", "why_not")


def part_of(task: Task, examples: int, seed: int) -> Part:
    """Return examples of random values and lengths, of a half to the whole of the longest."""
    rng, packed = np.random.default_rng(seed), {}
    for name, modality in task.modalities.items():
        lengths = rng.integers(modality.max_length // 2, modality.max_length + 1, examples)
        values = rng.standard_normal((lengths.sum(), *modality.shape), np.float32)
        offsets = torch.from_numpy(np.concatenate([[0], lengths.cumsum()]))
        present = torch.ones(examples, dtype=torch.bool)
        packed[name] = Packed(torch.from_numpy(values), offsets, present)
    labels = torch.from_numpy(rng.integers(len(task.outputs), size=examples))
    count = torch.arange(examples)
    return Part(packed, labels, torch.ones(examples, dtype=torch.bool), count, count % 20)


def built(name: str, size: str, seed: int):
    recipe = parse(name)
    torch.manual_seed(stream("initialisation", seed=seed))
    return recipe.build(CREMAD, recipe.resolve(size, {}))


def timed(run, device: str) -> float:
    """Return the seconds of a run, up to the end of what it left to the device."""
    start = time.perf_counter()
    run()
    if device != "cpu":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def measure(
    name: str, asked: argparse.Namespace, parts: list[Part], store: Parts
) -> dict[str, object]:
    """Measure one method on a part for each seed."""
    settings, device = TrainingSettings(epochs=asked.rounds), asked.device
    row: dict[str, object] = {"method": name, "seeds": asked.seeds}
    model = Placed(built(name, asked.size, 0), device)
    steps = Steps(model, settings, seed=0, fold=0, epochs=asked.rounds)
    models = [built(name, asked.size, seed).to(device) for seed in range(asked.seeds)]
    rows = np.arange(4)
    reason = unsuited(models, [store.alone(s, rows) for s in range(asked.seeds)])
    together = None
    if reason is None:
        seeds = [Seed(s, 0, m, asked.rounds) for s, m in enumerate(models)]
        together = Lockstep(seeds, store, settings)
    one, many = [], []
    for number in range(1, asked.rounds + 1):
        one.append(timed(lambda n=number: steps.epoch(parts[0], n), device))
        if together:
            many.append(timed(lambda n=number: together.epoch(n), device))
    row["one_s"] = statistics.median(one[1:])
    row["why_not"] = reason or ""
    if many:
        row["together_s"] = statistics.median(many[1:])
        row["ratio"] = row["together_s"] / row["one_s"]
        row["gain"] = asked.seeds / row["ratio"]
    return row


def shown(row: dict[str, object]) -> str:
    return "  ".join(
        f"{row.get(c, ''):>10.3f}" if isinstance(row.get(c), float)
        else f"{row.get(c, '')!s:<18}" if c == "method" else f"{row.get(c, '')!s:>10}"
        for c in COLUMNS
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--methods")
    parser.add_argument("--size", default="small")
    parser.add_argument("--examples", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.device != "cpu" and not torch.cuda.is_available():
        raise SystemExit(f"torch {torch.__version__} sees no GPU; --device cpu tries the script")
    names = [f"{e.name}:visual" if e.argument else e.name for e in methods]
    names = asked.methods.split(",") if asked.methods else names
    device = "CPU" if asked.device == "cpu" else torch.cuda.get_device_name(asked.device)
    print(f"{device}, torch {torch.__version__}, CUDA {torch.version.cuda}; an epoch of "
          f"{asked.examples} examples, size {asked.size}; seconds")  # fmt: skip
    print("  ".join(f"{c:<18}" if c == "method" else f"{c:>10}" for c in COLUMNS))
    parts = [part_of(CREMAD, asked.examples, seed) for seed in range(asked.seeds)]
    store, rows = Parts(parts, asked.device), []
    for name in names:
        rows.append(measure(name, asked, parts, store))
        print(shown(rows[-1]), flush=True)
        if asked.out:
            # After every method: what was measured before a stop is kept.
            asked.out.mkdir(parents=True, exist_ok=True)
            record = {
                **origin(), "command": shlex.join(["python", *sys.argv]), "device": device,
                "cuda": torch.version.cuda, "size": asked.size, "examples": asked.examples,
                "rounds": asked.rounds, "rows": rows,
            }  # fmt: skip
            (asked.out / "gpu.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
