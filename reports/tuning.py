"""The page of a tuning: what each method could spend, what it found, and how its trials went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..benchmark.contract.errors import UserError
from ..benchmark.store import read_json, replaced
from .formatting import count, duration
from .markdown import escaped
from .tuning_figures import figures

FOLDER = "tune_files"
SCORES = {"macro_f1": ("macro F1", 100.0), "-mae": ("minus the mean absolute error", 1.0)}


def write(folder: Path) -> list[Path]:
    """Write tune.md, its figures in tune_files/; equal results give equal bytes.

    Raises
    ------
    UserError
        The folder holds no tuning.
    """
    result = read_json(folder / "tune.json")
    if result is None:
        raise UserError(f"{str(folder)!r} holds no tuning; expected what `bench tune` made")
    drawn = figures(result)
    (folder / FOLDER).mkdir(exist_ok=True)
    for name, svg in drawn.items():
        put(folder / FOLDER / name, svg)
    put(folder / "tune.md", page(result, tuple(drawn)))
    return [folder / "tune.md"]


def put(path: Path, text: str) -> None:
    with replaced(path) as file:
        file.write(text.encode())


def page(result: Mapping[str, Any], drawn: Sequence[str]) -> str:
    """Return the page as Markdown."""
    parts = ["# Tuning", said(result)]
    for dataset in result["datasets"]:
        rows = [row for row in result["studies"] if row["dataset"] == dataset]
        parts += [f"## {escaped(dataset)}", table(rows)]
        if rows[0]["reused"]:
            parts.append(
                "Each seed or fold of this dataset draws its own test part: examples that are "
                "tested later may have trained or validated a trial. The scores above come from "
                "validation parts alone."
            )
        parts += [f"![{name.removesuffix('.svg')}]({FOLDER}/{name})" for name in drawn
                  if name.startswith(f"{slug(dataset)}-")]  # fmt: skip
        parts += [text for row in rows for text in (chosen(row), front(row)) if text]
        refused = [line for row in rows for line in reasons(row)]
        if refused:
            parts.append("Trials that failed, by reason:\n\n" + "\n".join(refused))
    return "\n\n".join(parts) + "\n"


def slug(name: str) -> str:
    """Return a dataset's name as it begins a figure's file name."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)


def said(result: Mapping[str, Any]) -> str:
    """Say what every method could spend and what it was judged by."""
    seeds = result["seeds"]
    lines = [
        f"Every method had the same budget on each dataset: **{result['budget']['text']}**.",
        f"A trial trains with {count(len(seeds), 'seed')} (from {seeds[0]}; later runs use others) "
        f"at size `{result['size']}` and is judged by its validation score; the test part is not "
        f"read. The first trial is the default configuration.",
        {
            "median": "A trial is pruned where its best epoch so far lies below the median of "
            "earlier trials at that epoch.",
            "hyperband": "Trials are pruned by Hyperband.",
            "none": "No trial is pruned.",
        }[result["pruner"]],
        f"Sampler: TPE over settings jointly, seed {result['seed']}; trials kept in "
        f"{result['storage']}.",
    ]
    if result["settings"]:
        held = ", ".join(f"`{k}={v}`" for k, v in sorted(result["settings"].items()))
        lines.append(f"Held fixed: {held}.")
    return " ".join(lines)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the methods with what they spent and their best score beside the default's."""
    name, scale = SCORES[rows[0]["score"]]
    digits = 1 if scale == 100.0 else 3
    lines = [
        f"| method | settings | trials | complete | pruned | failed | given back | spent | "
        f"default | best, validation {name} |",
        "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        counts = row["counts"]
        first, best = (
            "—"
            if not row[k] or not row[k]["values"]
            else f"{scale * row[k]['values'][0]:.{digits}f}"
            for k in ("default", "best")
        )
        lines.append(
            f"| {escaped(row['method'])} | {len(row['space'])} | {counts['trials']} | "
            f"{counts['complete']} | {counts['pruned']} | {counts['fail']} | "
            f"{counts['given_back']} | {duration(row['seconds'])} | {first} | {best} |"
        )
    return "\n".join(lines)


def chosen(row: Mapping[str, Any]) -> str | None:
    """Return the best trial's settings, those that it left at the default in brackets."""
    if not row["best"]:
        return None
    defaults = {p["path"]: p["default"] for p in row["space"]}
    said = [
        f"`{path}` = {shown(value)}" if value != defaults[path] else f"(`{path}` = {shown(value)})"
        for path, value in row["best"]["chosen"].items()
    ]
    return f"**{escaped(row['method'])}**, trial {row['best']['number']}: " + ", ".join(said)


def front(row: Mapping[str, Any]) -> str | None:
    """Return the trials that no other beats in score and FLOPs at once."""
    if not row["front"]:
        return None
    name, scale = SCORES[row["score"]]
    lines = [f"| trial | FLOPs of a prediction | {name} | settings |", "|--:|--:|--:|:--|"]
    for trial in row["front"]:
        settings = ", ".join(f"`{k}` = {shown(v)}" for k, v in trial["chosen"].items())
        score, flops = trial["values"]
        lines.append(f"| {trial['number']} | {flops:.4g} | {scale * score:.1f} | {settings} |")
    return f"Pareto front of {escaped(row['method'])}:\n\n" + "\n".join(lines)


def reasons(row: Mapping[str, Any]) -> list[str]:
    """Return the reasons of failed trials, each once with how often."""
    found = [t["reason"] for t in row["trials"] if t["state"] == "fail" and t["reason"]]
    return [
        f"- {escaped(row['method'])}, {found.count(reason)} x: {escaped(reason)}"
        for reason in dict.fromkeys(found)
    ]


def shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
