"""A matplotlib figure as SVG text: equal bytes from equal data, and fit to stand in a page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from xml.sax.saxutils import quoteattr

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from .palette import INK, LINE, MUTED, PAPER, themed

STYLE: dict[Any, Any] = {
    # Text stays text: it is read aloud, selected, and set in the page's own font.
    "svg.fonttype": "none",
    "svg.hashsalt": "fusemark",
    "text.parse_math": False,  # a name may hold dollar signs
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "axes.edgecolor": MUTED.light,
    "axes.facecolor": "none",
    "axes.labelcolor": INK.light,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": PAPER.light,
    "grid.color": LINE.light,
    "grid.linewidth": 0.6,
    "text.color": INK.light,
    "xtick.color": MUTED.light,
    "ytick.color": MUTED.light,
    "xtick.labelcolor": INK.light,
    "ytick.labelcolor": INK.light,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "path.simplify": True,
}
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@contextmanager
def style() -> Iterator[None]:
    """Draw in the report's style, whatever the user's own matplotlib settings are."""
    with warnings.catch_warnings(), mpl.rc_context():
        # A name in a script that the measuring font lacks is still set by the reader's fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def rendered(figure: Figure, description: str) -> str:
    """Return a figure as an SVG document of its own, with its description for screen readers.

    Must be called inside :func:`style`.
    """
    file = io.StringIO()
    FigureCanvasSVG(figure)
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(file, format="svg", metadata=nothing)
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\s*<g id="(?:figure|axes|patch|text|line2d|matplotlib\.axis|xtick|ytick)_\d+"',
                  "\n<g", text)  # fmt: skip
    text = re.sub(r"font(-family)?: ([^;\"]*?)('DejaVu Sans'[^;\"]*)", rf"font\1: \2{FONTS}", text)
    text = re.sub(r"<[^>]*>", rounded, text)
    label = f'<svg role="img" aria-label={quoteattr(description)} '
    return text.replace("<svg ", label, 1)


def rounded(tag: re.Match[str]) -> str:
    """Cut a tag's coordinates to hundredths of a point, which halves a figure."""
    return re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0])


def inline(figures: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Return the parts of SVG documents that stand in a page, and the style sheet of them all.

    Ids get the figure's name before them, so that two figures share none. Style attributes become
    classes of the sheet: a page's security policy can name a sheet by its hash, but no attribute;
    and colours in it are the page's variables.
    """
    classes: dict[str, str] = {}
    parts = {}
    for name, svg in figures.items():
        head, _, body = svg[svg.index("<svg ") :].partition(">")
        body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", body, flags=re.DOTALL)
        within = partial(placed, prefix=name.removesuffix(".svg"), classes=classes)
        # In tags alone: a method's name may look like an attribute.
        body = re.sub(r"<[^>]*>", within, body)
        parts[name] = f"{head}>{body}"
    rules = (f".{label} {{ {themed(style)} }}" for style, label in classes.items())
    return parts, "\n".join(rules)


def placed(tag: re.Match[str], prefix: str, classes: dict[str, str]) -> str:
    """Return a figure's tag with its ids prefixed and a class in place of its style."""
    text = re.sub(r' id="([^"]+)"', rf' id="{prefix}-\1"', tag[0])
    text = re.sub(r'(url\(|href=")#', rf"\1#{prefix}-", text)
    return re.sub(
        r' style="([^"]*)"',
        lambda found: f' class="{classes.setdefault(found[1], f"f{len(classes)}")}"',
        text,
    )
