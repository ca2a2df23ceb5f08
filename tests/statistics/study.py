"""Simulation study: size, coverage, familywise error and seeds saved, with known truth.

``python -m tests.statistics.study --runs 4000 --out results/reference/statistics`` writes one CSV
a table, ``study.json`` with where they came from, and ``README.md``; the tests run the same
functions with fewer runs.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from fusemark.benchmark.digest import code_digest
from fusemark.benchmark.provenance import git_state, versions

from .study_coverage import coverage, coverage_of_bootstrap, coverage_of_superiority
from .study_looks import after_stopping, familywise, familywise_of_both, seeds_saved
from .study_rows import SPREADS, Random, Row
from .study_sizes import (
    errors_of_pairs,
    sizes,
    sizes_crossed,
    sizes_over_datasets,
    sizes_redrawn,
)

__all__ = ["SPREADS", "STUDIES", "digest", "familywise", "sizes"]

STUDIES: dict[str, Callable[[Random, int], Iterator[Row]]] = {
    "size": sizes,
    "size_over_datasets": sizes_over_datasets,
    "size_crossed": sizes_crossed,
    "size_redrawn": sizes_redrawn,
    "coverage": coverage,
    "coverage_superiority": coverage_of_superiority,
    "coverage_bootstrap": coverage_of_bootstrap,
    "familywise": familywise,
    "familywise_speakers": familywise_of_both,
    "familywise_datasets": errors_of_pairs,
    "after_stopping": after_stopping,
    "seeds_saved": seeds_saved,
}
TITLES = {
    "size": "Size at .05 of the paired tests, n independent normal differences; exact: attainable",
    "size_over_datasets": "Size at .05 of Friedman's test in the Iman-Davenport form",
    "size_crossed": "Size at .05, crossed design: every seed is tested on the same speakers",
    "size_redrawn": "Size at .05, re-drawn design: every seed draws its own test speakers",
    "coverage": "Coverage of 95 % intervals for new seeds and new speakers",
    "coverage_superiority": "Coverage of the 95 % interval of P(A > B)",
    "coverage_bootstrap": "Coverage of 95 % intervals of a mean of n independent units",
    "familywise": "Familywise error of looks for new seeds, alpha .05",
    "familywise_speakers": "Familywise error of looks for new speakers and new seeds, alpha .05",
    "familywise_datasets": "Familywise error of pairwise Wilcoxon with Holm over datasets",
    "after_stopping": "Size for new speakers in a run that stopped on a verdict for new seeds",
    "seeds_saved": "Comparisons decided, and trainings saved by --until-decided",
}
SETTINGS = (
    "Spreads are standard deviations of a paired difference, between speakers, between seeds and "
    "of a single cell: "
    + "; ".join(f"{name} {', '.join(map(str, of))}" for name, of in SPREADS.items())
    + ". In the re-drawn design a seed tests 15 % of the speakers."
)
STUDIED = ("fusemark.benchmark.looks", "fusemark.benchmark.statistics")


def digest() -> str:
    """Hash the code that the study is about: the looks, and every module of the statistics."""
    import fusemark.benchmark.statistics as statistics

    folder = Path(statistics.__file__ or "").parent
    names = [f"{STUDIED[1]}.{path.stem}" for path in sorted(folder.glob("[!_]*.py"))]
    return code_digest((STUDIED[0], *names))


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write one table, row by row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for found in rows:
            values = asdict(found)
            for name in ("rate", "error", "exact"):
                x = values[name]
                values[name] = "" if math.isnan(x) else f"{x:.4f}"
            writer.writerow(values)
            file.flush()


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read one table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def readme(out: Path, made: dict[str, Any]) -> str:
    """Return the tables as Markdown, with the command that makes them."""
    shown = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    state = " with uncommitted changes" if made["git"] and made["git"]["dirty"] else ""
    commit = made["git"]["commit"] if made["git"] else "unknown"
    parts = [
        "# Simulation study of the statistics",
        f"Made by\n\n```sh\n{made['command']}\n```",
        f"at commit {commit}{state}, with {shown}. Rates are over so many runs as stand in each "
        f"row, with their standard error. {SETTINGS}",
    ]
    for name, title in TITLES.items():
        if (out / f"{name}.csv").exists():
            parts += [f"## {title}", markdown(read_rows(out / f"{name}.csv"))]
    return "\n\n".join(parts) + "\n"


def markdown(rows: Sequence[dict[str, str]]) -> str:
    """Set a table, without the columns that are empty in it."""
    names = [n for n in rows[0] if n != "table" and any(r[n] not in ("", "0") for r in rows)]
    if len({r["table"] for r in rows}) > 1:
        names.insert(0, "table")
    rule = [":---" if n in ("table", "method", "design", "setting") else "---:" for n in names]
    lines = [names, rule, *([r[n] for n in names] for r in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def study(job: tuple[str, int, int, Path]) -> None:
    """Make one table from a generator of its own, so that no other table changes it."""
    name, seed, runs, out = job
    write_rows(out / f"{name}.csv", STUDIES[name](np.random.default_rng(seed), runs))
    print(name, flush=True)


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=STUDIES, default=list(STUDIES))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    made = {
        "command": f"python -m tests.statistics.study --runs {args.runs} --out {args.out}",
        "runs": args.runs,
        "seed": args.seed,
        "digest": digest(),
        "git": git_state(),
        "versions": versions(),
    }
    jobs = [(name, args.seed, args.runs, args.out) for name in args.only]
    if args.workers > 1:
        with ProcessPoolExecutor(args.workers) as pool:
            list(pool.map(study, jobs))
    else:
        list(map(study, jobs))
    (args.out / "study.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    (args.out / "README.md").write_text(readme(args.out, made), encoding="utf-8")


if __name__ == "__main__":
    main()
