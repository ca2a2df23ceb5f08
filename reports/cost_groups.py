"""A store's cost records parted into what one table may hold, without those that are superseded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .cells import canonical
from .formatting import clean, count, integer

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """Records of one task, at one length or at those of one sweep.

    Attributes
    ----------
    dataset
        The dataset whose task it is, where the plan asked for it.
    study
        The ``cost.json`` of the `bench cost` that asked for these records, where it is the last.
    left_out
        What is said of older records of the same sweep; empty where there are none.
    """

    title: str
    dataset: str | None
    records: Sequence[Record]
    study: Mapping[str, Any] = field(default_factory=dict)
    left_out: str = ""


def groups(
    records: Sequence[Record], plan: Mapping[str, Any], study: Mapping[str, Any] | None
) -> list[Group]:
    """Part cost records: the plan's by dataset, the others by task and sweep.

    Of a sweep that the last study has cells in, those are shown and no others; of another one the
    newest of those that exclude one another.
    """
    by_id = {r["id"]: r for r in records if r["cell"]["kind"] == "cost"}
    bases = {n: base for base, names in plan.get("series", {}).items() for n in names}
    planned: dict[str, list[str]] = {}
    for name, ids in plan.get("costs", {}).items():
        planned.setdefault(bases.get(name, name), []).extend(ids)
    found = []
    for base, ids in planned.items():
        own = [by_id[i] for i in dict.fromkeys(ids) if i in by_id]
        if own:
            found.append(Group(clean(base), base, own))
    asked = set((study or {}).get("cells", ()))
    taken = {i for ids in planned.values() for i in ids} - asked
    sweeps: dict[str, list[Record]] = defaultdict(list)
    for record in by_id.values():
        if record["id"] not in taken:
            sweeps[sweep_key(record)].append(record)
    for own in sweeps.values():
        kept = [r for r in own if r["id"] in asked]
        why = "the last bench cost into this folder did not ask for them"
        last = (study or {}) if kept else {}
        if not kept:
            kept, why = newest(own), "newer ones stand in their place"
        found.append(Group(swept(kept), None, kept, last, left_out(own, kept, why)))
    return found


def sweep_key(record: Record) -> str:
    """Equal for the points of one sweep: task, what is varied, and the lengths that are not."""
    cell = record["cell"]
    vary = record.get("vary", "all")
    modalities = {
        name: {k: v for k, v in modality.items() if k != "max_length"}
        for name, modality in cell["task"]["modalities"].items()
    }
    fixed = {n: v for n, v in cell["lengths"].items() if vary not in ("all", n)}
    return canonical([modalities, len(cell["task"]["outputs"]), vary, fixed])


def newest(records: Sequence[Record]) -> list[Record]:
    """Return of the records that stand for the same numbers the last; of blocks of latencies too.

    Methods of two blocks were not timed against one another.
    """
    found: dict[str, Record] = {}
    for record in sorted(records, key=lambda r: (r.get("finished") or "", r["id"])):
        cell = record["cell"]
        latency = cell["quantity"] == "latency"
        parts = ("quantity", "device", "dtype", "threads", "batch", "lengths")
        found[canonical([*map(cell.get, parts), None if latency else cell["configs"]])] = record
    kept = {record["id"] for record in found.values()}
    return [record for record in records if record["id"] in kept]


def left_out(all_of: Sequence[Record], kept: Sequence[Record], why: str) -> str:
    """Say how many records are not shown, of which methods, and why."""
    shown = {record["id"] for record in kept}
    rest = [record for record in all_of if record["id"] not in shown]
    if not rest:
        return ""
    names = dict.fromkeys(clean(name) for record in rest for name in record["cell"]["configs"])
    return (
        f"Left out: {count(len(rest), 'older cost cell')} of {', '.join(names)}; {why}. One "
        f"command that names all methods compares them all."
    )


def swept(records: Sequence[Record]) -> str:
    """Name a sweep by what grows in it; what does not grow by its length."""
    vary, lengths = records[0].get("vary", "all"), {record["length"] for record in records}
    if len(lengths) == 1:
        return clean(f"Cost at {integer(lengths.pop())} steps of {leading(records[0])}")
    return clean(f"Cost as {'every modality' if vary == 'all' else vary} grows")


def leading(record: Record) -> str:
    """Return the modality that a record's length counts."""
    vary, names = record.get("vary", "all"), list(record["cell"]["task"]["modalities"])
    return names[-1] if vary == "all" else vary
