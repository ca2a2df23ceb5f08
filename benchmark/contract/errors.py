"""The one exception that a user's mistake raises."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake that a user can mend; the command line shows it as one line and exits with 2.

    The message names the thing, the value, what was expected and what to do next.
    """


def near(name: str, known: Iterable[str]) -> str:
    """Say which known names lie near a mistyped one: ``"; did you mean 'mult'?"`` or nothing."""
    matches = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(m) for m in matches)}?" if matches else ""
