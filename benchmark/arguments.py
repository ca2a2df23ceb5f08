"""What is typed on the command line, read: names, settings, durations, sizes, parts."""

from __future__ import annotations

import re
from typing import Any

from .contract.errors import UserError


def listed(text: str | None) -> tuple[str, ...] | None:
    """Split names at commas."""
    return tuple(n.strip() for n in text.split(",") if n.strip()) if text is not None else None


def assignments(pairs: list[str] | None) -> dict[str, Any]:
    """Read ``path=value`` pairs."""
    settings = {}
    for pair in pairs or ():
        path, sign, value = pair.partition("=")
        if not sign or not path.strip():
            raise UserError(f"--set {pair!r}; expected PATH=VALUE such as training.epochs=30")
        settings[path.strip()] = value.strip()
    return settings


def seconds(text: str) -> float:
    """Read a duration: ``90s``, ``20m``, ``2h``, or seconds."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text)
    if not found or float(found[1]) == 0:
        raise UserError(f"duration {text!r}; expected such as 90s, 20m or 2h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def bytes_(text: str) -> int:
    """Read a size: ``8GiB``, ``512MiB``."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT])i?B?\s*", text, re.IGNORECASE)
    if not found or float(found[1]) == 0:
        raise UserError(f"memory limit {text!r}; expected such as 8GiB or 512MiB")
    return int(float(found[1]) * 1024 ** ("KMGT".index(found[2].upper()) + 1))


def part(text: str) -> tuple[int, int]:
    """Read ``i/n`` with i from 1 to n."""
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UserError(f"--only-cells {text!r}; expected i/n with i from 1 to n, such as 1/4")
    return int(found[1]), int(found[2])
