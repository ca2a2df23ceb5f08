"""Published results of a dataset, with their protocol and whether ours compare with them."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "published.toml"


@dataclass(frozen=True)
class Published:
    """One published result.

    Attributes
    ----------
    method
        The name of the same method here, if there is one.
    settings
        Of the dataset, under which its protocol is the published one.
    differs
        What is never the same; empty where the protocol alone decides.
    level
        Name of the line that it draws in the figure of scores; none where empty.
    metrics
        By key, as shares.
    """

    datasets: tuple[str, ...]
    system: str
    source: str
    protocol: str
    metrics: Mapping[str, float]
    method: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    differs: str = ""
    level: str = ""

    def apart(self, settings: Mapping[str, Any]) -> str:
        """Say why results under some settings do not compare with it; empty where they do."""
        if self.differs:
            return self.differs
        same = all(settings.get(key) == value for key, value in self.settings.items())
        return "" if same else "other protocol"


@functools.cache
def everything(path: Path = FILE) -> tuple[Published, ...]:
    """Read all published results."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["published"]
    return tuple(Published(**{**e, "datasets": tuple(e["datasets"])}) for e in entries)


def published(dataset: str) -> tuple[Published, ...]:
    """Return the published results of a dataset, of ``cremad:DIR`` those of ``cremad``."""
    known = {dataset, dataset.partition(":")[0]}
    return tuple(entry for entry in everything() if known & set(entry.datasets))
