"""Results on disk: one JSON record and one predictions file a cell, or many cells in Parquet."""

from __future__ import annotations

import fcntl
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from .archive import Archive, Brief, arrays
from .contract.errors import UserError
from .json_file import finite, read_json, replaced, write_json
from .records import Damaged, read
from .registration import check_plan, seal

if TYPE_CHECKING:
    import pandas as pd

LOOSE = 2_000
"""Loose records from which on a run archives them: a folder of so many files is slow to list."""


class Found(NamedTuple):
    """A store's records in order of their ids, and those that cannot be used."""

    records: list[dict[str, Any]]
    damaged: list[Damaged]


class Store:
    """A run's results; every file is complete or absent, whatever kills the writer.

    ``plan.json`` is the plan last asked for, ``cells/ID.json`` a cell's record and ``cells/ID.npz``
    its predictions. Two runs may write into one store at once: equal cells have equal names, and
    each file is put in its place whole. Of a store with thousands of cells :meth:`compact` moves
    the finished ones into the Parquet files of ``archive/``; a loose record goes before them.
    A record that is damaged counts as missing, and is set aside when its cell is run again.
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
            self.set_aside(name)
            if predictions is not None:
                with replaced(self.cells / f"{name}.npz") as file:
                    np.savez_compressed(file, **predictions)  # pyright: ignore[reportArgumentType]
            write_json(self.cells / f"{name}.json", record)

    def set_aside(self, name: str) -> None:
        """Rename a damaged record and its predictions: what is in them may be another cell's."""
        if isinstance(self.loose_record(name), Damaged):
            for path in (self.cells / f"{name}.json", self.cells / f"{name}.npz"):
                if path.exists():
                    path.replace(path.with_name(f"{path.name}.damaged"))

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
        """Return one record, or None where there is none (or none that can be used)."""
        loose = self.loose_record(name)
        if isinstance(loose, dict):
            return loose
        self.archive.refresh()
        text = self.archive.record(name)
        found = None if text is None else self.checked(text, name, self.archive.where(name))
        return found if isinstance(found, dict) else None

    def briefs(self, names: Iterable[str]) -> dict[str, Brief]:
        """Return status and code digest of those of these cells that have a record.

        Of an archived cell the index alone is read.
        """
        names = list(names)
        there, loose = {path.stem for path in self.cells.glob("*.json")}, {}
        for name in there.intersection(names):
            record = self.loose_record(name)
            if isinstance(record, dict):
                loose[name] = Brief(record["status"], (record.get("code") or {}).get("digest"))
        # The archive is read after the loose files: what is archived meanwhile is in it.
        self.archive.refresh()
        known = {**self.archive.briefs, **loose} if loose else self.archive.briefs
        return {name: known[name] for name in names if name in known}

    def records(self) -> list[dict[str, Any]]:
        """Return all records that can be used, in order of their ids."""
        return self.found().records

    def found(self) -> Found:
        """Return all records, and those that cannot be used with why."""
        records: dict[str, dict[str, Any]] = {}
        damaged: list[Damaged] = []

        def sort_in(name: str, record: dict[str, Any] | Damaged) -> None:
            if isinstance(record, Damaged):
                damaged.append(record)
            else:
                records[name] = record

        for name, record in self.loose():
            sort_in(name, record)
        self.archive.refresh()
        for name, text in self.archive.column("record"):
            if name not in records:
                sort_in(name, self.checked(text, name, self.archive.where(name)))
        return Found([records[name] for name in sorted(records)], damaged)

    def loose(self) -> Iterator[tuple[str, dict[str, Any] | Damaged]]:
        """Yield (name, record) of the records that are files of their own."""
        for path in sorted(self.cells.glob("*.json")):
            record = self.loose_record(path.stem)
            if record is not None:
                yield path.stem, record

    def loose_record(self, name: str) -> dict[str, Any] | Damaged | None:
        """Return a record that is a file of its own, or None where there is no such file."""
        path = self.cells / f"{name}.json"
        try:
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return Damaged(f"cells/{path.name}", f"it cannot be read ({error.strerror})")
        return self.checked(text, name, f"cells/{path.name}")

    def checked(self, text: str | bytes, name: str, file: str) -> dict[str, Any] | Damaged:
        """Return a record from its text."""
        try:
            return read(text, name)
        except ValueError as error:
            return Damaged(file, str(error))

    def predictions(self, name: str) -> dict[str, np.ndarray]:
        """Return a cell's ids, groups, labels and probabilities (regression: values).

        Raises
        ------
        FileNotFoundError
            The cell has none.
        ValueError
            The file is damaged.
        """
        try:
            try:
                return arrays(self.cells / f"{name}.npz")
            except FileNotFoundError:
                self.archive.refresh()
                packed = self.archive.predictions(name)
                if packed is None:
                    raise
                return arrays(packed)
        except (EOFError, BadZipFile, zlib.error) as error:
            raise ValueError(f"the predictions of cell {name} are damaged ({error})") from error

    def compact(self, least: int = LOOSE) -> int:
        """Move records that ended well into the archive where there are ``least`` or more of them.

        Returns how many were moved; none where another process is at it. A record that is written
        anew meanwhile stays loose, where it goes before the archived one.
        """
        with self.archive.locked() as mine:
            loose = ((n, r) for n, r in self.loose() if isinstance(r, dict)) if mine else ()
            done = [(n, r) for n, r in loose if r["status"] == "ok"]
            if not done or len(done) < least:
                return 0
            self.archive.add(
                (name, record, result_row(record) or {}, read_bytes(self.cells / f"{name}.npz"))
                for name, record in done
            )
            for name, record in done:
                path = self.cells / f"{name}.json"
                with self.held():
                    if self.loose_record(name) == record:
                        path.unlink(missing_ok=True)
                        (self.cells / f"{name}.npz").unlink(missing_ok=True)
        return len(done)

    def count(self) -> int:
        """Count the cells that have a record."""
        loose = {path.stem for path in self.cells.glob("*.json")}
        self.archive.refresh()
        return len(loose | self.archive.places.keys())

    def put_plan(self, plan: Mapping[str, Any]) -> None:
        """Write the plan with its seal."""
        kept = finite(plan)
        write_json(self.path / "plan.json", {**kept, "seal": seal(kept)})

    def plan(self) -> dict[str, Any] | None:
        """Return the plan last asked for, or None.

        Raises
        ------
        UserError
            The file is damaged.
        """
        path = self.path / "plan.json"
        found = read_json(path)
        return None if found is None else check_plan(found, path)


def read_bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def load_results(path: Path | str) -> pd.DataFrame:
    """Return a store's trainings as a table: a row a cell, with axes, status, metrics, durations.

    A record that cannot be used is left out, with a warning that names its file.

    Raises
    ------
    UserError
        No such folder of results.
    """
    import pandas as pd

    store = Store(path)
    if not store.cells.is_dir():
        raise UserError(f"{str(path)!r} holds no results; expected a folder that `bench run` made")
    rows: dict[str, dict[str, Any] | None] = {}
    for name, record in store.loose():
        if isinstance(record, Damaged):
            warnings.warn(f"left out of the table: {record}", stacklevel=2)
        else:
            rows[name] = result_row(record)
    store.archive.refresh()
    for name, row in store.archive.rows_of_table():
        rows.setdefault(name, row)
    return pd.DataFrame([rows[name] for name in sorted(rows) if rows[name]])


def result_row(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a training's row of the results' table; None of a cost cell."""
    cell = record["cell"]
    if cell.get("kind", "quality") != "quality":
        return None
    row = {key: cell[key] for key in ("method", "dataset", "seed", "fold")}
    row |= {"id": record["id"], "size": record["size"], "status": record["status"]}
    row |= record.get("metrics") or {}
    row |= {"parameters": record.get("parameters")}
    return row | {f"seconds_{k}": v for k, v in (record.get("durations") or {}).items()}
