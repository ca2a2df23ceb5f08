"""Opening a dataset for a plan: its files are examined before what they claim is believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .cell import open_dataset
from .contract import FusionDataset
from .registry import datasets, examine


def open_examined(name: str, config: Mapping[str, Any], root: Path | None) -> FusionDataset:
    """Build a dataset by its name and settings, as :func:`.cell.open_dataset` does in a worker.

    Raises
    ------
    UserError
        Data that cannot be read, is damaged, or is not what its fingerprint says.
    """
    look(name, config)
    return open_dataset(name, config, root)


def look(name: str, config: Mapping[str, Any]) -> None:
    """Examine the path that a dataset reads, or that of the dataset that it is made of."""
    base, _, argument = name.partition(":")
    entry = datasets[base]
    given = argument or str(config.get(entry.argument or "", ""))
    if entry.local and given:
        examine(entry.cls, Path(given))
    elif given.partition(":")[0] in datasets:
        look(given, {})
