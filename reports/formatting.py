"""Numbers, lists and names as a paper writes them, the same on every kind of page."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

from .metrics import Metric

NOTHING = "–"
MINUS = "−"


class Number(str):
    """A number as it is set, which still knows its value: a page's tables are sorted by it."""

    value: float | None

    def __new__(cls, text: str, value: float | None = None) -> Number:
        made = super().__new__(cls, text)
        made.value = value
        return made


def number(value: float | None, digits: int = 1, sign: bool = False) -> Number:
    """Write a number with fixed decimals and a true minus; what is unknown is a dash.

    >>> number(-1.25, 1), number(2, 1, sign=True), number(float("nan"))
    ('−1.2', '+2.0', '–')
    """
    if value is None or not math.isfinite(value):
        return Number(NOTHING)
    text = f"{abs(value):.{digits}f}"
    if text.strip("0."):
        text = f"{MINUS}{text}" if value < 0 else f"{'+' if sign else ''}{text}"
    return Number(text, value)


def value(metric: Metric, measured: float | None, sign: bool = False) -> Number:
    """Write a measured value on its metric's scale."""
    scaled = None if measured is None else measured * metric.scale
    return number(scaled, metric.digits, sign)


def difference(metric: Metric, measured: float | None) -> Number:
    """Write a difference with its sign, one digit finer than the values."""
    scaled = None if measured is None else measured * metric.scale
    return number(scaled, metric.digits + 1, sign=True)


def p_value(p: float, alpha: float = 0.05) -> Number:
    """Write a p-value to three decimals, or to as many as show on which side of alpha it lies.

    >>> p_value(0.0312), p_value(0.04996), p_value(1e-9), p_value(0.9999)
    ('.031', '.04996', '< .001', '> .999')
    """
    if not math.isfinite(p):
        return Number(NOTHING)
    if p < 0.001:
        return Number("< .001", p)
    if p > 0.999:
        return Number("> .999", p)
    digits = 3
    while digits < 8 and (round(p, digits) < alpha) != (p < alpha):
        digits += 1
    return Number(f"{p:.{digits}f}".removeprefix("0"), p)


def p_phrase(p: float, alpha: float = 0.05) -> str:
    """Write ``p = .031`` or ``p < .001``."""
    text = p_value(p, alpha)
    return f"p {text}" if text[0] in "<>" else f"p = {text}"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun: ``1 seed``, ``1,200 cells``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {plural or noun + 's'}"


def integer(value: float | None) -> Number:
    """Write a whole number with thousands separated."""
    return Number(NOTHING) if value is None else Number(f"{value:,.0f}", value)


def ranges(numbers: Sequence[int]) -> str:
    """Write whole numbers in order, runs as ranges.

    >>> ranges([0, 1, 2, 5, 8, 7])
    '0–2, 5, 7–8'
    """
    runs: list[list[int]] = []
    for n in sorted(set(numbers)):
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)


def span(low: float, high: float) -> str:
    """Write the extent of some counts: ``431`` or ``380 to 431``."""
    return integer(low) if low == high else f"{integer(low)} to {integer(high)}"


def duration(seconds: float) -> str:
    """Write a time: ``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def clean(text: object) -> str:
    """Return a text in one line without control or direction-changing characters.

    Escaping is the page's own affair; but no page has an escape for a NUL or for a character that
    turns the rest of a line round.
    """
    return " ".join(visible(text).split())


def visible(text: object) -> str:
    """Return a text, perhaps of many lines, in which each unprintable character is a sign."""
    kept = []
    for letter in str(text):
        hidden = unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co")
        kept.append(letter if letter in "\n\t" or not hidden else "�")
    return "".join(kept)


def shortened(text: str, length: int = 28) -> str:
    """Cut a name that has no room in a figure; the tables hold all of it.

    Of a method with settings in brackets the middle goes: its settings are what tells it apart.

    >>> shortened("mult"), shortened("missing-modality [missing-modality.level=clip]")
    ('mult', 'missing-modali…y.level=clip]')
    """
    if len(text) <= length:
        return text
    if not text.endswith("]"):
        return text[: length - 1] + "…"
    kept = length // 2
    return f"{text[:kept]}…{text[kept + 1 - length :]}"
