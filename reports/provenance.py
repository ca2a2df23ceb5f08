"""Where the results came from: code, versions, machines, dates, settings and the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .cells import Cell, flattened, said
from .formatting import clean, duration
from .grouping import by
from .registered import Fixed, registration


@dataclass(frozen=True)
class Fact:
    """One property of the records: each value that it takes, and in how many records."""

    name: str
    values: tuple[tuple[str, int], ...]

    @property
    def mixed(self) -> bool:
        return len(self.values) > 1


@dataclass(frozen=True)
class Built:
    """A method as it was built: its whole configuration and the digests of its code."""

    method: str
    settings: str
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Provenance:
    """Facts of the records, and the plan that the store was last asked for.

    ``registered``, ``fixed`` and ``warning`` are those of :class:`.registered.Registration`.
    """

    facts: tuple[Fact, ...]
    training: tuple[Fact, ...]
    methods: tuple[Built, ...]
    command: str
    plan_hash: str
    registered: str
    fixed: Fixed
    warning: str
    preset: str
    settings: tuple[tuple[str, str], ...]
    dirty: int
    compute: str


def provenance(
    cells: Sequence[Cell], plan: Mapping[str, Any] | None, measured: Sequence[Cell] = ()
) -> Provenance:
    """Gather the provenance of all records, failed ones too as far as they carry it.

    Parameters
    ----------
    measured
        Records of costs, which have no dataset and no training.
    """
    plan, every = plan or {}, [*cells, *measured]
    kept = registration(plan)
    facts = [
        fact("commit", every, commit),
        *(
            fact(f"harness code, {clean(dataset)}", same, lambda r: code(r, "harness"))
            for dataset, same in by(cells, lambda c: c.dataset).items()
        ),
        *(
            fact(f"content of {clean(dataset)}", same, lambda r: r["cell"]["fingerprint"])
            for dataset, same in by(cells, lambda c: c.dataset).items()
        ),
        *(fact(name, every, version(name)) for name in versions(every)),
        fact("processor", every, processor),
        fact("threads", every, lambda r: (r.get("machine") or {}).get("threads")),
        fact("device", cells, lambda r: r.get("device")),
        Fact("dates", tuple((text, len(every)) for text in dates(every))),
    ]
    seconds = sum((c.record.get("durations") or {}).get("total") or 0.0 for c in cells)
    seconds += sum(c.record.get("duration") or 0.0 for c in measured)
    return Provenance(
        facts=tuple(f for f in facts if f.values),
        training=training(cells),
        methods=built(cells),
        command=clean(plan.get("command") or ""),
        plan_hash=kept.hash,
        registered=kept.text,
        fixed=kept.fixed,
        warning=kept.warning,
        preset=clean(plan.get("preset") or ""),
        settings=tuple((clean(k), clean(v)) for k, v in flattened(plan.get("settings") or {})),
        dirty=sum(bool((c.record.get("git") or {}).get("dirty")) for c in every),
        compute=duration(seconds),
    )


def built(cells: Sequence[Cell]) -> tuple[Built, ...]:
    """Return each method's configurations with the code that ran them."""
    found = []
    for (method, _), same in by(cells, lambda c: (c.method, c.config_key)).items():
        digests = sorted({d for c in same if (d := code(c.record, "digest"))})
        settings = clean(said(dict(flattened(same[0].asked["config"]))))
        found.append(Built(clean(method), settings, tuple(digests)))
    return tuple(sorted(found, key=lambda one: (one.method, one.settings)))


def fact(name: str, cells: Sequence[Cell], read: Callable[[Mapping[str, Any]], Any]) -> Fact:
    """Count the values of a property, the most frequent first; records without it are left out."""
    found = Counter(clean(v) for cell in cells if (v := read(cell.record)) is not None)
    return Fact(name, tuple(sorted(found.items(), key=lambda item: (-item[1], item[0]))))


def commit(record: Mapping[str, Any]) -> str | None:
    git = record.get("git")
    if not git or not git.get("commit"):
        return None
    return f"{git['commit']}{' with uncommitted changes' if git.get('dirty') else ''}"


def code(record: Mapping[str, Any], part: str) -> str | None:
    return clean((record.get("code") or {}).get(part) or "")[:12] or None


def versions(cells: Sequence[Cell]) -> list[str]:
    return list(dict.fromkeys(n for c in cells for n in c.record.get("versions") or {}))


def version(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda record: (record.get("versions") or {}).get(name)


def processor(record: Mapping[str, Any]) -> str | None:
    machine = record.get("machine") or {}
    if not machine.get("processor"):
        return None
    cores = f", {machine['cores']} cores" if machine.get("cores") else ""
    memory = f", {machine['memory_gib']} GiB" if machine.get("memory_gib") else ""
    return f"{machine['processor']}{cores}{memory}"


def dates(cells: Sequence[Cell]) -> list[str]:
    """From the start of the first cell to the end of the last, in minutes of UTC."""
    spans = [span for cell in cells if (span := ran(cell.record)) is not None]
    if not spans:
        return []
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    return [f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"]


def ran(record: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """Return when a cell ran: a record has one end, and how long it took."""
    total = timedelta(seconds=(record.get("durations") or {}).get("total") or 0.0)
    if record.get("finished"):
        end = datetime.fromisoformat(record["finished"]).astimezone(UTC)
        return end - total, end
    if record.get("started"):
        start = datetime.fromisoformat(record["started"]).astimezone(UTC)
        return start, start + total
    return None


def training(cells: Sequence[Cell]) -> tuple[Fact, ...]:
    """Return the settings of training and data, resolved, each with the values that it takes."""
    kinds = ("training", "data")
    paths = dict.fromkeys(
        f"{kind}.{path}" for c in cells for kind in kinds for path, _ in flattened(c.asked[kind])
    )
    facts = []
    for path in paths:
        kind, _, inner = path.partition(".")
        flat = [dict(flattened(c.asked[kind])) for c in cells]
        found = Counter(clean(said({path: one[inner]})) for one in flat if inner in one)
        values = {text.partition("=")[2]: n for text, n in found.items()}
        facts.append(Fact(clean(path), tuple(sorted(values.items(), key=lambda i: (-i[1], i[0])))))
    return tuple(facts)
