"""Steps of each example without padding, and numbers that are not finite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .contents import Part

BLOCK = 256  # examples looked through at once


@dataclass(frozen=True)
class Cut:
    """Where the steps of a part's examples lie in one modality.

    Parameters
    ----------
    start, stop
        (N,) int64; equal where the example lacks the modality.
    spoiled
        (N,) numbers within that are not finite.
    """

    start: np.ndarray
    stop: np.ndarray
    spoiled: np.ndarray


def cuts(part: Part) -> dict[str, Cut]:
    """Find the steps that are not padding.

    Padding is steps of zeros at either end. Where the file says a length (MMSA), it is obeyed if
    anything stands in so many first steps, and if not the example is padded in front. Tokens are
    told by the text's mask. Modalities of the same number of steps, without lengths, are aligned to
    words: they are cut together, so that they stay so. An example in which a modality has no
    finite number but zero lacks it.
    """
    held = {name: look(values) for name, values in part.values.items()}
    seen = {name: (found.copy() if name != "text" or part.mask is None else part.mask.copy())
            for name, (found, _, _) in held.items()}  # fmt: skip
    aligned = not part.lengths and len({s.shape[1] for s in seen.values()}) == 1
    together = np.logical_or.reduce(list(seen.values())) if aligned and len(seen) > 1 else None
    found = {}
    for name, (_, carried, spoiled) in held.items():
        start, stop = ends(seen[name] if together is None else together)
        if name in part.lengths:
            start, stop = stated(seen[name], part.lengths[name], start, stop)
        absent = ~within(carried, start, stop)
        stop = np.where(absent, start, stop)
        counts = np.concatenate([np.zeros((len(spoiled), 1), np.int64), spoiled.cumsum(1)], 1)
        rows = np.arange(len(spoiled))
        found[name] = Cut(start, stop, counts[rows, stop] - counts[rows, start])
    return found


def look(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of every step (N, T) whether it is not zeros, carries a number, and how many do not.

    A step carries a number where one is finite and not zero.
    """
    shape = values.shape[:2]
    seen, carried, spoiled = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape, np.int64)
    for rows in blocks(len(values)):
        with np.errstate(over="ignore"):  # what does not fit float32 is not finite
            block = np.asarray(values[rows], np.float32)
        finite, other = np.isfinite(block), block != 0
        seen[rows] = other.any(2)
        carried[rows] = (finite & other).any(2)
        spoiled[rows] = (~finite).sum(2)
    return seen, carried, spoiled


def blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, BLOCK):
        yield slice(start, start + BLOCK)


def ends(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first step of each row that is seen, and the one after the last."""
    some = seen.any(1)
    start = np.where(some, seen.argmax(1), 0)
    stop = np.where(some, seen.shape[1] - seen[:, ::-1].argmax(1), 0)
    return start.astype(np.int64), stop.astype(np.int64)


def stated(
    seen: np.ndarray, lengths: np.ndarray, start: np.ndarray, stop: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cut at the stated lengths where anything stands before them."""
    steps = seen.shape[1]
    asked = np.clip(np.nan_to_num(lengths), 0, steps).astype(np.int64)
    obeyed = within(seen, np.zeros_like(asked), asked)
    return np.where(obeyed, 0, start), np.where(obeyed, asked, stop)


def within(flags: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Whether any step of each row from start to stop is set."""
    total = np.concatenate([np.zeros((len(flags), 1), np.int64), flags.cumsum(1)], 1)
    rows = np.arange(len(flags))
    return total[rows, stop] > total[rows, start]


def steps(
    part: Part, cut: Mapping[str, Cut], row: int, names: Sequence[str]
) -> dict[str, np.ndarray | None]:
    """Return each modality's steps (T, D) float32 of one example; what is not finite is 0."""
    found: dict[str, np.ndarray | None] = {}
    for name in names:
        values = part.values[name]
        start, stop = int(cut[name].start[row]), int(cut[name].stop[row])
        with np.errstate(over="ignore"):
            kept = np.array(values[row, start:stop], np.float32) if stop > start else None
        if kept is not None and cut[name].spoiled[row]:
            kept[~np.isfinite(kept)] = 0.0
        found[name] = kept
    return found
