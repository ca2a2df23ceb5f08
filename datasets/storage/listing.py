"""The table of a manifest, read and checked: ids, speakers, labels, parts and paths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ...benchmark.contract import UserError
from ...benchmark.contract.errors import near
from .table import Row

REQUIRED = ("id", "label", "speaker")
PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Listing:
    """Rows and columns of a manifest.

    Parameters
    ----------
    owner
        What the messages begin with.
    columns, rows
        As read from the file.
    """

    owner: str
    columns: list[str]
    rows: list[Row]

    def fault(self, message: str, row: Row | None = None) -> UserError:
        """Return the error of this file, or of a row in it."""
        where = f"row {row.number}: " if row else ""
        return UserError(f"{self.owner}: {where}{message}")

    @property
    def ids(self) -> list[str]:
        return [row.cells["id"] for row in self.rows]

    @property
    def speakers(self) -> list[str]:
        return [row.cells["speaker"] for row in self.rows]

    @property
    def has_split(self) -> bool:
        return "split" in self.columns

    @cached_property
    def modalities(self) -> list[str]:
        """Columns that are neither required nor the split."""
        return [name for name in self.columns if name not in (*REQUIRED, "split")]

    def check(self) -> None:
        """Raise UserError for a column or cell that is missing, or an id that stands twice."""
        for name in REQUIRED:
            if name not in self.columns:
                raise self.fault(
                    f"no column {name!r}{near(name, self.columns) or '.'} The header has "
                    f"{listed(self.columns)}; expected id, label, speaker and modalities, "
                    "separated by commas"
                )
        if not self.modalities:
            raise self.fault("no modality column; add one that holds paths, such as 'audio'")
        first: dict[str, int] = {}
        for row in self.rows:
            for name in REQUIRED:
                if not row.cells[name]:
                    raise self.fault(f"the {name} is empty; fill it in, or delete the row", row)
            number = first.setdefault(row.cells["id"], row.number)
            if number != row.number:
                raise self.fault(
                    f"id {row.cells['id']!r} stands in row {number} too; give each its own", row
                )
            if not any(row.cells[name] for name in self.modalities):
                raise self.fault("no modality has a path; give one, or delete the row", row)
        for name in self.modalities:
            if not any(row.cells[name] for row in self.rows):
                raise self.fault(f"column {name!r} has no path in any row; delete the column")

    def labels(
        self, kind: Literal["classification", "regression"], classes: tuple[str, ...]
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the names of the outputs and the labels: (N,) int64, or (N, 1) float32.

        Parameters
        ----------
        classes
            The classes in their order; all labels, sorted, where none is given.
        """
        if kind == "regression":
            if classes:
                raise self.fault(f"classes={classes} with kind='regression'; leave one of them out")
            return ("label",), np.array([[self.number(row)] for row in self.rows], np.float32)
        found = {row.cells["label"] for row in self.rows}
        outputs = classes or tuple(sorted(found))
        if len(outputs) < 2 or len(set(outputs)) < len(outputs):
            raise self.fault(f"the classes are {outputs}; expected two or more, each once")
        index = {name: position for position, name in enumerate(outputs)}
        for row in self.rows:
            label = row.cells["label"]
            if label not in index:
                raise self.fault(
                    f"label {label!r} is none of the classes {listed(outputs)}"
                    f"{near(label, outputs) or ';'} Mend it, or add it to the setting classes",
                    row,
                )
        for name in outputs:
            if name not in found:
                raise self.fault(f"class {name!r} of the setting classes has no row; leave it out")
        return outputs, np.array([index[row.cells["label"]] for row in self.rows], np.int64)

    def number(self, row: Row) -> float:
        """Return the label of a row of a regression."""
        try:
            number = float(row.cells["label"])
        except ValueError:
            number = math.nan
        if not abs(number) <= float(np.finfo(np.float32).max):
            raise self.fault(
                f"label {row.cells['label']!r} is not a finite number; mend it, or set "
                "kind=classification",
                row,
            )
        return number

    def parts(self) -> dict[str, np.ndarray]:
        """Return the positions of each part that the split column gives; two of them have some."""
        for row in self.rows:
            word = row.cells["split"]
            if word not in PARTS:
                hint = near(word, PARTS) or ";"
                raise self.fault(
                    f"split {word!r} is unknown{hint} Expected train, valid or test", row
                )
        words = np.array([row.cells["split"] for row in self.rows])
        for word in ("train", "test"):
            if word not in words:
                raise self.fault(f"no row has split {word!r}; give some, or delete the column")
        return {word: np.flatnonzero(words == word) for word in PARTS}


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names for a message of one line."""
    return ", ".join(map(repr, names[:most])) + (", ..." if len(names) > most else "")
