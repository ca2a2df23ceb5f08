"""The report as Markdown, as GitHub renders it, with its figures in files beside it."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .formatting import clean
from .grids import Column, Entry, Grid
from .page import TEMPLATES
from .pairwise_grid import Matrix
from .sections import Content
from .wording import Name, Sentence

# Written as entities, which neither Markdown nor the HTML inside it reads as structure. An
# underscore inside a word is plain text to both.
SPECIAL = re.compile(
    r"[&<>|*`\[\]\\~#$@]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\."  # and no bare address
)
NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
PLAIN_NAME = re.compile(r"[\w.:+=,() -]+")


class Ready(str):
    """Markdown that is escaped already."""


def markdown(content: Content, folder: str) -> str:
    """Return the report as Markdown, whose figures stand in a folder beside it."""
    return rendered("report.md.j2", content=content, folder=folder)


def rendered(template: str, **known: Any) -> str:
    """Fill a template; every text that is not :class:`Ready` is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,
        finalize=finalized,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"grid": grid, "matrix": matrix, "say": say, "name": name}
    environment.filters["escaped"] = escaped
    text = environment.get_template(template).render(**known)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def finalized(value: Any) -> Any:
    """Escape what an expression of the template puts out."""
    return value if isinstance(value, Ready) else escaped(value)


def escaped(text: object) -> Ready:
    """Return a text in which no character is read as Markdown or HTML.

    >>> escaped("<b>|a_b|</b> _c_")
    '&lt;b&gt;&#124;a_b&#124;&lt;/b&gt; &#95;c&#95;'
    """
    return Ready(SPECIAL.sub(lambda found: NAMED.get(found[0], f"&#{ord(found[0])};"), str(text)))


def name(text: str) -> Ready:
    """Set a method's, class's or dataset's name as code."""
    if PLAIN_NAME.fullmatch(text):
        return Ready(f"`{text}`")
    return Ready(f"<code>{escaped(text)}</code>")


def say(sentence: Sentence) -> Ready:
    """Set a sentence, with a link to the table behind it."""
    parts = (name(p) if isinstance(p, Name) else escaped(p) for p in sentence.parts)
    link = f" ([table](#{sentence.anchor}))" if sentence.anchor else ""
    return Ready("".join(parts) + link)


def grid(shown: Grid) -> Ready:
    """Set a table with its anchor, its caption above it."""
    caption = escaped(shown.caption)
    return Ready(f'<a id="{shown.anchor}"></a>{caption}\n\n{lines(shown)}')


def matrix(shown: Matrix) -> Ready:
    """Set the pairwise matrix, its effects and marks."""
    head = (Column("row against column", numeric=False), *map(Column, shown.methods))
    rows = tuple(
        (
            Entry(method, name=True),
            *(Entry() if c is None else Entry(f"{c.effect} {c.mark}") for c in cells),
        )
        for method, cells in shown.rows
    )
    return grid(Grid(shown.anchor, shown.caption, head, rows))


def lines(shown: Grid) -> Ready:
    """Set a table's head and rows; rows of the foot stand in italics."""
    head = " | ".join(escaped(column.label) for column in shown.columns)
    rule = " | ".join("---:" if column.numeric else "---" for column in shown.columns)
    rows = [line(row, shown.columns) for row in shown.rows]
    foot = [line(row, shown.columns, foot=True) for row in shown.foot]
    return Ready("\n".join([f"| {head} |", f"| {rule} |", *rows, *foot]))


def line(row: tuple[Entry, ...], columns: tuple[Column, ...], foot: bool = False) -> str:
    """Set one row."""
    return "| " + " | ".join(entry(e, foot) for e, _ in zip(row, columns, strict=True)) + " |"


def entry(shown: Entry, foot: bool = False) -> str:
    """Set one entry: mean and spread, and the interval on a second line."""
    text = name(clean(shown.text)) if shown.name else escaped(clean(shown.text))
    beside = f" {escaped(shown.beside)}" if shown.beside else ""
    below = f"<br>{escaped(shown.below)}" if shown.below else ""
    main = f"{text}{beside}"
    if main and (shown.strong or foot):
        main = f"**{main}**" if shown.strong else f"*{main}*"
    return f"{main}{below}"
