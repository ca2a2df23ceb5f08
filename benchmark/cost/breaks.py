"""What a worker broke, and which method it was at when it ended."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Literal

from .bounds import TooSlowError

Status = Literal["memory", "timeout", "failed"]
FULL = ("out of memory", "allocate memory", "enough memory", "status_alloc_failed")
"""Of messages that say that memory ran out: of the allocators, and of CUDA's libraries."""
WIDTH = 1024
RAISED = (Exception, SystemExit, KeyboardInterrupt)
"""What a method may raise. A worker does not answer to Ctrl-C: an interrupt is the method's own."""


def status_of(error: BaseException) -> Status:
    """Return which limit an exception tells of, or ``failed``."""
    if isinstance(error, TooSlowError):
        return "timeout"
    text = str(error).lower()
    full = isinstance(error, MemoryError) or any(words in text for words in FULL)
    return "memory" if full else "failed"


class Note:
    """A file that says at what its writer is; it outlives a process that is ended in any way.

    Without a path nothing is noted.
    """

    def __init__(self, path: Path | None):
        self.started = time.time()
        self.file = None if path is None else os.open(path, os.O_CREAT | os.O_WRONLY)

    def begin(self, work: str, method: str) -> None:
        """Note a pass and method, with the time of day, and that at which its writer began."""
        self.write(json.dumps([work, method, time.time(), self.started]))

    def end(self) -> None:
        """Note that no method is at work."""
        self.write("null")

    def write(self, text: str) -> None:
        if self.file is not None:
            os.pwrite(self.file, text.encode().ljust(WIDTH), 0)


def read_note(path: Path | None) -> tuple[str, str, float, float] | None:
    """Return the pass, the method, since when, and since when its process works on any.

    None where no method was at work.
    """
    if path is None or not path.exists():
        return None
    found = json.loads(path.read_text() or "null")
    return None if found is None else tuple(found)
