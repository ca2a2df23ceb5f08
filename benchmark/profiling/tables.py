"""Profiles as text for the terminal and as Markdown: tables, and bars of the parts' shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

BAR = 50
"""Characters of the longest bar."""
SIGNS = "█▓▒░▪·"
COLOURS = ("blue", "cyan", "green", "magenta", "yellow", "bright_black")


@dataclass(frozen=True)
class Line:
    """One method: how many cells or steps it is the mean of, and its parts, in one unit."""

    method: str
    count: int
    parts: Mapping[str, float | None]

    @property
    def total(self) -> float:
        return sum(value or 0.0 for value in self.parts.values())


@dataclass(frozen=True)
class Profile:
    """One table with its bars: a title, what is counted, and a line a method, all of equal parts.

    A part that is zero in all lines is left out; one that is unknown is shown as a dash.
    """

    title: str
    counted: str
    lines: Sequence[Line]

    @property
    def parts(self) -> list[str]:
        names = self.lines[0].parts
        return [name for name in names if any(line.parts[name] != 0.0 for line in self.lines)]


def text(profile: Profile) -> RenderableType:
    """Return a profile for a terminal: its table, and below it the bars with their legend."""
    table = Table(title=profile.title, title_justify="left", box=None, pad_edge=False)
    for column in heads(profile):
        table.add_column(column, justify="left" if column == "method" else "right")
    for line in profile.lines:
        table.add_row(*map(Text, cells(profile, line)))
    longest = max(len(line.method) for line in profile.lines)
    bars = []
    for line in profile.lines:
        bar = Text(f"{line.method:<{longest}}  ")
        for index, size in enumerate(blocks(profile, line)):
            bar.append(SIGNS[index] * size, style=COLOURS[index])
        bars.append(bar)
    return Group(table, Text(), *bars, Text(legend(profile)), Text())


def markdown(profile: Profile) -> str:
    """Return a profile as a Markdown table whose last column is the bar."""
    names = heads(profile)
    rule = [":---" if name == "method" else "---:" for name in names]
    rows = [[*names, "share"], [*rule, ":---"]]
    for line in profile.lines:
        bar = "".join(s * n for s, n in zip(SIGNS, blocks(profile, line), strict=False))
        first, *rest = cells(profile, line)
        rows.append([f"`{first}`", *rest, f"`{bar}`"])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{profile.title}\n\n{table}\n\n{legend(profile)}\n"


def heads(profile: Profile) -> list[str]:
    return ["method", profile.counted, *profile.parts, "total"]


def cells(profile: Profile, line: Line) -> list[str]:
    """Return a line's cells as they are written."""
    values = [line.parts[name] for name in profile.parts]
    return [line.method, f"{line.count:,}", *(figure(v) for v in values), figure(line.total)]


def figure(value: float | None) -> str:
    """Write three significant digits, a dash for what is unknown.

    >>> figure(0.04567), figure(18.73), figure(1234.5), figure(None)
    ('0.046', '18.7', '1,234', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.{1 if value >= 10 else 3}f}"


def blocks(profile: Profile, line: Line) -> list[int]:
    """Return how many characters each part takes of a bar, to one scale for all lines."""
    scale = max(each.total for each in profile.lines) or 1.0
    ends, far = [], 0.0
    for name in profile.parts:
        far += line.parts[name] or 0.0
        ends.append(round(BAR * far / scale))
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def legend(profile: Profile) -> str:
    return "   ".join(f"{sign} {name}" for sign, name in zip(SIGNS, profile.parts, strict=False))


def show(profiles: Sequence[Profile], notes: Sequence[str], form: str) -> None:
    """Print profiles, then notes, as ``text`` or ``md``."""
    if form == "md":
        print("\n".join([*map(markdown, profiles), *notes]))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    for profile in profiles:
        console.print(text(profile))
    for note in notes:
        console.print(Text(note), soft_wrap=True)
