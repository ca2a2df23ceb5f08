"""The family of comparisons that a plan fixed, corrected as one over all of its tables."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..benchmark.statistics.multiplicity import holm
from .evidence import Evidence, Rules
from .formatting import clean
from .gaps import Missing
from .grouping import Group

if TYPE_CHECKING:
    from .collect import Table


@dataclass(frozen=True)
class Family:
    """What the correction of planned comparisons goes over.

    Attributes
    ----------
    tests
        Comparisons that the plan fixed, on all of its datasets together.
    datasets
        Those on which there is one; a dataset at several lengths counts once for each.
    unrecorded
        Comparisons of which a method has no record on the dataset, among ``tests``.
    """

    tests: int = 0
    datasets: int = 0
    unrecorded: int = 0


def corrected(
    tables: Sequence[Table], lacking: Sequence[tuple[str, int]], alpha: float
) -> tuple[Table, ...]:
    """Correct by Holm the planned comparisons of all tables, and each table's others apart.

    Parameters
    ----------
    lacking
        Datasets with planned comparisons that have no record, as :func:`unrecorded` counts them:
        what was not run makes the others no easier.
    """
    planned = [(t, i) for t, table in enumerate(tables) for i in places(table.compared, True)]
    unknown = sum(number for _, number in lacking)
    p = [tables[t].compared[i].test.p for t, i in planned]
    family = holm([*p, *[math.nan] * unknown], alpha).adjusted
    adjusted = dict(zip(planned, family, strict=False))
    for t, table in enumerate(tables):
        others = places(table.compared, False)
        apart = holm([table.compared[i].test.p for i in others], alpha).adjusted
        adjusted |= {(t, i): value for i, value in zip(others, apart, strict=True)}
    datasets = {tables[t].dataset for t, _ in planned} | {dataset for dataset, _ in lacking}
    whole = Family(len(family), len(datasets), unknown)
    return tuple(
        replace(
            table,
            family=whole,
            compared=tuple(
                replace(one, adjusted=adjusted[t, i]) for i, one in enumerate(table.compared)
            ),
        )
        for t, table in enumerate(tables)
    )


def places(found: Sequence[Evidence], planned: bool) -> list[int]:
    """Where the planned comparisons stand, or the others."""
    return [i for i, one in enumerate(found) if one.confirmatory == planned]


def unrecorded(
    groups: Sequence[Group], missing: Sequence[Missing], baseline: str | None, rules: Rules
) -> list[tuple[str, int]]:
    """Count planned comparisons of which a method has no record, for each dataset with any."""
    recorded = {
        (clean(group.dataset), clean(row.method))
        for group in groups
        for row in group.rows
        if row.planned
    }
    absent: dict[str, set[str]] = {}
    for one in missing:
        if (one.dataset, one.method) not in recorded:
            absent.setdefault(one.dataset, set()).add(one.method)
    found = []
    for dataset, methods in absent.items():
        there = {method for of, method in recorded if of == dataset}
        base = None if baseline is None else clean(baseline)
        number = size(there | methods, base, rules) - size(there, base, rules)
        if number:
            found.append((dataset, number))
    return found


def size(methods: Collection[str], baseline: str | None, rules: Rules) -> int:
    """Return how many comparisons a plan fixes among some methods."""
    if rules.family == "pairs":
        return math.comb(len(methods), 2)
    return len(methods) - 1 if baseline in methods else 0
