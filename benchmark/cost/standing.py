"""Whether a stored result still stands under the limits that are asked for now."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .cells import PASSES
from .measured import LONGER

FAILED = ("failed", "crashed")
"""What no limit explains."""
STATUSES = (*FAILED, "memory", "timeout")
OF_LIMIT = {"memory": "memory", "call": "timeout", "time": "timeout"}
"""By limit, the mark of what broke it."""


@dataclass(frozen=True)
class Broken:
    """A method's pass without a result: which limit it broke, or that it failed, and the message.

    ``status`` is ``memory``, ``timeout``, ``failed`` or ``crashed``.
    """

    method: str
    work: str
    status: str
    message: str


def broken(record: Mapping[str, Any]) -> list[Broken]:
    """List what has no result in a record."""
    methods, result = list(record["cell"]["configs"]), record.get("result") or {}
    if record["status"] != "ok":
        status, message = record["status"], said(record["error"] or {})
        return [Broken(name, work, status, message) for name in methods for work in PASSES]
    return [
        *(
            Broken(methods[0], work, found["status"], said(found))
            for work, found in result.get("broken", {}).items()
        ),
        *(each for work in PASSES for each in marked(result, work)),
    ]


def marked(result: Mapping[str, Any], work: str) -> Iterator[Broken]:
    """Yield the marks of a block's pass."""
    own = result.get(work)
    if not isinstance(own, Mapping):
        return
    for method, seconds in own.get("too_slow", {}).items():
        yield Broken(method, work, "timeout", f"a call takes {seconds:.3g} s or more")
    for method, size in own.get("too_large", {}).items():
        yield Broken(method, work, "memory", f"needs {size / 2**30:.3g} GiB or more")
    for method, error in own.get("broken", {}).items():
        yield Broken(method, work, error["status"], said(error))


def said(error: Mapping[str, Any]) -> str:
    """Return an error's message, of an exception with its type: ``'x'`` alone is no KeyError."""
    kind, message = error.get("type", ""), error.get("message", "")
    plain = kind in ("", "TooSlowError") or kind in STATUSES
    return message if plain else f"{kind}: {message}"


def stands(record: Mapping[str, Any], now: Mapping[str, float | None] | None) -> bool:
    """Whether a record would not be another one under these limits.

    Parameters
    ----------
    now
        By ``memory``, ``call`` and ``time`` bytes and seconds, None for no limit. None where the
        cell is under none: a limit that it broke once, when it was, is not asked for any more.
    """
    marks, ran = {each.status for each in broken(record)}, record.get("limits")
    if now is None and "limits" in record:
        return True
    if now is None or ran is None:
        return not marks.intersection(OF_LIMIT.values())
    for name, status in OF_LIMIT.items():
        then, new = most(ran[name]), most(now[name])
        if new > then and status in marks:
            return False
        if new < then and used(record, name) > new:
            return False
    return True


def most(limit: float | None) -> float:
    return math.inf if limit is None else limit


def used(record: Mapping[str, Any], name: str) -> float:
    """Return what a record's cell used of what a limit is on; nothing where that is not known."""
    if name != "call":
        return float((record.get("used") or {}).get(name) or 0.0)
    result = record.get("result") or {}
    calls = [result.get(f"{work}_call", 0.0) / LONGER[work] for work in PASSES]
    for work in PASSES:
        own = result.get(work)
        if isinstance(own, Mapping):
            calls += [each["median"] for each in own.get("times", {}).values()]
    return max(calls)
