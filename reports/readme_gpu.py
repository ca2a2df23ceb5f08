"""What a README shows of a GPU: seeds side by side, and memory predicted and measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..benchmark.store import read_json
from .formatting import number
from .grids import Column, Entry, Grid
from .markdown import escaped, lines

SEEDS, MEMORY = "gpu.json", "memory.json"


def is_gpu(folder: Path) -> bool:
    """Say whether a folder holds what was measured on a GPU, and no store of results."""
    return (folder / SEEDS).is_file()


def gpu(folder: Path) -> str:
    """Return the tables of what was measured on a GPU."""
    parts = seeds(read_json(folder / SEEDS))
    if (folder / MEMORY).is_file():
        parts += memory(read_json(folder / MEMORY))
    return "\n\n".join(parts)


def machine(record: dict[str, Any]) -> str:
    """Name the device and the versions."""
    return f"{record['device']}, torch {record['versions']['torch']}, CUDA {record['cuda']}"


def seeds(record: dict[str, Any]) -> list[str]:
    """Return the caption and the table of seeds side by side."""
    most = max(row["seeds"] for row in record["rows"])
    caption = (
        f"{most} seeds of a method in one launch against one seed alone: {machine(record)}; an "
        f"epoch of {record['examples']} examples at CREMA-D's shape, size {record['size']}, median "
        f"of {record['rounds'] - 1} rounds after the first. The gain is what the seeds would take "
        "one after another over what they take together."
    )
    columns = ("method", "one seed, s", f"{most} seeds, s", "times one seed", "gain")
    rows = [
        (
            Entry(row["method"], name=True),
            Entry(number(row["one_s"], 3)),
            *(
                [Entry(f"one by one: {row['why_not']}"), Entry("–"), Entry("–")]
                if "ratio" not in row
                else [
                    Entry(number(row["together_s"], 3)),
                    Entry(number(row["ratio"], 2)),
                    Entry(number(row["gain"], 1)),
                ]
            ),
        )
        for row in record["rows"]
    ]
    return [escaped(caption), lines(grid(columns, rows))]


def memory(record: dict[str, Any]) -> list[str]:
    """Return the caption and the table of predicted memory over what was allocated."""
    known: dict[str, dict[tuple[int, str], float]] = {}
    for row in record["rows"]:
        if "quotient" in row:
            known.setdefault(row["method"], {})[row["length"], row["work"]] = row["quotient"]
    lengths = sorted({length for found in known.values() for length, _ in found})
    kinds = [(length, work) for work in ("training", "inference") for length in lengths]
    training = [q for found in known.values() for (_, work), q in found.items()
                if work == "training"]  # fmt: skip
    inside = sum(abs(q - 1) <= 0.1 for q in training)
    caption = (
        f"Predicted peak over the allocator's, {machine(record)}; size {record['size']}, batches "
        "whose training step takes over 1.25 GiB, at so many visual steps. Of "
        f"{len(training)} training steps {inside} lie within 10 %."
    )
    columns = ("method", *(f"{work}, {length}" for length, work in kinds))
    rows = [
        (
            Entry(method, name=True),
            *(Entry(number(found[k], 3) if k in found else "–") for k in kinds),
        )
        for method, found in known.items()
    ]
    return [escaped(caption), lines(grid(columns, rows))]


def grid(columns: tuple[str, ...], rows: list[tuple[Entry, ...]]) -> Grid:
    """Return a table whose first column is a name."""
    return Grid("", "", tuple(Column(c, numeric=c != "method") for c in columns), tuple(rows))
