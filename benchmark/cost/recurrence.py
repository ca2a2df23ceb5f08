"""Recurrent methods: examined at short lengths, and continued to long ones by their recurrence.

A loop over time does the same at every step. What it costs is an exact affine function of the
modalities' lengths, as long as these stand in one order (the shortest of several is then the same
modality's throughout). Step by step a long sequence would take minutes to count; what a method does
there beside the steps is looked at (:mod:`.probe`), and nothing is continued past a crop or a pool.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import astuple

from ..contract import FusionMethod
from .flops import Count, count
from .memory import Memory
from .probe import probe

Lengths = Mapping[str, int]
Numbers = Mapping[Hashable, int]
FAR = 1024
Look = Callable[[Lengths], Numbers]


def is_recurrent(build: Callable[[Lengths], FusionMethod], names: tuple[str, ...]) -> bool:
    """Whether a forward pass runs more operators for longer sequences."""
    pair = [dict.fromkeys(names, steps) for steps in (8, 12)]
    short, longer = (count(build(lengths), 2, lengths).operators for lengths in pair)
    return longer > short


def continued_count(
    counted: Callable[[Lengths], Count], lengths: Lengths, look: Look
) -> Count | None:
    """Continue a count by :func:`continued`."""

    def numbered(short: Lengths) -> Numbers:
        found = counted(short)
        return {
            ("operators", ""): found.operators,
            **{("by_operator", name): n for name, n in found.by_operator.items()},
            **{("by_module", name): n for name, n in found.by_module.items()},
            **{("uncounted", name): n for name, n in found.uncounted.items()},
        }

    numbers = continued(numbered, lengths, first=8, step=4)
    if numbers is None or not goes_on(look, lengths):
        return None
    parts: dict[str, dict[str, int]] = {"by_operator": {}, "by_module": {}, "uncounted": {}}
    for place, number in numbers.items():
        kind, name = place if isinstance(place, tuple) else ("", "")
        if kind in parts:
            parts[kind][name] = number
    total = sum(parts["by_operator"].values())
    return Count(total=total, operators=numbers["operators", ""], **parts)


def continued_memory(
    predicted: Callable[[Lengths], Memory], lengths: Lengths, look: Look
) -> Memory | None:
    """Continue a prediction by :func:`continued`.

    A peak is the greatest of many moments' affine functions, and so never below what is continued;
    the lengths to continue from are such that activations outweigh the rest.
    """
    numbers = continued(
        lambda short: dict(enumerate(astuple(predicted(short)))), lengths, first=64, step=16
    )
    if numbers is None or not goes_on(look, lengths):
        return None
    return Memory(*numbers.values())


def looking(build: Callable[[Lengths], FusionMethod]) -> Look:
    """Return :func:`.probe.probe` of a method at any lengths, each looked at once."""
    seen: dict[tuple[tuple[str, int], ...], Numbers] = {}

    def look(lengths: Lengths) -> Numbers:
        key = tuple(sorted(lengths.items()))
        if key not in seen:
            seen[key] = probe(build(lengths), 1, lengths)
        return seen[key]

    return look


def goes_on(look: Look, lengths: Lengths) -> bool:
    """Whether a method does at these lengths what it does at short ones, only longer.

    Where it walks step by step in Python, which takes long to look at, lengths over ``FAR`` are
    brought to that.
    """
    pair = [look(dict.fromkeys(lengths, steps))["calls"] for steps in (16, 20)]
    most = max(lengths.values())
    if pair[1] > pair[0] and most > FAR:
        lengths = {name: max(20, steps * FAR // most) for name, steps in lengths.items()}
    return continued(look, lengths, first=8, step=4) == dict(look(lengths))


def continued(
    measure: Callable[[Lengths], Numbers], lengths: Lengths, first: int,
    step: int,
) -> dict[Hashable, int] | None:  # fmt: skip
    """Measure at short lengths in the order of the given ones, and continue to these.

    With G different lengths it is measured at G + 1 points, which fix the affine function, and at
    another one that has to lie on it.

    Parameters
    ----------
    measure
        From lengths to any number of whole numbers.
    first, step
        The shortest length, and by how much others rise over it.

    Returns
    -------
    dict or None
        None where a length is too short to continue to, or a number is not affine.
    """
    groups = sorted(set(lengths.values()))
    points = list(corners(len(groups), first, step))
    if any(steps < max(p[i] for p in points) for i, steps in enumerate(groups)):
        return None
    tables = []
    for point in points:
        steps = dict(zip(groups, point, strict=True))
        tables.append(measure({name: steps[length] for name, length in lengths.items()}))
    *fixing, check = tables
    result: dict[Hashable, int] = {}
    for key in dict.fromkeys(key for table in tables for key in table):
        values = [table.get(key, 0) for table in fixing]
        if affine(points[0], values, points[-1], step) != check.get(key, 0):
            return None
        found = affine(points[0], values, groups, step)
        if found is None:
            return None
        result[key] = found
    return result


def corners(groups: int, first: int, step: int) -> Iterator[list[int]]:
    """Yield short lengths, in ascending order each time: G + 1 of them, and one to check with."""
    base = [first + step * i for i in range(groups)]
    yield base
    for rising in range(groups):
        yield [steps + step * (i >= rising) for i, steps in enumerate(base)]
    yield [steps + step * (i + 2) for i, steps in enumerate(base)]


def affine(base: list[int], values: list[int], target: list[int], step: int) -> int | None:
    """Return the affine function through ``corners`` at another point; None where not whole.

    It rises by ``values[i + 1] - values[0]`` where the lengths from the i-th on rise by ``step``:
    by how much more the i-th length rises than the one before it tells how often.
    """
    rise, before = 0, 0
    for first, (start, end) in enumerate(zip(base, target, strict=True)):
        rise += (values[first + 1] - values[0]) * (end - start - before)
        before = end - start
    whole, rest = divmod(rise, step)
    return None if rest else values[0] + whole
