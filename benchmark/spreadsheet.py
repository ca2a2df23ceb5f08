"""CSV that a spreadsheet may open: a name in it is never run as a formula."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet reads as the start of a formula (OWASP, CSV Injection)."""


def as_csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as CSV; where a number is None or not finite, nothing stands."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(entry, head))
    writer.writerows(map(entry, row) for row in rows)
    return file.getvalue()


def entry(value: Any) -> Any:
    """Return what stands for a value; a text that would be a formula gets an apostrophe.

    >>> entry("=1+1"), entry("mult"), entry(-0.5), entry(float("nan"))
    ("'=1+1", 'mult', -0.5, '')
    """
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, str):
        mark = "'" if value.startswith(FORMULA) else ""
        # The writer leaves a carriage return unquoted, and readers end the row there.
        return mark + value.replace("\r", " ")
    return value
