"""What methods cost, read from a store: series over lengths, and the cost beside a result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..benchmark.cost.rows import Growth, Row, growths, rows, samples
from .cells import canonical, differing, said
from .cost_groups import Group, groups, leading
from .cost_setting import COUNTED, Setting, machines, memory_limits
from .formatting import clean

Samples = Mapping[tuple[Any, ...], Sequence[float]]


@dataclass(frozen=True)
class Costs:
    """The cost of several methods on one task, at one length or more.

    Attributes
    ----------
    anchor, title
        Prefix of the ids of its parts on a page, and what the reader calls it.
    dataset
        The dataset whose task it is, where the plan asked for it; with lengths their common name.
    inputs
        The task's modalities in words.
    rows, growths, samples
        Every number with its place; how each grows; the repeated times of latencies, in seconds.
    lengths
        Steps of ``lead``, ascending.
    baseline
        The method that others are compared with, where one was named.
    machines
        By setting, the processors or GPUs where latency or memory was measured.
    study
        The ``cost.json`` behind it, with its break-even lengths; empty where there is none.
    left_out
        What is said of older records that are not shown.
    """

    anchor: str
    title: str
    dataset: str | None
    inputs: str
    lead: str
    methods: tuple[str, ...]
    lengths: tuple[int, ...]
    seconds: Mapping[int, float | None]
    rows: tuple[Row, ...]
    growths: tuple[Growth, ...]
    samples: Samples
    baseline: str | None
    machines: Mapping[Setting, tuple[str, ...]]
    study: Mapping[str, Any]
    left_out: str

    @property
    def batches(self) -> tuple[int, ...]:
        return tuple(sorted({row.batch for row in self.rows}))

    def batch(self, work: str) -> int:
        """Return the batch at which a pass is drawn: of a training step the largest."""
        return self.batches[0 if work == "inference" else -1]

    def find(
        self, quantity: str, work: str, batch: int, setting: Setting = COUNTED
    ) -> dict[str, dict[int, Row]]:
        """Return by method and length the rows of a quantity."""
        found: dict[str, dict[int, Row]] = defaultdict(dict)
        for row in self.rows:
            same = (row.quantity, row.work, row.batch) == (quantity, work, batch)
            if same and Setting.of(row) == setting:
                found[row.method][row.length] = row
        return dict(found)

    def settings(self, quantity: str) -> tuple[Setting, ...]:
        """Return the settings in which a quantity was taken."""
        found = {Setting.of(row) for row in self.rows if row.quantity == quantity}
        return tuple(sorted(found, key=str))

    def where(self, *settings: Setting) -> str:
        """Say where something was measured: settings, those of one machine together, and it."""
        found: dict[str, list[str]] = defaultdict(list)
        for setting in settings:
            found["; ".join(self.machines.get(setting, ()))].append(str(setting))
        return "; ".join(
            f"{'; '.join(several)} ({machine})" if machine else "; ".join(several)
            for machine, several in found.items()
        )


def costs(
    records: Sequence[Mapping[str, Any]], plan: Mapping[str, Any] | None,
    study: Mapping[str, Any] | None = None,
) -> tuple[Costs, ...]:  # fmt: skip
    """Put a store's cost records together.

    Parameters
    ----------
    study
        The ``cost.json`` that the last `bench cost` wrote beside them.
    """
    plan = plan or {}
    return tuple(
        collected(f"c{i}", group, plan)
        for i, group in enumerate(groups(records, plan, study), start=1)
    )


def collected(anchor: str, group: Group, plan: Mapping[str, Any]) -> Costs:
    """Put a group's records together."""
    records = group.records
    labels = labelled(records)
    large = {place(row) for row in group.study.get("rows", ()) if row["mark"] == "over"}
    orders = {g["method"]: clean(g["declared"]) for g in group.study.get("growth", ())}
    limits = memory_limits(records)
    table, times, declared = [], {}, {}
    for record in records:
        own = {name: labels[name, canonical(c)] for name, c in record["cell"]["configs"].items()}
        declared |= {own[name]: orders.get(name, "") for name in own}
        for row in rows(record, limits.get(record["cell"]["device"])):
            over = place(vars(row)) in large
            table.append(replace(row, method=own[row.method], mark="over" if over else row.mark))
        for (method, *key), values in samples([record]).items():
            times[own[method], *key] = values
    order = list(plan.get("methods", []))
    methods = sorted(dict.fromkeys(row.method for row in table), key=lambda m: rank(order, m))
    lead = leading(records[0])
    return Costs(
        anchor=anchor,
        title=group.title,
        dataset=group.dataset,
        inputs=inputs(records, lead),
        lead=lead,
        methods=tuple(methods),
        lengths=tuple(sorted({row.length for row in table})),
        seconds={r["length"]: r["seconds"] for r in records},
        rows=tuple(table),
        growths=tuple(growths(table, declared, times)),
        samples=times,
        baseline=baseline(group, plan, methods),
        machines=machines(records),
        study=group.study,
        left_out=group.left_out,
    )


def place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a row of a record and one of a ``cost.json`` have in common."""
    keys = ("method", "quantity", "work", "device", "dtype", "batch", "length")
    return tuple(row[key] for key in keys)


def baseline(group: Group, plan: Mapping[str, Any], methods: Sequence[str]) -> str | None:
    """Return the method that ratios were asked to: a block's, the study's or the plan's."""
    blocks = [r["cell"]["baseline"] for r in group.records if r["cell"]["baseline"]]
    compared = [each["baseline"] for each in group.study.get("break_even", ())]
    asked = (group.study.get("asked") or {}).get("baseline")
    named = [*blocks, *compared, asked, plan.get("baseline")]
    return next((clean(name) for name in named if name and clean(name) in methods), None)


def labelled(records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Name each method; one with several configurations says what differs."""
    configs: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for record in records:
        for name, config in record["cell"]["configs"].items():
            configs[name][canonical(config)] = config
    found = {}
    for name, several in configs.items():
        differences = differing(list(several.values()))
        for key, difference in zip(several, differences, strict=True):
            found[name, key] = clean(f"{name} [{said(difference)}]" if len(several) > 1 else name)
    return found


def inputs(records: Sequence[Mapping[str, Any]], lead: str) -> str:
    """Say what the task's inputs are, and which of their lengths stay."""
    cell, vary = records[0]["cell"], records[0].get("vary", "all")
    lengths = {tuple(r["cell"]["lengths"].values()) for r in records}
    parts = []
    for name, modality in cell["task"]["modalities"].items():
        shape = " x ".join(map(str, modality["shape"]))
        rate = f" at {modality['rate']:g} Hz" if modality["rate"] and len(lengths) == 1 else ""
        fixed = len(lengths) == 1 or vary not in ("all", name)
        steps = f", {cell['lengths'][name]:,} steps" if fixed else ""
        parts.append(f"{name} of {shape}{rate}{steps}")
    grown = "" if len(lengths) == 1 else (
        f"; every modality lasts as long as {lead}" if vary == "all" else f"; {lead} is varied"
    )  # fmt: skip
    return clean(f"{', '.join(parts)}{grown}")


def rank(order: Sequence[str], method: str) -> int:
    """Place of a method in the plan; what is not in it comes after, in its first order."""
    return order.index(method) if method in order else len(order)
