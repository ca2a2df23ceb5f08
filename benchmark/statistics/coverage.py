"""When an interval covers so little that it is withheld instead of printed."""

from __future__ import annotations

from .wording import count, percent

LEAST_COVERAGE = 0.92
"""What a 95 % interval must cover in simulation to be printed."""


def reason_to_withhold(kind: str, n: int, fewest: int, unit: str = "unit") -> str | None:
    """Say why an interval from `n` units is withheld, or None when it may be printed.

    >>> reason_to_withhold("percentile", 5, 20)
    'a percentile interval from 5 units covers less than 92 %: it takes 20'
    >>> reason_to_withhold("percentile", 20, 20)
    """
    if n >= fewest:
        return None
    return (
        f"a {kind} interval from {count(n, unit)} covers less than {percent(LEAST_COVERAGE)}: "
        f"it takes {fewest}"
    )
