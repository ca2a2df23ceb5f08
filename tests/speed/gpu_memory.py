"""Predicted memory against what a GPU's allocator says, at shapes of over a GiB.

    python tests/speed/gpu_memory.py [--methods mult,...] [--lengths 256,1024] [--dtype float32]
                                     [--work training,inference] [--workers 6] [--out FOLDER]

A training step, and where asked a prediction, of every method at CREMA-D's rates and widths, size
`small`, in a batch that is predicted to take at least 1.25 GiB in training; each is measured in a
fresh process after a warm-up. Predictions should lie within 10 % of the peak of allocated bytes.
`--out results/reference/gpu` writes the record that is committed.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import shlex
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

from fusemark.benchmark.cost.measured import measure_memory
from fusemark.benchmark.cost.memory import predict_memory
from fusemark.benchmark.cost.sweep import CREMAD, task_at
from fusemark.benchmark.provenance import origin
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.registry import methods

LEAST = 1.25 * 2**30
WORK = ("training", "inference")


class Case(NamedTuple):
    """What is measured: a method, steps of the visual sequence, a type of numbers."""

    method: str
    length: int
    dtype: str

    @property
    def lengths(self) -> dict[str, int]:
        return {"audio": round(self.length * 62.5 / 30), "visual": self.length}

    def build(self) -> Any:
        recipe = parse(self.method)
        return recipe.build(task_at(CREMAD, self.lengths), recipe.resolve("small", {}))

    def predicted(self, batch: int) -> dict[str, int]:
        found = predict_memory(self.build, batch, self.lengths, self.dtype, "cuda")
        return {work: getattr(found, work) for work in WORK}


def chosen(case: Case) -> tuple[int, dict[str, int]]:
    """Return a batch large enough, and what it is predicted to take."""
    batch = 8
    while (found := case.predicted(batch))["training"] < LEAST:
        batch = max(batch + 8, 8 * math.ceil(batch * LEAST / found["training"] / 8))
    return batch, found


def measured(case: Case, batch: int, work: str) -> tuple[int, int | None]:
    peak = measure_memory(case.build, batch, case.lengths, work, "cuda", case.dtype)  # type: ignore[arg-type]
    return peak.allocated, peak.reserved


def rows_of(cases: list[Case], works: list[str], workers: int) -> Iterator[dict[str, Any]]:
    """Predict, and measure each piece of work in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(2 * workers, spawn) as thinkers,
        ProcessPoolExecutor(workers, spawn, max_tasks_per_child=1) as pool,
    ):
        choices = {thinkers.submit(chosen, case): case for case in cases}
        jobs: dict[Future[Any], dict[str, Any]] = {}
        for choice in as_completed(choices):
            case = choices[choice]
            try:
                batch, predicted = choice.result()
            except Exception as error:
                yield {**case._asdict(), "error": f"{type(error).__name__}: {error}"}
                continue
            for work in works:
                row = {**case._asdict(), "batch": batch, "work": work, "predicted": predicted[work]}
                jobs[pool.submit(measured, case, batch, work)] = row
        for job in as_completed(jobs):
            row = jobs[job]
            try:
                row["allocated"], row["reserved"] = job.result()
                row["quotient"] = row["predicted"] / row["allocated"]
            except Exception as error:
                row["error"] = f"{type(error).__name__}: {error}"
            yield row


def shown(row: dict[str, Any]) -> str:
    sizes = (f"{row.get(k, 0) / 2**20:>9.1f}" for k in ("predicted", "allocated", "reserved"))
    return (
        f"{row['method']:<20} {row['length']:>5} {row['dtype']:<9} {row.get('batch', 0):>5} "
        f"{row.get('work', ''):<10}{' '.join(sizes)} {row.get('quotient', math.nan):>7.3f} "
        f"{row.get('error', '')}"
    )


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods")
    parser.add_argument("--lengths", default="256,1024")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--work", default="training")
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit(f"torch {torch.__version__} sees no GPU")
    names = [f"{e.name}:visual" if e.argument else e.name for e in methods]
    names = asked.methods.split(",") if asked.methods else names
    lengths = [int(x) for x in asked.lengths.split(",")]
    cases = [Case(n, t, d) for d in asked.dtype.split(",") for t in lengths for n in names]
    device = torch.cuda.get_device_name()
    print(f"{device}, torch {torch.__version__}, CUDA {torch.version.cuda}; MiB, size small")
    rows = []
    for row in rows_of(cases, asked.work.split(","), asked.workers):
        rows.append(row)
        print(shown(row), flush=True)
        if asked.out:
            asked.out.mkdir(parents=True, exist_ok=True)
            record = {
                **origin(), "command": shlex.join(["python", *sys.argv]), "device": device,
                "cuda": torch.version.cuda, "size": "small",
                "rows": sorted(rows, key=lambda r: (r["method"], r["length"], r.get("work", ""))),
            }  # fmt: skip
            (asked.out / "memory.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
