"""Results on disk: one JSON record and one predictions file a cell, or many cells in Parquet."""

from __future__ import annotations

import fcntl
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .archive import Archive, Brief, arrays
from .contract.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LOOSE = 2_000
"""Loose records from which on a run archives them: a folder of so many files is slow to list."""


class Store:
    """A run's results; every file is complete or absent, whatever kills the writer.

    ``plan.json`` is the plan last asked for, ``cells/ID.json`` a cell's record and ``cells/ID.npz``
    its predictions. Two runs may write into one store at once: equal cells have equal names, and
    each file is put in its place whole. Of a store with thousands of cells :meth:`compact` moves
    the finished ones into the Parquet files of ``archive/``; a loose record goes before them.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.cells = self.path / "cells"
        self.archive = Archive(self.path / "archive")

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
        with self.held():
            if predictions is not None:
                with replaced(self.cells / f"{name}.npz") as file:
                    np.savez_compressed(file, **predictions)  # pyright: ignore[reportArgumentType]
            write_json(self.cells / f"{name}.json", record)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Write a cell, or take one away, while no other process does.

        A cell is two files: without it, new predictions could be removed with the old record. The
        system gives the lock back when a process ends in any way.
        """
        with (self.path / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def get(self, name: str) -> dict[str, Any] | None:
        """Return one record, or None where there is none (or none that can be read)."""
        loose = read_json(self.cells / f"{name}.json")
        if loose is not None:
            return loose
        self.archive.refresh()
        return self.archive.record(name)

    def briefs(self, names: Iterable[str]) -> dict[str, Brief]:
        """Return status and code digest of those of these cells that have a record.

        Of an archived cell the index alone is read.
        """
        names = list(names)
        there, loose = {path.stem for path in self.cells.glob("*.json")}, {}
        for name in there.intersection(names):
            record = read_json(self.cells / f"{name}.json")
            if record is not None:
                loose[name] = Brief(record["status"], record.get("code", {}).get("digest"))
        # The archive is read after the loose files: what is archived meanwhile is in it.
        self.archive.refresh()
        known = {**self.archive.briefs, **loose} if loose else self.archive.briefs
        return {name: known[name] for name in names if name in known}

    def records(self) -> list[dict[str, Any]]:
        """Return all readable records, in order of their ids."""
        found = dict(self.loose())
        self.archive.refresh()
        for name, text in self.archive.column("record"):
            if name not in found:
                found[name] = json.loads(text)
        return [found[name] for name in sorted(found)]

    def loose(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (name, record) of the readable records that are files of their own."""
        for path in sorted(self.cells.glob("*.json")):
            record = read_json(path)
            if record is not None:
                yield path.stem, record

    def predictions(self, name: str) -> dict[str, np.ndarray]:
        """Return a cell's ids, groups, labels and probabilities (regression: values).

        Raises
        ------
        FileNotFoundError
            The cell has none.
        ValueError
            The file is empty.
        """
        try:
            return arrays(self.cells / f"{name}.npz")
        except EOFError as error:
            raise ValueError(f"the predictions of cell {name} are empty") from error
        except FileNotFoundError:
            self.archive.refresh()
            packed = self.archive.predictions(name)
            if packed is None:
                raise
            return arrays(packed)

    def compact(self, least: int = LOOSE) -> int:
        """Move records that ended well into the archive where there are ``least`` or more of them.

        Returns how many were moved; none where another process is at it. A record that is written
        anew meanwhile stays loose, where it goes before the archived one.
        """
        with self.archive.locked() as mine:
            done = [(n, r) for n, r in self.loose() if r.get("status") == "ok"] if mine else []
            if not done or len(done) < least:
                return 0
            self.archive.add(
                (name, record, result_row(record) or {}, read_bytes(self.cells / f"{name}.npz"))
                for name, record in done
            )
            for name, record in done:
                path = self.cells / f"{name}.json"
                with self.held():
                    if read_json(path) == record:
                        path.unlink(missing_ok=True)
                        (self.cells / f"{name}.npz").unlink(missing_ok=True)
        return len(done)

    def count(self) -> int:
        """Count the cells that have a record."""
        loose = {path.stem for path in self.cells.glob("*.json")}
        self.archive.refresh()
        return len(loose | self.archive.places.keys())

    def put_plan(self, plan: Mapping[str, Any]) -> None:
        write_json(self.path / "plan.json", plan)

    def plan(self) -> dict[str, Any] | None:
        """Return the plan last asked for, or None."""
        return read_json(self.path / "plan.json")


def read_bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


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
    """Return a JSON object; None where there is none, or none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


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
    rows = {name: result_row(record) for name, record in store.loose()}
    store.archive.refresh()
    for name, text in store.archive.column("row"):
        rows.setdefault(name, json.loads(text))
    return pd.DataFrame([rows[name] for name in sorted(rows) if rows[name]])


def result_row(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a training's row of the results' table; None of a cost cell."""
    cell = record["cell"]
    if cell.get("kind", "quality") != "quality":
        return None
    row = {key: cell[key] for key in ("method", "dataset", "seed", "fold")}
    row |= {"id": record["id"], "size": record["size"], "status": record["status"]}
    row |= record.get("metrics", {})
    row |= {"parameters": record.get("parameters")}
    return row | {f"seconds_{k}": v for k, v in record.get("durations", {}).items()}
