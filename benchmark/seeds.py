"""Named seed streams: every kind of chance in a run has its own, fixed by the cell's axes."""

from __future__ import annotations

import hashlib
from typing import Literal

Stream = Literal["initialisation", "order", "dropout", "split", "corruption", "labels"]


def stream(name: Stream, *, seed: int, fold: int = 0) -> int:
    """Return the seed of a stream, below 2**63.

    Hashed from named axes, so that streams are independent of one another and changing one kind of
    chance leaves the others alone. The method is no axis: methods are compared on equal draws.
    """
    text = f"{name}|seed={seed}|fold={fold}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
