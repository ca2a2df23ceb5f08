"""What a large store costs: a resume decision and the table of results, by number of cells.

    python tests/speed/store.py [CELLS ...] [--keep FOLDER]

Makes stores of generated cells (by default 1,000, 10,000 and 100,000) as a run does, archiving as
it goes. Records and predictions are those of ``results/reference/simulated`` (6 KB of JSON with a
history of thirty epochs, 2.3 KB of predictions of 64 examples) under the identities of a plan of
ten methods, with numbers drawn anew, so that nothing compresses better than it would in a run.
Then, each in a fresh process over files in the page cache:

plan
    the plan opened: data read, settings and the splits of every seed checked, cells listed.
decide
    ``Store(path)``, identities of all planned cells, their status and code digest, what is left.
load_results
    the table as pandas, which is imported before the clock starts.
bench run
    the whole command that finds nothing to do, from the interpreter's start to its end.

Peaks are those of the whole process (``ru_maxrss``), the interpreter and torch (about 0.35 GiB)
included. With ``--keep`` the stores stay in a folder, and those that are there are measured again.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from fusemark.benchmark import Store
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.provenance import machine
from fusemark.benchmark.run import Options, describe
from fusemark.benchmark.store import LOOSE

METHODS = ("late-concat", "early-concat", "late-average", "gmu", "tfn", "lmf", "mag", "mbt", "mult",
           "perceiver")  # fmt: skip
TASK = "simulated:synergy"
REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference" / "simulated"


def plan(cells: int) -> Planned:
    """Return a plan of so many cells: ten methods on one task."""
    seeds = cells // len(METHODS)
    return Planned(make_plan({"methods": METHODS, "datasets": [TASK], "seeds": seeds}), None)


def fill(path: Path, planned: Planned) -> float:
    """Put a record and predictions for every cell of a plan; return the seconds that it took."""
    store, rng = Store(path).create(), np.random.default_rng(0)
    store.put_plan(describe(planned, Options()))
    templates = {}
    for record in Store(REFERENCE).records():
        if record["cell"]["dataset"] == TASK:
            arrays = Store(REFERENCE).predictions(record["id"])
            templates.setdefault(record["cell"]["method"], (record, arrays))
    start = time.perf_counter()
    for count, cell in enumerate(planned.cells, start=1):
        record, arrays = templates[cell.method]
        digest, harness = planned.digests(cell)
        own = {"id": cell.id, "cell": vars(cell), "code": {"digest": digest, "harness": harness}}
        shape = arrays["probabilities"].shape
        drawn = rng.dirichlet(np.ones(shape[1]), shape[0]).astype(np.float32)
        store.put({**redrawn(record, rng), **own}, {**arrays, "probabilities": drawn})
        if count % LOOSE == 0:
            store.compact()
    store.compact(least=1)
    return time.perf_counter() - start


def redrawn(value: Any, rng: np.random.Generator) -> Any:
    """Return a record with other numbers in the place of its fractions."""
    if isinstance(value, dict):
        return {key: redrawn(v, rng) for key, v in value.items()}
    if isinstance(value, list):
        return [redrawn(v, rng) for v in value]
    return float(rng.random()) if isinstance(value, float) else value


def deciding(path: str, cells: str) -> None:
    """In a fresh process: print the seconds of planning and of the decision, and the peak."""
    from fusemark.benchmark.run import survey, to_do

    start = time.perf_counter()
    planned = plan(int(cells))
    planning = time.perf_counter() - start
    start = time.perf_counter()
    found = survey(planned, Store(path), Options())
    left = to_do(found, Options())
    seconds = time.perf_counter() - start
    assert not left
    assert len(found.done) == int(cells)
    print(json.dumps([planning, seconds, peak()]))


def loading(path: str, cells: str) -> None:
    """In a fresh process: print the seconds of the table of results, and the peak."""
    import pandas as pd
    from fusemark.benchmark import load_results

    assert pd
    start = time.perf_counter()
    frame = load_results(path)
    seconds = time.perf_counter() - start
    assert len(frame) == int(cells)
    assert frame["macro_f1"].notna().all()
    print(json.dumps([seconds, peak()]))


def peak() -> float:
    """Return the most memory that this process held, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def fresh(what: str, path: Path, cells: int) -> list[float]:
    """Return what one of the functions above prints in a process of its own."""
    words = [sys.executable, __file__, f"--{what}", str(path), str(cells)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def command(path: Path, cells: int) -> float:
    """Return the seconds of ``bench run`` over a store that lacks nothing."""
    words = [str(Path(sys.executable).with_name("bench")), "run", "--methods", ",".join(METHODS)]
    words += ["--datasets", TASK, "--seeds", str(cells // len(METHODS)), "--no-report"]
    start = time.perf_counter()
    done = subprocess.run(
        [*words, "--out", str(path)], check=True, capture_output=True, text=True, cwd=path.parent
    )
    seconds = time.perf_counter() - start
    assert "nothing to do" in done.stderr, done.stderr
    return seconds


def measure(path: Path, cells: int) -> None:
    """Make the store where it is not there, measure, and print a row."""
    made = None if path.exists() else 1e3 * fill(path, plan(cells)) / cells
    files = [f for f in path.rglob("*") if f.is_file()]
    size = sum(f.stat().st_size for f in files)
    planning, seconds, held = fresh("deciding", path, cells)
    table, most = fresh("loading", path, cells)
    print(
        f"| {cells:,} | {'' if made is None else f'{made:.1f} ms'} | {size / 2**20:,.0f} MiB | "
        f"{size / cells:,.0f} B | {len(files)} | {planning:.2f} s | {seconds:.2f} s | "
        f"{held:.2f} GiB | {table:.2f} s | {most:.2f} GiB | {command(path, cells):.1f} s |",
        flush=True,
    )


def main() -> None:
    arguments = sys.argv[1:]
    kept = None
    if "--keep" in arguments:
        at = arguments.index("--keep")
        kept = Path(arguments[at + 1])
        kept.mkdir(parents=True, exist_ok=True)
        del arguments[at : at + 2]
    load = os.getloadavg()[0]
    print(f"{machine()['processor']}, {machine()['cores']} cores, load {load:.1f} at the start\n")
    heads = ("cells", "write each", "on disk", "a cell", "files", "plan", "decide", "its peak",
             "load_results", "its peak", "bench run")  # fmt: skip
    print(f"| {' | '.join(heads)} |\n|{' ---: |' * len(heads)}")
    with tempfile.TemporaryDirectory() as folder:
        for cells in [int(a) for a in arguments] or [1_000, 10_000, 100_000]:
            measure((kept or Path(folder)) / f"run-{cells}", cells)


if __name__ == "__main__":
    if sys.argv[1:2] in (["--deciding"], ["--loading"]):
        globals()[sys.argv[1][2:]](*sys.argv[2:])
    else:
        main()
