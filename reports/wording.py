"""Sentences with names in them, which each kind of page sets in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class Name(str):
    """A method's or dataset's name inside a sentence: set apart, and escaped by the page."""


@dataclass(frozen=True)
class Sentence:
    """One sentence, and the anchor of the table that it was read from."""

    parts: tuple[str, ...]
    anchor: str = ""

    def __str__(self) -> str:
        return "".join(self.parts)


def sentence(*parts: str | Sequence[str], anchor: str = "") -> Sentence:
    """Join texts, names and lists of both to a sentence."""
    flat: list[str] = []
    for part in parts:
        flat.extend([part] if isinstance(part, str) else part)
    return Sentence(tuple(flat), anchor)


def listed(names: Sequence[str]) -> list[str]:
    """Set names in a row: a, b and c."""
    return in_a_row([Name(name) for name in names])


def in_a_row(texts: Sequence[str]) -> list[str]:
    """Put what stands between them: a, b and c."""
    parts: list[str] = []
    for i, text in enumerate(texts):
        if i:
            parts.append(" and " if i == len(texts) - 1 else ", ")
        parts.append(text)
    return parts
