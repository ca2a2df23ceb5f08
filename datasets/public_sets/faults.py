"""What is wrong with a published file."""

from __future__ import annotations


class UnreadableError(Exception):
    """A file that does not hold what its format says; the message goes on after the file's name.

    ``"has no part 'valid'; expected ..."``.
    """


def printable(text: object) -> str:
    """Return text of a file for a message, on one line: what nothing can write is escaped."""
    return " ".join(str(text).encode("utf-8", "backslashreplace").decode().split())
