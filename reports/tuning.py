"""What a tuning says: what each method could spend and did, what it found, how its trials went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import tuning_figures
from .figures import Drawing
from .formatting import NOTHING, clean, count, duration, integer, number
from .grids import Column, Entry, Grid
from .summary import Findings
from .tuning_figures import below
from .wording import Name, Sentence, sentence

Row = Mapping[str, Any]
SCORES = {"macro_f1": ("macro F1", 100.0, 1), "-mae": ("minus the mean absolute error", 1.0, 3)}
PRUNED = {
    "median": "A trial is pruned where its best epoch so far lies below the median of earlier "
    "trials at that epoch.",
    "hyperband": "Trials are pruned by Hyperband.",
    "none": "No trial is pruned.",
}


@dataclass(frozen=True)
class TuningPart:
    """The tuning of methods on one dataset."""

    anchor: str
    title: str
    size: str
    sentences: tuple[Sentence, ...]
    grids: tuple[Grid, ...]
    drawings: tuple[Drawing, ...]


def parts(result: Mapping[str, Any] | None) -> tuple[TuningPart, ...]:
    """Set what ``bench tune`` found, dataset by dataset; nothing where nothing was tuned."""
    return () if result is None else tuple(each(result))


def each(result: Mapping[str, Any]) -> Iterator[TuningPart]:
    for index, dataset in enumerate(result["datasets"], start=1):
        rows = [row for row in result["studies"] if row["dataset"] == dataset]
        anchor = f"t{index}"
        grids = (spent(rows, anchor), chosen(rows, anchor), fronts(rows, anchor),
                 refused(rows, anchor))  # fmt: skip
        yield TuningPart(
            anchor,
            f"Tuning: {clean(dataset)}",
            result["size"],
            tuple(said(result, rows, anchor)),
            tuple(grid for grid in grids if grid is not None),
            tuple(tuning_figures.drawings(rows, anchor)),
        )


def findings(part: TuningPart) -> Findings:
    """Return what the summary says of a tuning: what each method could spend."""
    return Findings(part.title, part.size, part.anchor, part.sentences[:1])


def said(result: Mapping[str, Any], rows: Sequence[Row], anchor: str) -> Iterator[Sentence]:
    """Say what every method could spend, what it did, and what its trials were judged by."""
    seeds = result["seeds"]
    trials = sum(row["counts"]["trials"] for row in rows)
    pruned = sum(row["counts"]["pruned"] for row in rows)
    yield sentence(
        f"Every method had the same budget: {result['budget']['text']}; {count(trials, 'trial')}, "
        f"of which {pruned:,} were pruned, took {duration(sum(row['seconds'] for row in rows))} of "
        f"computing.",
        anchor=f"{anchor}-spent",
    )
    yield sentence(
        f"A trial trains with {count(len(seeds), 'seed')} (from {seeds[0]}; later runs use others) "
        f"and is judged by its validation score; the test part is not read. The first trial is the "
        f"default configuration. {PRUNED[result['pruner']]}"
    )
    yield sentence(
        f"Sampler: TPE over settings jointly, seed {result['seed']}; trials kept in "
        f"{clean(result['storage'])}."
    )
    if result["settings"]:
        held = ", ".join(f"{k}={v}" for k, v in sorted(result["settings"].items()))
        yield sentence("Held fixed: ", Name(clean(held)), ".")
    if rows[0]["reused"]:
        yield sentence(
            "Each seed or fold of this dataset draws its own test part: examples that are tested "
            "later may have trained or validated a trial. The scores here come from validation "
            "parts alone."
        )


def spent(rows: Sequence[Row], anchor: str) -> Grid:
    """The methods with what they spent, and their best score beside the default's."""
    name, scale, digits = SCORES[rows[0]["score"]]
    columns = (
        Column("method", numeric=False),
        *(Column(label) for label in ("settings", "trials", "complete", "pruned", "failed",
                                      "given back", "computing", "default", "best")),
    )  # fmt: skip

    def level(found: Row | None) -> str:
        return NOTHING if not found or not found["values"] else number(
            scale * found["values"][0], digits
        )  # fmt: skip

    def row(one: Row) -> tuple[Entry, ...]:
        counts = one["counts"]
        kinds = ("trials", "complete", "pruned", "fail", "given_back")
        return (
            Entry(one["method"], name=True),
            Entry(integer(len(one["space"]))),
            *(Entry(integer(counts[kind])) for kind in kinds),
            Entry(duration(one["seconds"]), sort=one["seconds"]),
            Entry(level(one["default"])),
            Entry(level(one["best"])),
        )

    caption = (
        f"What tuning spent, and its best trial's validation {name} beside that of the default "
        f"configuration: the greatest of noisy scores, so above what the same settings reach anew."
    )
    return Grid(f"{anchor}-spent", caption, columns, tuple(map(row, rows)))


def chosen(rows: Sequence[Row], anchor: str) -> Grid | None:
    """The best trial of each method: what it changed, and what it left at the default."""
    found = [row for row in rows if row["best"]]
    if not found:
        return None
    columns = (
        Column("method", numeric=False),
        Column("trial"),
        Column("changed", numeric=False),
        Column("left at the default", numeric=False),
    )

    def row(one: Row) -> tuple[Entry, ...]:
        defaults = {p["path"]: p["default"] for p in one["space"]}
        values = one["best"]["chosen"]
        kept = {path for path, value in values.items() if value == defaults[path]}
        changed = {below(one, path): v for path, v in values.items() if path not in kept}
        return (
            Entry(one["method"], name=True),
            Entry(integer(one["best"]["number"])),
            Entry(settings(changed) or "nothing"),
            Entry(", ".join(sorted(below(one, path) for path in kept)) or "nothing"),
        )

    caption = "Settings of each method's best trial, by their path below the method's name."
    return Grid(f"{anchor}-chosen", caption, columns, tuple(map(row, found)))


def settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} = {shown(value)}" for path, value in values.items())


def fronts(rows: Sequence[Row], anchor: str) -> Grid | None:
    """The trials that no other of their method beats in score and FLOPs at once."""
    if not any(row["front"] for row in rows):
        return None
    name, scale, digits = SCORES[rows[0]["score"]]
    columns = (Column("method", numeric=False), Column("trial"), Column("FLOPs of a prediction"),
               Column(name), Column("settings", numeric=False))  # fmt: skip
    lines = tuple(
        (
            Entry(row["method"], name=True),
            Entry(integer(trial["number"])),
            Entry(f"{trial['values'][1]:.4g}", sort=trial["values"][1]),
            Entry(number(scale * trial["values"][0], digits)),
            Entry(settings({below(row, path): v for path, v in trial["chosen"].items()})),
        )
        for row in rows
        for trial in row["front"]
    )
    caption = f"Pareto fronts of validation {name} and FLOPs, the cheapest trial first."
    return Grid(f"{anchor}-fronts", caption, columns, lines)


def refused(rows: Sequence[Row], anchor: str) -> Grid | None:
    """Why trials failed, each reason once with how often."""
    lines = []
    for row in rows:
        found = [t["reason"] for t in row["trials"] if t["state"] == "fail" and t["reason"]]
        lines += [
            (Entry(row["method"], name=True), Entry(integer(found.count(one))), Entry(one))
            for one in dict.fromkeys(found)
        ]
    if not lines:
        return None
    columns = (Column("method", numeric=False), Column("trials"), Column("reason", numeric=False))
    return Grid(f"{anchor}-refused", "Trials that failed, by reason.", columns, tuple(lines))


def shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
