"""Sizes, times and counts of operations with their prefixes."""

from __future__ import annotations

import math

BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
DECIMAL = ("", "k", "M", "G", "T", "P")


def prefixed(value: float, unit: str) -> str:
    """Write ``1.234 G`` for 1.234e9 operations, ``1.5 KiB``, and times or joules with milli.

    >>> prefixed(1.234e9, "FLOP"), prefixed(1536, "B"), prefixed(0.0123, "s"), prefixed(2, "s")
    ('1.234 G', '1.5 KiB', '12.3 ms', '2 s')
    """
    if unit in ("s", "J"):
        if value >= 1000:
            return f"{value:,.0f} {unit}"
        return f"{value:.3g} {unit}" if value >= 1 else f"{1e3 * value:.3g} m{unit}"
    base, names = (1024, BINARY) if unit == "B" else (1000, DECIMAL)
    power = min(int(math.log(value, base)), len(names) - 1) if value >= 1 else 0
    return f"{value / base**power:.4g} {names[power]}".strip()
