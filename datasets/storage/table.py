"""Tables of text from CSV files, whose rows know their numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...benchmark.contract import UserError


@dataclass(frozen=True)
class Row:
    """One row: its number, as a spreadsheet shows it (the header is row 1), and its cells."""

    number: int
    cells: Mapping[str, str]


def read_table(path: Path, owner: str) -> tuple[list[str], list[Row]]:
    """Read the names of the columns and the rows of a comma-separated file in UTF-8.

    Spaces round a cell are dropped, empty rows are left out.

    Parameters
    ----------
    owner
        What the messages begin with.

    Raises
    ------
    UserError
        No such file, not a readable CSV in UTF-8, a column without a name or with another's name,
        a row of another length, or no row at all.
    """
    lines = read_lines(path, owner)
    if not lines:
        raise UserError(f"{owner} is empty; expected a header and a row for each example")
    header, *others = lines
    columns = header[1]
    for place, name in enumerate(columns, 1):
        if not name:
            raise UserError(
                f"{owner}: column {place} has no name in the header; name it or delete the column"
            )
        if name in columns[: place - 1]:
            raise UserError(f"{owner}: two columns are named {name!r}; rename or delete one")
    rows = []
    for number, cells in others:
        if len(cells) != len(columns):
            raise UserError(
                f"{owner}: row {number} has {len(cells)} cells, the header {len(columns)}; put a "
                "cell that holds a comma in double quotes"
            )
        rows.append(Row(number, dict(zip(columns, cells, strict=True))))
    if not rows:
        raise UserError(f"{owner} has a header and no row; expected a row for each example")
    return columns, rows


def read_lines(path: Path, owner: str) -> list[tuple[int, list[str]]]:
    """Return the rows that hold anything, each with its number."""
    if path.is_dir():
        raise UserError(f"{owner} is a folder; expected the path of a CSV file in it")
    if not path.exists():
        raise UserError(f"{owner} does not exist; expected the path of a CSV file")
    try:
        # A spreadsheet writes a byte order mark in front of its UTF-8.
        text = path.read_bytes().decode("utf-8-sig")
        read = [[c.strip() for c in cells] for cells in csv.reader(io.StringIO(text, newline=""))]
    except UnicodeDecodeError as error:
        raise UserError(
            f"{owner} is not in UTF-8 (byte {error.object[error.start]:#04x} at {error.start}); "
            "save it as CSV UTF-8"
        ) from error
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{owner} cannot be read: {reason}; expected a CSV file") from error
    return [(number, cells) for number, cells in enumerate(read, 1) if any(cells)]
