"""What a cell's record must hold, checked wherever one is read: a file may come from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from .cost_fields import Cost, Measured
from .json_file import parsed
from .record_fields import Common, Quality, Record, Trained

MODELS: Mapping[tuple[str, bool], type[Common]] = {
    ("quality", True): Trained,
    ("quality", False): Quality,
    ("cost", True): Measured,
    ("cost", False): Cost,
}


@dataclass(frozen=True)
class Damaged:
    """A record that cannot be used: its file, relative to the store, and why."""

    file: str
    why: str

    def __str__(self) -> str:
        return f"{self.file}: {self.why}"


def read(text: str | bytes, name: str) -> dict[str, Any]:
    """Return the record of the cell ``name`` from its JSON text.

    Raises
    ------
    ValueError
        In a few words, why it is none.
    """
    record = parsed(text)
    check(record)
    if record["id"] != name:
        raise ValueError(f"it is the record of another cell, {record['id']!r}")
    return record


def check(record: Mapping[str, Any]) -> None:
    """Refuse a record that lacks what its readers need, or holds it in another type.

    Raises
    ------
    ValueError
        Names the field.
    """
    cell = record.get("cell")
    kind = cell.get("kind") if isinstance(cell, Mapping) else None
    model = MODELS.get((str(kind), record.get("status") == "ok"), Record)
    try:
        model.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        what = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{where}: {what}" if where else what) from None
