"""What a large store costs: a resume decision and the table of results, by number of cells.

    python tests/speed/store.py [CELLS ...]

Makes stores of generated cells (by default 1,000, 10,000 and 100,000) as a run does, archiving as
it goes, with a training history of thirty epochs and the predictions of a hundred examples in each;
then opens each in a fresh process, decides what is left to do, and reads the table of results.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from fusemark.benchmark import Store
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.provenance import machine
from fusemark.benchmark.store import LOOSE

METHODS = ("late-concat", "early-concat", "late-average", "gmu", "tfn", "lmf", "mag", "mbt", "mult",
           "perceiver")  # fmt: skip
EXAMPLES, EPOCHS = 100, 30


def plan(cells: int) -> Planned:
    """Return a plan of so many cells: ten methods on one dataset."""
    seeds = cells // len(METHODS)
    return Planned(
        make_plan(
            {
                "methods": METHODS, "datasets": ["simulated:synergy"], "seeds": seeds,
                "settings": {"simulated:synergy.clips": 300},
            }
        ),
        None,
    )  # fmt: skip


def fill(path: Path, planned: Planned) -> float:
    """Put a record and predictions for every cell of a plan; return the seconds that it took."""
    store, rng, start = Store(path).create(), np.random.default_rng(0), time.perf_counter()
    digests = {cell.method: planned.digests(cell)[0] for cell in planned.cells[: len(METHODS)]}
    labels = rng.integers(0, 6, EXAMPLES)
    for count, cell in enumerate(planned.cells, start=1):
        curve = rng.random((4, EPOCHS)).tolist()
        record = {
            "schema": 1, "id": cell.id, "cell": vars(cell), "size": "small", "status": "ok",
            "metrics": {f"metric_{i}": float(v) for i, v in enumerate(rng.random(12))},
            "history": {f"curve_{i}": c for i, c in enumerate(curve)},
            "confusion": rng.integers(0, 20, (6, 6)).tolist(), "parameters": 12345,
            "durations": {"load": 0.5, "train": 20.0, "evaluate": 0.2, "total": 20.7},
            "code": {"digest": digests[cell.method], "harness": "h"}, "machine": machine(),
        }  # fmt: skip
        probabilities = rng.dirichlet(np.ones(6), EXAMPLES).astype(np.float32)
        store.put(record, {"probabilities": probabilities, "labels": labels})
        if count % LOOSE == 0:
            store.compact()
    store.compact(least=1)
    return time.perf_counter() - start


def measured(path: str, cells: str) -> None:
    """In a fresh process: time planning, the decision and the table; print them as JSON."""
    from fusemark.benchmark import load_results
    from fusemark.benchmark.run import Options, survey, to_do

    start = time.perf_counter()
    planned = plan(int(cells))
    planning = time.perf_counter() - start
    start = time.perf_counter()
    left = to_do(survey(planned, Store(path), Options()), Options())
    deciding = time.perf_counter() - start
    start = time.perf_counter()
    frame = load_results(path)
    loading = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    assert not left
    assert len(frame) == int(cells)
    print(json.dumps([planning, deciding, loading, peak]))


def main() -> None:
    print(f"{machine()['processor']}, {machine()['cores']} cores")
    print("cells    write each   on disk    files   plan     decide   load_results   peak memory")
    for cells in [int(a) for a in sys.argv[1:]] or [1_000, 10_000, 100_000]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run"
            seconds = fill(path, plan(cells))
            files = [f for f in path.rglob("*") if f.is_file()]
            size = sum(f.stat().st_size for f in files)
            words = [sys.executable, __file__, "--measure", str(path), str(cells)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            planning, deciding, loading, peak = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{cells:<8,} {1e3 * seconds / cells:6.2f} ms   {size / 2**20:7.0f} MiB "
                f"{len(files):6}   {planning:5.2f} s  {deciding:5.2f} s  {loading:8.2f} s   "
                f"{peak:8.2f} GiB",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measured(*sys.argv[2:])
    else:
        main()
