"""Finished cells in few files: Parquet parts beside a store's loose records."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .contract.errors import UserError
from .json_file import parsed

SCHEMA = pa.schema(
    {
        "id": pa.string(), "status": pa.string(), "digest": pa.string(), "row": pa.string(),
        "record": pa.string(), "predictions": pa.binary(),
    }
)  # fmt: skip
GROUP = 500
"""Cells of a row group: what is read to get at one of them."""
PART = 20_000
"""Cells of a file at most."""
ABANDONED = 3600.0
"""Seconds after which a lock is that of a process that was killed."""


@dataclass(frozen=True)
class Brief:
    """What a resume decision needs of a cell."""

    status: str
    digest: str | None


@dataclass(frozen=True)
class Place:
    """Where a cell lies: a part, a row group of it, a row of that."""

    part: Path
    group: int
    row: int


class Archive:
    """The Parquet parts of a store, read as far as they are asked for.

    A cell that stands in several parts is the one of the last; a loose record goes before all of
    them, so that a cell can be run again, and a crash between the two steps of archiving leaves a
    cell twice and never nowhere.

    Parameters
    ----------
    folder
        Where ``part-NNNNNN.parquet`` lie; it need not exist.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.known: tuple[str, ...] = ()
        self.places: dict[str, Place] = {}
        self.briefs: dict[str, Brief] = {}
        self.held: tuple[tuple[Path, int], list[dict[str, Any]]] | None = None

    def parts(self) -> list[Path]:
        """Return the parts, oldest first."""
        return sorted(self.folder.glob("part-*.parquet"))

    def refresh(self) -> None:
        """Read the index of parts that another process has written since."""
        parts = self.parts()
        names = tuple(part.name for part in parts)
        if names == self.known:
            return
        self.places, self.briefs = {}, {}
        for part in parts:
            for group, columns in groups(part, "id", "status", "digest"):
                for row, (name, status, digest) in enumerate(zip(*columns, strict=True)):
                    self.places[name] = Place(part, group, row)
                    self.briefs[name] = Brief(status, digest)
        self.known, self.held = names, None

    def where(self, name: str) -> str:
        """Say where a cell of the index lies."""
        return f"archive/{self.places[name].part.name}, cell {name}"

    def record(self, name: str) -> str | None:
        """Return the JSON text of one record, or None."""
        place = self.places.get(name)
        return None if place is None else self.rows(place)[place.row]["record"]

    def predictions(self, name: str) -> bytes | None:
        """Return the ``.npz`` file of a cell's predictions, or None."""
        place = self.places.get(name)
        return None if place is None else self.rows(place)[place.row]["predictions"]

    def rows(self, place: Place) -> list[dict[str, Any]]:
        """Return a row group; the last one is kept, for cells are read in order."""
        key = (place.part, place.group)
        if self.held is None or self.held[0] != key:
            with intact(place.part):
                table = pq.ParquetFile(place.part).read_row_group(place.group)
                self.held = key, table.select(SCHEMA.names).to_pylist()
        return self.held[1]

    def column(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield (id, text) of a column, each cell once."""
        for part in self.parts():
            for group, (cells, texts) in groups(part, "id", name):
                for row, (cell, text) in enumerate(zip(cells, texts, strict=True)):
                    if self.places[cell] == Place(part, group, row):
                        yield cell, text

    def rows_of_table(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (id, row of the results' table) of each cell."""
        for name, text in self.column("row"):
            with intact(self.places[name].part):
                row = parsed(text)
            yield name, row

    def add(
        self, cells: Iterable[tuple[str, Mapping[str, Any], Mapping[str, Any], bytes | None]]
    ) -> None:
        """Write (id, record, row of the results' table, predictions) into parts, each put whole."""
        self.folder.mkdir(exist_ok=True)
        taken = [int(part.stem.partition("-")[2]) for part in self.parts()]
        number, waiting = max(taken, default=0) + 1, list(cells)
        for start in range(0, len(waiting), PART):
            chunk = waiting[start : start + PART]
            temporary = self.folder / f".part-{number:06d}.tmp"
            with pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
                for first in range(0, len(chunk), GROUP):
                    rows = [as_row(*cell) for cell in chunk[first : first + GROUP]]
                    writer.write_table(pa.Table.from_pylist(rows, SCHEMA), GROUP)
            temporary.replace(self.folder / f"part-{number:06d}.parquet")
            number += 1

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Hold the archive's lock while the block lasts; False where another process has it."""
        self.folder.mkdir(exist_ok=True)
        lock = self.folder / "lock"
        try:
            if time.time() - lock.stat().st_mtime > ABANDONED:
                lock.unlink()
        except FileNotFoundError:
            pass
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            yield False
            return
        try:
            yield True
        finally:
            lock.unlink(missing_ok=True)


@contextmanager
def intact(part: Path) -> Iterator[None]:
    """Turn what a damaged part raises into one line that names it."""
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise UserError(
            f"{str(part)!r} is damaged ({why}); restore it from a copy, or move it out of the "
            f"store: `bench run` then runs its cells again"
        ) from error


def groups(part: Path, *names: str) -> Iterator[tuple[int, list[list[Any]]]]:
    """Yield the columns ``names`` of each row group of a part, with the group's place."""
    with intact(part):
        file = pq.ParquetFile(part)
    for group in range(file.num_row_groups):
        with intact(part):
            columns = file.read_row_group(group, list(names)).to_pydict()
            found = [columns[name] for name in names]
        yield group, found


def as_row(
    name: str, record: Mapping[str, Any], row: Mapping[str, Any], predictions: bytes | None
) -> dict[str, Any]:
    """Return one row of a part."""
    return {
        "id": name,
        "status": record["status"],
        "digest": (record.get("code") or {}).get("digest"),
        "row": json.dumps(row, ensure_ascii=False),
        "record": json.dumps(record, ensure_ascii=False),
        "predictions": predictions,
    }


def arrays(packed: bytes | Path) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file; nothing is unpickled."""
    source: Any = io.BytesIO(packed) if isinstance(packed, bytes) else packed
    with np.load(source, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}
