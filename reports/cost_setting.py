"""Where and in which type a cost was taken: what no table, line or slope may hold two of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..benchmark.cost.rows import Growth, Row
from .formatting import clean, count


@dataclass(frozen=True)
class Setting:
    """Device, type and threads. Counting has none of them, predicting no threads."""

    device: str = ""
    dtype: str = ""
    threads: int | None = None

    @classmethod
    def of(cls, row: Row | Growth) -> Setting:
        return cls(row.device, row.dtype, row.threads)

    def __str__(self) -> str:
        threads = "" if self.threads is None else count(self.threads, "thread")
        return ", ".join(filter(None, (self.device.upper(), self.dtype, threads)))

    @property
    def slug(self) -> str:
        """What tells it apart in an anchor."""
        return "".join(f"-{part}" for part in (self.device, self.dtype, self.threads) if part)

    def alike(self, other: Setting) -> bool:
        """Whether a prediction in one is of what is measured in the other."""
        return (self.device, self.dtype) == (other.device, other.dtype)


COUNTED = Setting()


def machines(records: Sequence[Mapping[str, Any]]) -> dict[Setting, tuple[str, ...]]:
    """Return by setting the processors, or GPUs, of the records that were measured."""
    found: dict[Setting, dict[str, None]] = defaultdict(dict)
    for record in records:
        cell = record["cell"]
        if cell["quantity"] in ("memory", "latency"):
            name = clean(record["machine"].get("processor", ""))
            if cell["device"] == "cuda":
                name = clean((record.get("gpu") or {}).get("name", "")) or f"GPU beside {name}"
            setting = Setting(cell["device"], cell["dtype"], cell["threads"])
            found[setting] |= {name: None} if name else {}
    return {setting: tuple(names) for setting, names in found.items()}


def memory_limits(records: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return by device the least memory that what was measured could use, in bytes."""
    found: dict[str, int] = {}
    for record in records:
        limit: int | None = (record.get("limits") or {}).get("memory")
        if limit is not None:
            device = record["cell"]["device"]
            found[device] = min(limit, found.get(device, limit))
    return found
