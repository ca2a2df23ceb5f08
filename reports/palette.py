"""One set of colours for page and figures, after Okabe and Ito (2008): safe for colour-blind eyes.

A figure is drawn in the light colours. Inside a page each of them is replaced by a variable of the
style sheet, which has a light and a dark value; a figure's own file keeps the light ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Colour:
    """A colour on a light and on a dark page, as hexadecimal text in lower case."""

    name: str
    light: str
    dark: str


PAPER = Colour("paper", "#fefefe", "#14171a")
INK = Colour("ink", "#1b1f23", "#e4e7ea")
MUTED = Colour("muted", "#59636e", "#9ba6b1")
LINE = Colour("line", "#d3d8de", "#373e46")
FAINT = Colour("faint", "#f2f4f6", "#1d2226")
GREY = Colour("grey", "#87919b", "#69747f")
BLUE = Colour("blue", "#0072b2", "#5cb8ee")
VERMILLION = Colour("vermillion", "#bb4a00", "#f0914d")
GREEN = Colour("green", "#007d5a", "#2fc796")
PURPLE = Colour("purple", "#a84f86", "#dd92c0")
OCHRE = Colour("ochre", "#8d6900", "#e0b53c")
COLOURS = (PAPER, INK, MUTED, LINE, FAINT, GREY, BLUE, VERMILLION, GREEN, PURPLE, OCHRE)
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, OCHRE, MUTED)
"""Of several lines in one panel, in this order; after the last they begin again, dashed."""

BY_LIGHT = {colour.light: colour for colour in COLOURS}


def variables(dark: bool) -> str:
    """Return the style sheet's declarations for one mode."""
    return " ".join(f"--{c.name}: {c.dark if dark else c.light};" for c in COLOURS)


def themed(svg: str) -> str:
    """Replace the light colours of a figure by the page's variables."""
    return re.sub(
        r"#[0-9a-f]{6}\b",
        lambda found: f"var(--{BY_LIGHT[found[0]].name})" if found[0] in BY_LIGHT else found[0],
        svg,
    )
