"""A prepared feature store: one memory-mapped file a modality, and an index of the examples.

A store is a folder: ``store.json`` (modalities, settings, fingerprint), ``index.parquet`` (one row
an example, by id) and ``NAME.values`` for each modality: the steps of all examples end to end, in
any order, as plain numbers without a header. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...benchmark.contract import UserError

FORMAT = 1
NAME = re.compile(r"[\w-]+")  # of a modality: it is part of a file's name
DTYPES = ("float16", "float32", "uint8")
TEXT = (
    "id", "speaker", "label", "split", "sentence", "intensity", "sex", "perceived", "flags",
)  # fmt: skip
"""Columns of the index that hold text in every store; ``""`` where nothing is known."""


@dataclass(frozen=True)
class Stored:
    """How one modality lies in its file.

    Parameters
    ----------
    dtype
        Of the file's numbers.
    shape
        Of one step.
    rate
        Steps per second (Hz); None where time has no unit.
    centre, scale
        A number x of the file stands for (x - centre) / scale: pixels as they are in uint8.
    """

    dtype: str
    shape: tuple[int, ...]
    rate: float | None = None
    centre: float = 0.0
    scale: float = 1.0

    @property
    def step(self) -> int:
        """Bytes of one step."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """Return steps as the file holds them.

        Raises
        ------
        ValueError
            Values that are not finite, or too large for the type.
        """
        with np.errstate(over="ignore"):
            kept = np.ascontiguousarray(values, dtype=self.dtype)
        if kept.dtype.kind == "f" and not np.isfinite(kept).all():
            raise ValueError(f"values that are not finite in {self.dtype}")
        return kept

    def decoded(self, kept: np.ndarray) -> np.ndarray:
        """Return a copy of the file's steps as float32."""
        values = np.array(kept, dtype=np.float32)
        if self.centre:
            values -= np.float32(self.centre)
        if self.scale != 1.0:
            values /= np.float32(self.scale)
        return values


class FeatureStore:
    """An open store; its values are read from the page cache as they are asked for.

    Attributes
    ----------
    columns
        The index: for each text column N strings, for ``NAME_start`` and ``NAME_length`` (N,)
        int64 steps; a length of 0 says that the example lacks the modality.
    modalities
        Name to :class:`Stored`, in their order.

    Raises
    ------
    UserError
        No store at the path, an unfinished or a damaged one.
    """

    def __init__(self, path: Path):
        self.path = path
        meta = self.read_meta()
        try:
            if meta["format"] != FORMAT:
                raise ValueError(f"format {meta['format']}, this version reads {FORMAT}")
            self.modalities = {
                name: Stored(**{**kept, "shape": tuple(kept["shape"])})
                for name, kept in meta["modalities"].items()
            }
            self.classes: tuple[str, ...] = tuple(meta["classes"])
            self.corpus: str = meta["corpus"]
            self.settings: dict[str, Any] = meta["settings"]
            self.content: str = meta["content"]
            self.columns = self.read_index()
            self.maps = {name: self.open_values(name) for name in self.modalities}
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise self.damaged(error) from error

    def __len__(self) -> int:
        return len(self.columns["id"])

    def damaged(self, error: Exception) -> UserError:
        said = " ".join(str(error).split()) or type(error).__name__
        return UserError(
            f"feature store {str(self.path)!r} is damaged ({said}); prepare it again with "
            "`bench data prepare`"
        )

    def read_meta(self) -> dict[str, Any]:
        """Read ``store.json``, which is written last."""
        try:
            return json.loads((self.path / "store.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            journal = (self.path / "journal.jsonl").exists()
            said = "is unfinished; run its `bench data prepare` again, it goes on where it stopped"
            none = "holds no feature store; expected a folder that `bench data prepare` made"
            raise UserError(
                f"feature store {str(self.path)!r} {said if journal else none}"
            ) from error
        except (OSError, ValueError) as error:
            raise self.damaged(error) from error

    def read_index(self) -> dict[str, Any]:
        """Read the columns that loading needs."""
        import pyarrow.parquet

        names = [*TEXT]
        for name in self.modalities:
            names += [f"{name}_start", f"{name}_length", f"{name}_digest"]
        table = pyarrow.parquet.ParquetFile(self.path / "index.parquet").read(columns=names)
        if table.num_columns != len(names):
            raise ValueError(f"index.parquet has not all of the columns {', '.join(names)}")
        columns: dict[str, Any] = {}
        for name in names:
            if name.endswith(("_start", "_length")):
                columns[name] = table[name].to_numpy().astype(np.int64)
            else:
                columns[name] = table[name].to_pylist()
        return columns

    def open_values(self, name: str) -> np.ndarray:
        """Map a modality's file (steps, *shape); its size must be what the index says."""
        kept, path = self.modalities[name], self.path / f"{name}.values"
        if kept.dtype not in DTYPES or not NAME.fullmatch(name):
            raise ValueError(f"{name} is of type {kept.dtype!r}; expected {', '.join(DTYPES)}")
        starts, lengths = self.columns[f"{name}_start"], self.columns[f"{name}_length"]
        size = path.stat().st_size
        if size % kept.step or (lengths < 0).any() or (starts < 0).any():
            raise ValueError(f"{path.name} has {size} bytes, no multiple of {kept.step}")
        steps = size // kept.step
        if len(starts) and int((starts + lengths).max()) > steps:
            raise ValueError(f"{path.name} has {steps} steps, fewer than the index names")
        if not steps:
            return np.zeros((0, *kept.shape), kept.dtype)
        return np.memmap(path, kept.dtype, "r", shape=(steps, *kept.shape))

    def raw(self, name: str, position: int) -> np.ndarray | None:
        """Return an example's steps as a view of the file, or None where it has none."""
        start = self.columns[f"{name}_start"][position]
        length = self.columns[f"{name}_length"][position]
        return self.maps[name][start : start + length] if length else None

    def read(self, name: str, position: int) -> np.ndarray | None:
        """Return an example's steps (T, *shape) float32, or None where it has none."""
        kept = self.raw(name, position)
        return None if kept is None else self.modalities[name].decoded(kept)

    def longest(self, name: str) -> int:
        """Return the most steps that an example has."""
        return int(self.columns[f"{name}_length"].max())

    def fingerprint(self, names: Sequence[str] | None = None) -> str:
        """Hash ids, speakers, labels, parts and the digests of all values, and how they decode.

        The order of the examples in the files plays no part.
        """
        names = tuple(self.modalities) if names is None else tuple(names)
        kinds = {n: asdict(self.modalities[n]) for n in names}
        columns = ["id", "speaker", "label", "split", *(f"{n}_digest" for n in names)]
        rows = list(zip(*(self.columns[c] for c in columns), strict=True))
        text = json.dumps([list(names), kinds, rows, self.classes])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def digest(values: np.ndarray) -> str:
    """Hash the bytes and the length of an array as the file holds it."""
    total = hashlib.blake2b(str(values.shape).encode(), digest_size=16)
    total.update(np.ascontiguousarray(values).data)
    return total.hexdigest()


def write_index(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the index; all rows have the same keys."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist([dict(row) for row in rows])
    pyarrow.parquet.write_table(table, path, compression="zstd")
