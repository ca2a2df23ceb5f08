"""A dataset at several lengths: generated at each, or resampled in time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from .cell import open_dataset
from .contract import FusionDataset, UserError
from .cost.sweep import parse_lengths as frames
from .opening import open_examined
from .registry import datasets

RESAMPLED = "resampled"


@dataclass(frozen=True)
class Variant:
    """One dataset of a plan, opened.

    Parameters
    ----------
    name
        What cells call it: ``utd-mhad``, at a length ``utd-mhad@1/4``.
    base
        The same without the length; settings by path reach it under both names.
    source
        What a worker opens, with ``settings``.
    length
        Steps of the longest example in the task's last modality, where lengths were asked for.
    """

    name: str
    base: str
    source: str
    settings: Mapping[str, Any]
    dataset: FusionDataset
    length: int | None = None


def parse_lengths(given: str | Sequence[Any]) -> tuple[str, ...]:
    """Read ``64:1024`` (doubled from 64 up), ``100,200``, or ``1/4,1/2,1`` (shares of the frames).

    Returns
    -------
    tuple of str
        Whole numbers of frames in ascending order, or shares such as ``1/4``.

    Raises
    ------
    UserError
        Anything else, or a share that is not in (0, 1].
    """
    text = given if isinstance(given, str) else ",".join(map(str, given))
    if "/" not in text:
        return tuple(map(str, frames(text)))
    shares = {share(part.strip()) for part in text.split(",")}
    return tuple(f"{each.numerator}/{each.denominator}" for each in sorted(shares))


def share(text: str) -> Fraction:
    """Read a share such as ``1/4``, or ``1``."""
    found = re.fullmatch(r"(\d+)(?:/(\d+))?", text)
    numbers = (int(found[1]), int(found[2] or 1)) if found else (0, 1)
    if not 0 < numbers[0] <= numbers[1]:
        raise UserError(
            f"--lengths: {text!r} is no share of a corpus's frames; expected such as 1/4,1/2,1 (or "
            f"numbers of frames, such as 64:1024)"
        )
    return Fraction(*numbers)


def variants(
    source: str, settings: Mapping[str, Any], lengths: Sequence[str], root: Path | None
) -> Iterator[Variant]:
    """Open a dataset as it is, or at each of several lengths.

    A dataset that has a setting ``length`` is generated at each; any other has all its modalities
    averaged in time until its last modality's longest example has so many frames.

    Raises
    ------
    UserError
        Data that cannot be read, or more frames than a corpus has.
    """
    opened = open_examined(source, settings, root)
    if not lengths:
        yield Variant(opened.name, opened.name, source, settings, opened)
        return
    longest = list(opened.task.modalities.values())[-1].max_length
    drawn = generated(source, settings, opened, longest, root)
    for text in lengths:
        part = Fraction(text) if "/" in text else Fraction(int(text), longest)
        steps = max(1, round(part * longest))
        name = f"{opened.name}@{text}"
        if drawn:
            asked = {**settings, "length": steps}
            yield Variant(name, opened.name, source, asked, named(source, asked, root, name), steps)
            continue
        if part > 1:
            raise UserError(
                f"--lengths {text}: {opened.name} has at most {longest} frames in "
                f"{opened.task.names[-1]!r} and is resampled in time; expected {longest} at most"
            )
        given = [f"{key}={typed(value)}" for key, value in sorted(settings.items())]
        asked = {"rate": float(part), **({"settings": given} if given else {})}
        wrapped = f"{RESAMPLED}:{source}"
        yield Variant(name, opened.name, wrapped, asked, named(wrapped, asked, root, name), steps)


def named(source: str, settings: Mapping[str, Any], root: Path | None, name: str) -> FusionDataset:
    """Open a dataset under a name of the plan's own."""
    opened = open_dataset(source, settings, root)
    opened.name = name
    return opened


def typed(value: Any) -> str:
    """Write a setting as it is typed."""
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def generated(
    source: str, settings: Mapping[str, Any], opened: FusionDataset, longest: int, root: Path | None
) -> bool:
    """Whether a dataset can be generated at a length: at its own one it must be what it is."""
    entry = datasets[source.partition(":")[0]]
    if "length" not in {field.name for field in fields(entry.cls.Config)}:
        return False
    try:
        again = open_dataset(source, {**settings, "length": longest}, root)
    except UserError:
        return False  # the family has the setting, this member of it does not
    return again.task == opened.task


def modules(dataset: FusionDataset) -> list[str]:
    """Return the modules that a dataset's examples come from: its own, and what it resamples."""
    found = [type(dataset).__module__]
    inner = getattr(dataset, "inner", None)
    return found + (modules(inner) if isinstance(inner, FusionDataset) else [])
