"""Time, peak memory and size of a report of 2,000 trainings and 1,000 measurements of cost.

    python tests/speed/report.py [STORE]

Draws a store of the size of CREMA-D's protocol (20 methods, 20 seeds, 5 datasets, 91 speakers,
1,120 test examples each; half of the datasets with one split for all seeds), writes the report in
all formats in a process of its own, and prints what it took; of STORE, where one is given.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
METHODS = {f"method-{i}": 0.5 + i / 8 for i in range(19)} | {"late-concat": 1.0}


def draw(path: Path) -> None:
    """Write the store."""
    from tests.reports.cost_stores import write_costs
    from tests.reports.stores import Spec, write_store

    plans = []
    sizes = {"examples": 1120, "speakers": 91, "epochs": 60, "seeds": tuple(range(20))}
    for i, design in enumerate(("crossed", "re-drawn", "crossed", "re-drawn", "re-drawn")):
        spec = Spec(methods=METHODS, datasets=(f"data-{i}",), design=design, **sizes)
        write_store(path, spec, salt=f"{i}")
        plans.append(json.loads((path / "plan.json").read_text()))
    whole = {
        **plans[0],
        **{key: [x for plan in plans for x in plan[key]] for key in ("datasets", "cells")},
    }
    (path / "plan.json").write_text(json.dumps(whole))
    found = write_costs(path, list(METHODS))
    print(f"{len(list(path.glob('cells/*.npz')))} trainings, {found} measurements of cost")


def main() -> None:
    """Draw, report, and print."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "store"
        if len(sys.argv) < 2:
            draw(store)
        code = (
            "import sys, fusemark.reports as r; "
            "r.write(sys.argv[1], ('html', 'md', 'latex', 'csv'), sys.argv[2])"
        )
        out = Path(folder) / "out"
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, str(store), str(out)], check=True)
        seconds = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20
        print(f"{seconds:.1f} s ({busy:.1f} s of one core), peak {peak:.2f} GiB")
        for path in sorted(out.glob("report.*")):
            print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
