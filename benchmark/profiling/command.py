"""``bench profile``: where a run's time went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..arguments import listed
from ..contract.errors import UserError, near

if TYPE_CHECKING:
    from .tables import Profile

FORMATS = ("text", "md")


def profile(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder of results.")],
    methods: Annotated[
        str | None, typer.Option(help="Of the run's methods, by commas; default all.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Time so many training steps of each method on its own data.", min=1),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option("--dataset", help="manifest:FILE as the run had it, for --steps; repeatable."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text or md.")] = "text",
    data_root: Annotated[
        str | None, typer.Option("--data-root", help="Folder of corpora; default $FUSEMARK_DATA.")
    ] = None,
    plugin: Annotated[
        list[str] | None, typer.Option("--plugin", help="A plugin file; repeatable.")
    ] = None,
) -> None:
    """Show the time of a run's cells by phase, and of its training steps by part."""
    from ..registry import load_plugin
    from ..run import data_root as find_root
    from .tables import show

    for path in plugin or ():
        load_plugin(path)
    if form not in FORMATS:
        raise UserError(f"--format {form!r}; expected text or md")
    names, records, written = read(run_folder, listed(methods))
    profiles = [*of_phases(records)]
    if steps is not None:
        profiles += of_steps(records, steps, find_root(data_root), dataset or [])
    notes = [f"writing a cell's record and predictions: {1e3 * written:.1f} ms (median of up to 20 "
             f"of the {len(names):,} cells, written again beside)"]  # fmt: skip
    if any(row.parts.get("overhead", 0.0) is None for each in profiles for row in each.lines):
        notes.append("–: the run's records do not hold what a cell costs around it")
    show(profiles, notes, form)


def read(
    folder: Path, methods: Iterable[str] | None
) -> tuple[list[str], list[Mapping[str, Any]], float]:
    """Return ids and records of the trainings of a run that ended well, and a write's seconds.

    Raises
    ------
    UserError
        A folder without results, or a method that none of them is of.
    """
    from ..store import Store
    from .phases import writing

    store = Store(folder)
    found = [
        record
        for record in store.records()
        if record["status"] == "ok" and record["cell"].get("kind", "quality") == "quality"
    ]
    if not found:
        raise UserError(
            f"{str(folder)!r} holds no training that ended well; expected a folder that `bench "
            f"run` made"
        )
    known = sorted({record["cell"]["method"] for record in found})
    for name in methods or ():
        if name not in known:
            raise UserError(
                f"the run has no cells of method {name!r}{near(name, known) or ';'} it has "
                f"{', '.join(known)}"
            )
    chosen = set(methods or known)
    records: list[Mapping[str, Any]] = [
        record for record in found if record["cell"]["method"] in chosen
    ]
    names = [record["id"] for record in records]
    return names, records, writing(store, names)


def of_phases(records: list[Mapping[str, Any]]) -> Iterable[Profile]:
    """Yield a profile a dataset: mean seconds of a cell by phase."""
    from .phases import phases
    from .tables import Line, Profile

    for name, rows in groupby(phases(records), lambda row: row.dataset):
        lines = [Line(row.method, row.cells, row.seconds) for row in rows]
        yield Profile(f"{name}: seconds of a cell, by phase", "cells", lines)


def of_steps(
    records: list[Mapping[str, Any]], count: int, root: Path | None, given: list[str]
) -> Iterable[Profile]:
    """Yield a profile a dataset: mean milliseconds of a training step by part.

    Of each method its first seed's cell is trained again, for so many steps.
    """
    from rich.console import Console

    from .steps import of_cell, source_of
    from .tables import Line, Profile

    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for record in sorted(records, key=lambda r: (r["cell"]["seed"], r["cell"]["fold"])):
        first.setdefault((record["cell"]["dataset"], record["cell"]["method"]), record["cell"])
    sources = {name: source_of(cell, given) for (name, _), cell in first.items()}
    console = Console(stderr=True)
    for name, cells in groupby(sorted(first), lambda key: key[0]):
        lines = []
        for key in cells:
            with console.status(f"training {count} steps of {key[1]} on {name}"):
                row = of_cell(first[key], count, root, sources[name])
            parts = {part: 1e3 * seconds for part, seconds in row.seconds.items()}
            lines.append(Line(row.method, row.steps, parts))
        lines.sort(key=lambda line: -line.total)
        yield Profile(f"{name}: milliseconds of a training step, by part", "steps", lines)
