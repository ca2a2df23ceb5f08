"""Results on disk: a folder with one JSON record and one predictions file per cell."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .contract.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


class Store:
    """A run's results; every file is complete or absent, whatever kills the writer.

    ``plan.json`` is the plan last asked for, ``cells/ID.json`` a cell's record and ``cells/ID.npz``
    its predictions. Two runs may write into one store at once: equal cells have equal names, and
    each file is put in its place whole.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.cells = self.path / "cells"

    def create(self) -> Store:
        """Make the folders.

        Raises
        ------
        UserError
            The path is a file, or cannot be written.
        """
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"results folder {str(self.path)!r} cannot be made ({error.strerror}); "
                f"choose another with --out"
            ) from error
        return self

    def put(self, record: Mapping[str, Any], predictions: Mapping[str, np.ndarray] | None) -> None:
        """Write a cell: its predictions first, so that a record always has them."""
        name = record["id"]
        if predictions is not None:
            with replaced(self.cells / f"{name}.npz") as file:
                np.savez_compressed(file, **predictions)  # pyright: ignore[reportArgumentType]
        write_json(self.cells / f"{name}.json", record)

    def get(self, name: str) -> dict[str, Any] | None:
        """Return one record, or None where there is none (or none that can be read)."""
        return read_json(self.cells / f"{name}.json")

    def records(self) -> list[dict[str, Any]]:
        """Return all readable records, in order of their ids."""
        found = (read_json(path) for path in sorted(self.cells.glob("*.json")))
        return [record for record in found if record is not None]

    def predictions(self, name: str) -> dict[str, np.ndarray]:
        """Return a cell's ids, groups, labels and probabilities (regression: values)."""
        with np.load(self.cells / f"{name}.npz", allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    def put_plan(self, plan: Mapping[str, Any]) -> None:
        write_json(self.path / "plan.json", plan)

    def plan(self) -> dict[str, Any] | None:
        """Return the plan last asked for, or None."""
        return read_json(self.path / "plan.json")


class replaced:  # noqa: N801 - used as a function
    """Context: a temporary file beside ``path`` that takes its place when the block ends well."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> Any:
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".", suffix=".tmp")
        self.temporary = Path(name)
        self.file = os.fdopen(handle, "wb")
        return self.file

    def __exit__(self, kind: Any, *_: Any) -> None:
        self.file.close()
        if kind is None:
            self.temporary.chmod(0o644)
            self.temporary.replace(self.path)
        else:
            self.temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    text = json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False)
    with replaced(path) as file:
        file.write(text.encode() + b"\n")


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None


def finite(value: Any) -> Any:
    """Replace numbers that JSON does not have (NaN, infinities) by None."""
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def load_results(path: Path | str) -> pd.DataFrame:
    """Return a store's trainings as a table: a row a cell, with axes, status, metrics, durations.

    Raises
    ------
    UserError
        No such folder of results.
    """
    import pandas as pd

    store = Store(path)
    if not store.cells.is_dir():
        raise UserError(f"{str(path)!r} holds no results; expected a folder that `bench run` made")
    rows = []
    for record in store.records():
        cell = record["cell"]
        if cell["kind"] != "quality":
            continue
        row = {key: cell[key] for key in ("method", "dataset", "seed", "fold")}
        row |= {"id": record["id"], "size": record["size"], "status": record["status"]}
        row |= record.get("metrics", {})
        row |= {"parameters": record.get("parameters")}
        row |= {f"seconds_{k}": v for k, v in record.get("durations", {}).items()}
        rows.append(row)
    return pd.DataFrame(rows)
