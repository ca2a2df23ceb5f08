"""Write a report in the formats that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..benchmark.contract.errors import UserError
from .collect import collect
from .export import leaderboard
from .markdown import markdown
from .page import html
from .sections import content

FORMATS = ("md", "html", "csv")
FIGURES = "report_files"


def write(
    store_path: Path, formats: Sequence[str] = ("md", "html"), out: Path | None = None
) -> list[Path]:
    """Write the report of a store; equal stores give equal bytes.

    Parameters
    ----------
    store_path
        Folder that ``bench run`` made.
    formats
        Of ``md`` (report.md, its figures in report_files/), ``html`` (report.html, one file that
        needs nothing else) and ``csv`` (leaderboard.csv).
    out
        Folder to write to; the store's by default.

    Returns
    -------
    list of Path
        The files written, a Markdown report's figures after it.

    Raises
    ------
    UserError
        No such store, or an unknown format.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise UserError(
            f"unknown report format {', '.join(map(repr, unknown)) or '(none)'}; expected some of "
            f"{', '.join(FORMATS)}"
        )
    report = collect(Path(store_path))
    folder = Path(out) if out is not None else Path(store_path)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if "md" in formats or "html" in formats:
        whole = content(report)
        if "html" in formats:
            written.append(saved(folder / "report.html", html(whole)))
        if "md" in formats:
            written.append(saved(folder / "report.md", markdown(whole)))
            figures = {d.name: d.svg for section in whole.sections for d in section.drawings}
            written.extend(save_figures(folder / FIGURES, figures))
    if "csv" in formats:
        written.append(saved(folder / "leaderboard.csv", leaderboard(report)))
    return written


def save_figures(folder: Path, figures: dict[str, str]) -> list[Path]:
    """Write the figures, and take away those of an earlier report that this one does not have."""
    if figures:
        folder.mkdir(exist_ok=True)
    for old in folder.glob("d*-*.svg"):
        if old.name not in figures:
            old.unlink()
    return [saved(folder / name, svg) for name, svg in figures.items()]


def saved(path: Path, text: str) -> Path:
    """Write a text with the same line ends everywhere."""
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
