"""Write a report in the formats that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..benchmark.contract.errors import UserError
from .collect import collect
from .export import leaderboard
from .latex import FOLDER as TABLES
from .latex import latex
from .markdown import markdown
from .page import html
from .protocol_export import statistics
from .sections import content
from .summary import summary

FORMATS = ("md", "html", "latex", "csv")
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
        needs nothing else), ``latex`` (report.tex, its tables in report_tables/) and ``csv``
        (leaderboard.csv, and statistics.csv with the statistics beside the verdict).
    out
        Folder to write to; the store's by default.

    Returns
    -------
    list of Path
        The files written, a Markdown report's figures and a LaTeX report's tables after it.

    Raises
    ------
    UserError
        No such store, an unknown format, or a folder that cannot be made.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise UserError(
            f"unknown report format {', '.join(map(repr, unknown)) or '(none)'}; expected some of "
            f"{', '.join(FORMATS)}"
        )
    report = collect(Path(store_path))
    folder = Path(out) if out is not None else Path(store_path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"folder {str(folder)!r} cannot be made ({error.strerror}); choose another with --out"
        ) from error
    written = []
    if "md" in formats or "html" in formats:
        whole = content(report)
        if "html" in formats:
            written.append(saved(folder / "report.html", html(whole)))
        if "md" in formats:
            written.append(saved(folder / "report.md", markdown(whole, FIGURES)))
            figures = {drawing.name: drawing.svg for drawing in whole.drawings}
            written.extend(save_parts(folder / FIGURES, figures, "[acdst]*-*.svg"))
    if "latex" in formats:
        found = latex(report, [(one.title, one.sentences) for one in summary(report)])
        written.append(saved(folder / "report.tex", found.text))
        written.extend(save_parts(folder / TABLES, found.tables, "*.tex"))
    if "csv" in formats:
        written.append(saved(folder / "leaderboard.csv", leaderboard(report)))
        written.append(saved(folder / "statistics.csv", statistics(report)))
    return written


def save_parts(folder: Path, parts: dict[str, str], kind: str) -> list[Path]:
    """Write the files of a report, and take away those of an earlier one that it does not have."""
    if parts:
        folder.mkdir(exist_ok=True)
    for old in folder.glob(kind):
        if old.name not in parts:
            old.unlink()
    return [saved(folder / name, text) for name, text in parts.items()]


def saved(path: Path, text: str) -> Path:
    """Write a text with the same line ends everywhere."""
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
