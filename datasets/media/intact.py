"""Whether a store is what was prepared: at a glance when a plan opens it, in full on demand.

A cell's hash holds a fingerprint made of the digests in the index. That the values are still those
of the digests is known in two ways: every array is hashed again (:func:`verify`), or no file was
touched since that was done last. For the second ``seal.json`` holds the hashes of ``store.json``
and of the index, and size and time of change of every file of values. A copied folder has other
times, and is verified by every plan until it is sealed anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...benchmark.contract import UserError
from ..storage.features import FeatureStore, digest
from .described import damaged, described, first_line

SEAL = "seal.json"
NAMED = 3  # damaged clips that a message names


@dataclass(frozen=True)
class Verified:
    """What a full check went through: clips, arrays, their bytes, and the store's fingerprint."""

    names: tuple[str, ...]
    clips: int
    arrays: int
    size: int
    fingerprint: str


def examine(path: Path) -> None:
    """Check a store before a plan opens it; all its values, where a file was touched.

    Raises
    ------
    UserError
        No store, a damaged one, or one whose values are not those that were prepared.
    """
    names = described(path)["modalities"]
    try:
        kept = json.loads((path / SEAL).read_bytes())
        holds = kept == sealed(path, names)
    except (OSError, ValueError, RecursionError):
        holds = False
    if not holds:
        verify(path)


def verify(path: Path) -> Verified:
    """Hash every array of a store, and compare index and fingerprint with what was prepared.

    Raises
    ------
    UserError
        As :func:`examine`.
    """
    described(path)
    try:
        store = FeatureStore(path)
        spoilt = [*spoilt_values(store)]
        fingerprint = store.fingerprint()
    except UserError:
        raise
    except Exception as error:  # whatever an odd index leads Arrow and numpy to
        raise damaged(path, f"index.parquet: {first_line(error)}") from error
    if spoilt:
        names = ", ".join(f"{name} of {clip!r}" for name, clip in spoilt[:NAMED])
        more = ", ..." if len(spoilt) > NAMED else ""
        raise damaged(path, f"{len(spoilt)} arrays are not those that were prepared: {names}{more}")
    if fingerprint != store.content:
        raise damaged(
            path,
            f"index or modalities are not those that were prepared: fingerprint {fingerprint}, "
            f"store.json says {store.content[:32]!r}",
        )
    lengths = {name: store.columns[f"{name}_length"] for name in store.modalities}
    arrays = sum(int((steps > 0).sum()) for steps in lengths.values())
    size = sum(int(steps.sum()) * store.modalities[n].step for n, steps in lengths.items())
    return Verified(tuple(lengths), len(store), arrays, size, fingerprint)


def spoilt_values(store: FeatureStore) -> Iterable[tuple[str, str]]:
    """Yield modality and clip of each array that is not what its digest says, in file order."""
    for name in store.modalities:
        for position in np.argsort(store.columns[f"{name}_start"], kind="stable"):
            values = store.raw(name, position)
            found = "" if values is None else digest(values)
            if found != store.columns[f"{name}_digest"][position]:
                yield name, store.columns["id"][position]


def sealed(path: Path, names: Iterable[str]) -> dict[str, Any]:
    """Return the seal of a store's files as they are now."""
    texts = {name: (path / name).read_bytes() for name in ("store.json", "index.parquet")}
    hashes = {n: hashlib.blake2b(text, digest_size=16).hexdigest() for n, text in texts.items()}
    stats = {name: (path / f"{name}.values").stat() for name in names}
    # The time of change, which no program can set; that of modification it could.
    return hashes | {name: [stat.st_size, stat.st_ctime_ns] for name, stat in stats.items()}


def seal(path: Path, names: Iterable[str]) -> bool:
    """Seal a store that was verified; return False where its folder cannot be written."""
    with suppress(OSError):
        write_text(path / SEAL, json.dumps(sealed(path, names)))
        return True
    return False


def write_text(path: Path, text: str) -> None:
    """Put a file of text in its place whole."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)
