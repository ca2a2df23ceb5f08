"""Records of cost in the schema of ``bench cost``, drawn from power laws."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096, 8192)
BATCHES = (1, 32)


@dataclass(frozen=True)
class Asked:
    """Where and how costs are taken; ``factor`` is how much dearer all of it is there.

    ``name`` begins the ids; ``joules`` is the energy of one call, ``spread`` the share by which
    repeated times vary.
    """

    name: str = "c"
    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 1
    vary: str = "visual"
    quantities: tuple[str, ...] = ("flops", "predicted", "memory", "latency")
    factor: float = 1.0
    joules: float | None = None
    spread: float = 0.02


def write_costs(
    path: Path, methods: Sequence[str], lengths: Sequence[int] = LENGTHS, asked: Asked = Asked()
) -> int:
    """Add cost records to a store; return how many."""
    found = list(records(methods, lengths, asked))
    put(path, found)
    return len(found)


def put(path: Path, found: Sequence[dict[str, Any]]) -> None:
    """Write records into a store."""
    cells = path / "cells"
    cells.mkdir(parents=True, exist_ok=True)
    for record in found:
        (cells / f"{record['id']}.json").write_text(json.dumps(record))


def write_study(path: Path, found: Sequence[dict[str, Any]], **more: Any) -> None:
    """Write the ``cost.json`` of a study that asked for these records."""
    shapes = sorted({record["length"] for record in found})
    study = {
        "asked": {"vary": found[0]["vary"], "baseline": None},
        "shapes": [{"length": length} for length in shapes],
        "rows": [], "growth": [], "break_even": [], "cells": [record["id"] for record in found],
    }  # fmt: skip
    (path / "cost.json").write_text(json.dumps(study | more))


def records(
    methods: Sequence[str], lengths: Sequence[int], asked: Asked = Asked()
) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    number = 0
    for length in lengths:
        for batch in (*BATCHES, 8):
            for quantity in asked.quantities:
                if batch == 8 and (quantity != "flops" or length > lengths[:2][-1]):
                    continue
                groups = [list(methods)] if quantity == "latency" else [[m] for m in methods]
                for group in groups:
                    number += 1
                    result = measured(quantity, group, list(methods), batch, length, rng, asked)
                    name = f"{asked.name}{number:0{16 - len(asked.name)}x}"
                    yield record(name, quantity, group, batch, length, result, asked)


def record(
    name: str, quantity: str, methods: Sequence[str], batch: int, length: int, result: Any,
    asked: Asked = Asked(),
) -> dict[str, Any]:  # fmt: skip
    audio = {"shape": [130], "max_length": 188, "rate": 62.5, "one_unit": False}
    visual = {"shape": [512], "max_length": length, "rate": 30.0, "one_unit": False}
    steps = {"audio": 188 if asked.vary == "visual" else 2 * length, "visual": length}
    device = asked.device if quantity != "flops" else "cpu"
    dtype = asked.dtype if quantity != "flops" else "float32"
    threads = asked.threads if quantity in ("memory", "latency") else 1
    return {
        "schema": 1, "id": name, "vary": asked.vary, "length": length, "seconds": length / 30,
        "status": "ok", "error": None, "result": result, "duration": 1.0,
        "cell": {
            "kind": "cost", "quantity": quantity, "batch": batch,
            "configs": {m: {m: {"width": 32, "layers": 2, "heads": 4}} for m in methods},
            "task": {
                "modalities": {"audio": audio, "visual": visual}, "outputs": list("abcdef"),
                "kind": "classification",
            },
            "lengths": steps, "device": device, "dtype": dtype,
            "threads": threads, "baseline": methods[0] if quantity == "latency" else "",
        },
        "versions": {"python": "3.11.9", "torch": "2.13.0", "numpy": "2.4.6", "fusemark": "0.1.0"},
        "machine": {"processor": "Some CPU @ 2.5 GHz", "cores": 2, "threads": threads,
                    "memory_gib": 8},
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
        "code": {"digest": "d-cost"}, "finished": "2026-11-20T13:00:21+00:00",
    }  # fmt: skip


def measured(
    quantity: str, group: Sequence[str], methods: Sequence[str], batch: int, length: int,
    rng: np.random.Generator, asked: Asked = Asked(),
) -> dict[str, Any]:  # fmt: skip
    place = methods.index(group[0])
    scale = asked.factor if quantity != "flops" else 1.0
    size = scale * batch * (1e5 * length + (20 + 5 * place) * length**2)
    if quantity == "flops":
        modules = {f"encoders.visual.layers.{i}.attention": int(size / 40) for i in range(40)}
        part = {
            "total": int(size), "extended": False, "uncounted": {}, "by_module": modules,
            "by_operator": {"addmm": int(size / 2), "bmm": int(size / 2)},
        }  # fmt: skip
        return {"recurrent": False, "inference": part, "training": {**part, "total": int(3 * size)}}
    if quantity == "predicted":
        return {
            "inference": int(size / 9), "training": int(size / 3), "parameters": 400000,
            "gradients": 400000, "optimiser": 800000, "inputs": 1000 * length,
            "activations": int(size / 4), "extended": False,
        }  # fmt: skip
    if quantity == "memory":
        nothing = {"inference_reserved": None, "training_reserved": None}
        return {"inference": int(size / 9), "training": int(size / 3), **nothing}
    work = {}
    for name, factor in (("inference", 1.0), ("training", 3.0)):
        times = {}
        for i, method in enumerate(group):
            median = scale * factor * 1e-9 * batch * (1e5 * length + (20 + 5 * i) * length**2)
            samples = (median * rng.normal(1, asked.spread, 30)).tolist()
            times[method] = {
                "median": median, "p95": 1.05 * median, "iqr": 0.03 * median, "repeats": 30,
                "settled": True, "ratio": 1 + i / 10, "low": 0.9 + i / 10, "high": 1.1 + i / 10,
                "samples": samples,
            }  # fmt: skip
        work[name] = {"baseline": group[0], "times": times, "too_large": [], "too_slow": []}
    joules = dict.fromkeys(group, asked.joules)
    return {"threads": asked.threads, "joules": joules, **work}
