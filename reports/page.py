"""One HTML page that needs nothing else: figures, style and script stand in it.

Its security policy names the script and the style sheet by their hashes and forbids all else: no
network, and nothing runs that a name or an error message brought along.
"""

from __future__ import annotations

import base64
import hashlib
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
    figures, classes = inline({drawing.name: drawing.svg for drawing in content.drawings})

    def figure(drawing: Drawing) -> Markup:
        return Markup(figures[drawing.name])  # matplotlib has escaped the texts in it

    environment.tests["name"] = lambda part: isinstance(part, Name)
    environment.filters |= {"figure": figure, "tight": tight}
    style = sheet(classes)
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        content=content,
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
    )


def sheet(classes: str) -> str:
    """Return the whole style sheet: the colours of both modes, the page's rules, the figures'."""
    own = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    light, dark = variables(dark=False), variables(dark=True)
    text = (
        f":root {{ color-scheme: light; {light} }}\n"
        "@media screen {\n"
        "@media (prefers-color-scheme: dark) { "
        f":root:not([data-theme]) {{ color-scheme: dark; {dark} }} }}\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {dark} }}\n"
        f"}}\n{own}{classes}\n"
    )
    assert "<" not in text  # nothing can end the element that it stands in
    return text


def policy(style: str, script: str) -> str:
    """Return the content security policy under which this style and this script alone work."""
    return (
        f"default-src 'none'; img-src data:; style-src '{digest(style)}'; "
        f"script-src '{digest(script)}'; base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    """Return the hash of an element's text as a security policy writes it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def tight(text: str) -> str:
    """Keep a number and its sign or unit on one line: ``n = 5``, ``95 %``, ``2.1 s``."""
    return re.sub(r" (?=[=<>%±])|(?<=[=<>±]) |(?<=\d) (?=s\b)", "\u00a0", text)
