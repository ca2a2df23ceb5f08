"""Sequences of numbers from .npy, .npz, .safetensors and .parquet files; nothing is unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

SHAPES = "(T, D), (D,) or (T, C, H, W)"


def read_steps(path: Path) -> np.ndarray:
    """Read one sequence as (T, D) or, of image frames, (T, C, H, W) float32.

    An array (D,) is one step. A parquet file's rows are steps, its columns, in the file's order,
    are features (an index that pandas stored is none).

    Raises
    ------
    ValueError
        The file is missing, unreadable, or holds anything but finite numbers in one array of a
        known shape. The message goes on after the file's name: ``"does not exist; ..."``.
    """
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise ValueError(f"ends in {suffix!r}; expected {', '.join(SUFFIXES)}")
    if not path.is_file():
        fault = "is a folder; expected a file" if path.is_dir() else "does not exist"
        raise ValueError(f"{fault}; mend the path, or leave the cell empty where it is absent")
    try:
        array = READERS[suffix](path)
    except ContentError as error:
        raise ValueError(f"holds {error}; save one array of numbers in it") from error
    except Exception as error:
        # The decoders raise whatever a damaged file led them to: struct, zlib, Arrow, memory.
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ValueError(
            f"cannot be read as {suffix}: {reason or type(error).__name__}; write it again"
        ) from error
    return checked(array)


def checked(array: np.ndarray) -> np.ndarray:
    """Return finite float32 steps of an array, or raise ValueError with what is wrong with it."""
    if array.dtype.kind not in "fiub":
        kind = "Python objects" if array.dtype.hasobject else f"values of type {array.dtype}"
        raise ValueError(f"holds {kind}; save one array of numbers in it")
    if array.ndim not in (1, 2, 4):
        raise ValueError(f"has shape {array.shape}; expected {SHAPES}")
    if array.size == 0:
        raise ValueError(f"has zero length, shape {array.shape}; expected one step at least")
    steps = array[None] if array.ndim == 1 else array
    with np.errstate(over="ignore"):  # what does not fit float32 becomes infinite, and is refused
        steps = np.ascontiguousarray(steps, dtype=np.float32)
    if not np.isfinite(steps).all():
        bad = ~np.isfinite(steps).reshape(len(steps), -1).all(1)
        raise ValueError(
            f"holds NaN or infinite values in {bad.sum()} of its {len(steps)} steps (the first in "
            f"step {bad.argmax() + 1}); repair it, or leave the cell empty"
        )
    return steps


class ContentError(Exception):
    """A readable file that does not hold one array of numbers; the message says what it holds."""


def single(names: list[str]) -> str:
    """Return the only name there is, or raise ContentError."""
    if len(names) != 1:
        listed = f" ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})" if names else ""
        raise ContentError(f"{len(names)} arrays{listed}")
    return names[0]


def read_array(stream: BinaryIO) -> np.ndarray:
    """Read what ``numpy.save`` wrote; Python objects are refused before a byte is unpickled."""
    try:
        return np.lib.format.read_array(stream, allow_pickle=False)
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise ContentError("Python objects, which are never unpickled") from error
        raise


def read_npy(path: Path) -> np.ndarray:
    with path.open("rb") as stream:
        return read_array(stream)


def read_npz(path: Path) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        name = single(archive.namelist())
        with archive.open(name) as stream:
            return read_array(stream)  # pyright: ignore[reportArgumentType]


def read_safetensors(path: Path) -> np.ndarray:
    import torch
    from safetensors import safe_open

    # Through torch: numpy has no bfloat16.
    with safe_open(path, framework="pt") as archive:
        tensor = archive.get_tensor(single(list(archive.keys())))
    return (tensor.to(torch.float32) if tensor.is_floating_point() else tensor).numpy()


def read_parquet(path: Path) -> np.ndarray:
    import pyarrow.parquet

    # Not pandas.read_parquet: from a folder named "a=1" it would add a column "a".
    frame = pyarrow.parquet.ParquetFile(path).read().to_pandas()
    for name, kind in frame.dtypes.items():
        if kind.kind not in "fiub":
            raise ContentError(f"a column {name!r} of type {kind}")
    return frame.to_numpy()


READERS: Mapping[str, Callable[[Path], np.ndarray]] = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".safetensors": read_safetensors,
    ".parquet": read_parquet,
}
SUFFIXES = tuple(READERS)
