"""What methods cost, read from a store: series over lengths, and the cost beside a result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..benchmark.cost.rows import Growth, Row, growths, rows, samples
from .cells import canonical, differing, said
from .formatting import clean

QUANTITIES = ("flops", "predicted", "memory", "latency")
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
    machine, threads
        Where latency and memory were measured; empty where neither was.
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
    machine: str
    threads: int

    @property
    def batches(self) -> tuple[int, ...]:
        return tuple(sorted({row.batch for row in self.rows}))

    def find(self, quantity: str, work: str, batch: int) -> dict[str, dict[int, Row]]:
        """Return by method and length the rows of a quantity; of two machines the first."""
        found: dict[str, dict[int, Row]] = defaultdict(dict)
        for row in self.rows:
            if (row.quantity, row.work, row.batch) == (quantity, work, batch):
                found[row.method].setdefault(row.length, row)
        return dict(found)


def costs(
    records: Sequence[Mapping[str, Any]], plan: Mapping[str, Any] | None
) -> tuple[Costs, ...]:
    """Part a store's cost records: the plan's by dataset, the others by task and sweep."""
    plan = plan or {}
    by_id = {r["id"]: r for r in records if r["cell"]["kind"] == "cost"}
    groups: list[tuple[str, str | None, list[Mapping[str, Any]]]] = []
    bases = {n: base for base, names in plan.get("series", {}).items() for n in names}
    planned: dict[str, list[str]] = {}
    for name, ids in plan.get("costs", {}).items():
        planned.setdefault(bases.get(name, name), []).extend(ids)
    for base, ids in planned.items():
        found = [by_id[i] for i in dict.fromkeys(ids) if i in by_id]
        if found:
            groups.append((clean(base), base, found))
    taken = {i for ids in planned.values() for i in ids}
    sweeps: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in by_id.values():
        if record["id"] not in taken:
            sweeps[sweep_key(record)].append(record)
    for found in sweeps.values():
        vary = found[0].get("vary", "all")
        what = "every modality" if vary == "all" else vary
        groups.append((clean(f"Cost as {what} grows"), None, found))
    return tuple(
        collected(f"c{i}", title, dataset, found, plan)
        for i, (title, dataset, found) in enumerate(groups, start=1)
    )


def sweep_key(record: Mapping[str, Any]) -> str:
    """Equal for the points of one sweep: task, what is varied, and the lengths that are not."""
    cell = record["cell"]
    vary = record.get("vary", "all")
    modalities = {
        name: {k: v for k, v in modality.items() if k != "max_length"}
        for name, modality in cell["task"]["modalities"].items()
    }
    fixed = {n: v for n, v in cell["lengths"].items() if vary not in ("all", n)}
    return canonical([modalities, len(cell["task"]["outputs"]), vary, fixed])


def collected(
    anchor: str, title: str, dataset: str | None, records: Sequence[Mapping[str, Any]],
    plan: Mapping[str, Any],
) -> Costs:  # fmt: skip
    """Put a group's records together."""
    labels = labelled(records)
    table, times = [], {}
    for record in records:
        own = {name: labels[name, canonical(c)] for name, c in record["cell"]["configs"].items()}
        table += [replace(row, method=own[row.method]) for row in rows(record)]
        for (method, *place), values in samples([record]).items():
            times[own[method], *place] = values
    order = list(plan.get("methods", []))
    methods = sorted(dict.fromkeys(row.method for row in table), key=lambda m: rank(order, m))
    measured = [r for r in records if r["cell"]["quantity"] in ("memory", "latency")]
    first = records[0]
    lead = leading(first)
    return Costs(
        anchor=anchor,
        title=title,
        dataset=dataset,
        inputs=inputs(records, lead),
        lead=lead,
        methods=tuple(methods),
        lengths=tuple(sorted({row.length for row in table})),
        seconds={r["length"]: r["seconds"] for r in records},
        rows=tuple(table),
        growths=tuple(growths(table, {}, times)),
        samples=times,
        machine=clean(measured[0]["machine"].get("processor", "")) if measured else "",
        threads=measured[0]["machine"]["threads"] if measured else 0,
    )


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


def leading(record: Mapping[str, Any]) -> str:
    """Return the modality that a record's length counts."""
    vary, names = record.get("vary", "all"), list(record["cell"]["task"]["modalities"])
    return names[-1] if vary == "all" else vary


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
