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
    """Return what was measured on a GPU, in tables and words."""
    shown = {SEEDS: seeds, MEMORY: memory}
    found = ((show, read_json(folder / name)) for name, show in shown.items())
    return "\n\n".join(part for show, record in found if record for part in show(record))


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
    """Return what of the predicted peaks was allocated, from the least to the most."""
    rows = sorted((r for r in record["rows"] if "quotient" in r), key=lambda r: r["quotient"])
    least, most = rows[0], rows[-1]
    near = sum(abs(row["quotient"] - 1) <= 0.1 for row in rows)
    lengths = " or ".join(f"{n:,}" for n in sorted({row["length"] for row in rows}))
    text = (
        f"Predicted peak memory over the allocator's, {machine(record)}, size {record['size']}, "
        f"batches whose training step takes over {min(r['allocated'] for r in rows) / 2**30:.1f} "
        f"GiB, {lengths} visual steps: {near} of {len(rows)} lie within 10 %, from "
        f"{number(least['quotient'], 3)} ({least['method']}) to {number(most['quotient'], 3)} "
        f"({most['method']})."
    )
    return [escaped(text)]


def grid(columns: tuple[str, ...], rows: list[tuple[Entry, ...]]) -> Grid:
    """Return a table whose first column is a name."""
    return Grid("", "", tuple(Column(c, numeric=c != "method") for c in columns), tuple(rows))
