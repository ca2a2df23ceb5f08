"""One HTML page that needs nothing else: figures and style stand in it, and no script."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .figures import Drawing
from .palette import variables
from .sections import Content
from .svg import inline
from .wording import Name

TEMPLATES = Path(__file__).parent / "templates"


def html(content: Content) -> str:
    """Return the report as a page; every text is escaped by the template engine."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["name"] = lambda part: isinstance(part, Name)
    environment.filters |= {"figure": figure, "tight": tight}
    template = environment.get_template("report.html.j2")
    return template.render(
        content=content,
        light=Markup(variables(dark=False)),
        dark=Markup(variables(dark=True)),
    )


def tight(text: str) -> str:
    """Keep a number and its sign on one line: ``n = 5``, ``95 %``."""
    return re.sub(r" (?=[=<>%±])|(?<=[=<>±]) ", "\u00a0", text)


def figure(drawing: Drawing) -> Markup:
    """Return a figure's SVG; matplotlib has escaped the texts in it."""
    return Markup(inline(drawing.svg, drawing.name.removesuffix(".svg")))
