"""What a published file holds of each part, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .faults import UnreadableError

PARTS = ("train", "valid", "test")
MODALITIES = {"text": "text", "audio": "audio", "vision": "visual"}
"""The names in the files, and ours."""


@dataclass(frozen=True)
class Part:
    """The examples of one part, as the file holds them.

    Parameters
    ----------
    values
        By modality (N, T, D), padded with zeros at either end.
    labels
        (N, K) numbers, or (N, E, 2): of each of E emotions whether it is absent or present.
    ids
        N rows of text: what identifies an example, the video first; None where the file has none.
    lengths
        By modality (N,), where the file says how many steps from the first are not padding.
    mask
        (N, T) of the text, where the file has one: whether a step is a token.
    """

    values: Mapping[str, np.ndarray]
    labels: np.ndarray
    ids: Sequence[Sequence[str]] | None = None
    lengths: Mapping[str, np.ndarray] = field(default_factory=dict)
    mask: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Contents:
    """A published file: its format, its parts, and the greatest label where the format fixes it."""

    format: str
    parts: Mapping[str, Part]
    greatest: float | None = None

    def __post_init__(self) -> None:
        first = self.parts["train"]
        shapes = {name: values.shape[2:] for name, values in first.values.items()}
        for name, part in self.parts.items():
            found = {modality: values.shape[2:] for modality, values in part.values.items()}
            if found != shapes or part.labels.shape[1:] != first.labels.shape[1:]:
                raise UnreadableError(
                    f"has modalities {said(found)} and labels {part.labels.shape[1:]} in {name!r}, "
                    f"{said(shapes)} and {first.labels.shape[1:]} in 'train'; expected the same"
                )


def said(shapes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "none"


def features(values: Any, where: str, count: int | None) -> np.ndarray:
    """Return (N, T, D) numbers of a part, or raise UnreadableError."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise UnreadableError(f"has {where} of {kind(values)}; expected an array of numbers")
    if values.ndim != 3 or 0 in values.shape:
        raise UnreadableError(f"has {where} of shape {values.shape}; expected (N, T, D)")
    return counted(values, where, count)


def counted(values: np.ndarray, where: str, count: int | None) -> np.ndarray:
    if count is not None and len(values) != count:
        raise UnreadableError(f"has {len(values)} rows in {where} for {count} labels")
    return values


def numbers(values: Any, where: str, count: int | None = None) -> np.ndarray:
    """Return an array of numbers: what the file holds as an array, a sparse matrix or a list."""
    if hasattr(values, "toarray"):
        values = values.toarray()
    if isinstance(values, list):
        if not all(isinstance(v, (int, float, np.number)) for v in values):
            raise UnreadableError(f"has {where} that are not all numbers")
        try:
            values = np.array(values, float)
        except OverflowError as error:
            raise UnreadableError(f"has {where} that do not fit a number") from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub" or values.ndim < 1:
        raise UnreadableError(f"has {where} of {kind(values)}; expected an array of numbers")
    return counted(values, where, count)


def names(values: Any, where: str, count: int) -> list[tuple[str, ...]]:
    """Return rows of text from an array (N,) or (N, columns), or a list."""
    number = isinstance(values, np.ndarray) and values.ndim == 0
    if number or not isinstance(values, (list, tuple, np.ndarray)):
        raise UnreadableError(f"has {where} of {kind(values)}; expected a list of text")
    if len(values) != count:
        raise UnreadableError(f"has {len(values)} rows in {where} for {count} labels")
    try:
        rows = [
            tuple(text(cell, where) for cell in row)
            if isinstance(row, (list, tuple, np.ndarray))
            else (text(row, where),)
            for row in values
        ]
    except (OverflowError, SystemError, ValueError) as error:  # a number of no character or float
        raise UnreadableError(f"has {where} that are no text; fetch it again") from error
    if () in rows:
        raise UnreadableError(f"has {where} without any text; fetch it again")
    return rows


def text(value: Any, where: str) -> str:
    """Return a cell as text; bytes are UTF-8, and a number is written as short as it goes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (int, float, np.number)):
        return f"{float(value):g}"
    if isinstance(value, str):
        return value.encode("utf-8").decode()  # no half characters: nothing could write them
    raise UnreadableError(f"has {where} of {kind(value)}; expected text")


def kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"type {value.dtype} and shape {value.shape}"
    return f"type {type(value).__name__}"
