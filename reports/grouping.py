"""Which cells stand in one table, and which of them are one row of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .cells import Cell, differing, said
from .formatting import clean


@dataclass(frozen=True)
class Row:
    """All cells of one method in one configuration: its seeds and folds."""

    label: str
    method: str
    cells: tuple[Cell, ...]
    planned: bool


@dataclass(frozen=True)
class Group:
    """Cells that may be compared: one dataset with its settings, one size, one training.

    ``trained_apart`` names the training settings in which its methods differ, where each method
    has but one (a tuned learning rate); methods that have several are put in several groups.
    """

    title: str
    dataset: str
    size: str
    rows: tuple[Row, ...]
    trained_apart: str

    @property
    def cells(self) -> list[Cell]:
        return [cell for row in self.rows for cell in row.cells]


def grouped(cells: Sequence[Cell], plan: Mapping[str, Any] | None) -> tuple[Group, ...]:
    """Part a store's cells into tables and rows, in the plan's order and then by name."""
    datasets = (plan or {}).get("datasets", [])
    groups = []
    for shared in by(cells, lambda c: c.table_key).values():
        ambiguous = any(
            len({c.training_key for c in same}) > 1
            for same in by(shared, lambda c: (c.method, c.config_key)).values()
        )
        parts = by(shared, lambda c: c.training_key).values() if ambiguous else [shared]
        groups.extend(parts)
    groups.sort(key=lambda g: (position(datasets, g[0].dataset), g[0].dataset, g[0].table_key))
    titles = titled(groups)
    return tuple(
        Group(title, g[0].dataset, g[0].size, rows_of(g, plan), trained_apart(g))
        for title, g in zip(titles, groups, strict=True)
    )


def rows_of(cells: Sequence[Cell], plan: Mapping[str, Any] | None) -> tuple[Row, ...]:
    """Part a table's cells into rows; a method with several configurations names what differs."""
    methods, planned = (plan or {}).get("methods", []), set((plan or {}).get("cells", []))
    rows, taken = [], set[str]()
    by_method = by(cells, lambda c: c.method)
    for method in sorted(by_method, key=lambda m: (position(methods, m), m)):
        configs = list(by(by_method[method], lambda c: c.config_key).values())
        differences = differing([same[0].asked["config"] for same in configs])
        for same, difference in zip(configs, differences, strict=True):
            label = clean(f"{method} [{said(difference)}]" if len(configs) > 1 else method)
            if label in taken:  # names that differ in unprintable characters alone
                label = f"{label} #{len(taken) + 1}"
            taken.add(label)
            ordered = tuple(sorted(same, key=lambda c: (c.seed, c.fold)))
            rows.append(Row(label, method, ordered, any(c.id in planned for c in same)))
    return tuple(rows)


def titled(groups: Sequence[Sequence[Cell]]) -> list[str]:
    """Name each table by its dataset; tables of one dataset say in what they differ."""
    titles = []
    for group in groups:
        dataset = group[0].dataset
        same = [g[0] for g in groups if g[0].dataset == dataset]
        if len(same) == 1:
            titles.append(clean(dataset))
            continue
        own = ("method", "config", "seed", "fold")
        shared = [
            {"size": c.size, **{k: v for k, v in c.asked.items() if k not in own}} for c in same
        ]
        which = next(i for i, c in enumerate(same) if c is group[0])
        titles.append(clean(f"{dataset} ({said(differing(shared)[which])})"))
    return titles


def trained_apart(cells: Sequence[Cell]) -> str:
    """Name the training settings in which a table's methods differ, or nothing."""
    each = [same[0].asked["training"] for same in by(cells, lambda c: c.training_key).values()]
    paths = dict.fromkeys(path for one in differing(each) for path in one)
    return ", ".join(paths)


def by(cells: Iterable[Cell], key: Any) -> dict[Any, list[Cell]]:
    """Part cells by a key, in the order of their first appearance."""
    parts: dict[Any, list[Cell]] = defaultdict(list)
    for cell in cells:
        parts[key(cell)].append(cell)
    return dict(parts)


def position(names: Sequence[str], name: str) -> int:
    """Place of a name in the plan; what is not in the plan comes after."""
    return list(names).index(name) if name in names else len(names)
