"""The page of a tuning that stands alone, as ``bench tune`` writes it."""

from __future__ import annotations

from pathlib import Path

from ..benchmark.contract.errors import UserError
from ..benchmark.store import read_json
from .markdown import rendered
from .tuning import parts
from .writing import save_parts, saved

FOLDER = "tune_files"


def write(folder: Path) -> list[Path]:
    """Write tune.md, its figures in tune_files/; equal results give equal bytes.

    Raises
    ------
    UserError
        The folder holds no tuning.
    """
    result = read_json(folder / "tune.json")
    if result is None:
        raise UserError(f"{str(folder)!r} holds no tuning; expected what `bench tune` made")
    found = parts(result)
    save_parts(folder / FOLDER, {d.name: d.svg for part in found for d in part.drawings}, "t*.svg")
    page = rendered("tune.md.j2", parts=found, folder=FOLDER)
    return [saved(folder / "tune.md", page)]
