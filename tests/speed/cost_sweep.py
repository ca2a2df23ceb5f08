"""How long `bench cost` takes for all methods at seven lengths.

    python tests/speed/cost_sweep.py [METHODS] [--measured]

FLOPs and predicted memory, 64 to 4,096, should take under three minutes on two cores, methods of
attention alone under one. ``--measured`` runs the command's own default, memory and latency
measured at both batches: under 25 minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="?", default="all")
    parser.add_argument("--measured", action="store_true")
    asked = parser.parse_args()
    more = [] if asked.measured else ["--batch", "32", "--only", "flops,predicted"]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "bench", "cost", "--methods", asked.methods, "--lengths", "64:4096", *more,
            "--out", folder,
        ]  # fmt: skip
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - start
    print(f"{took:.1f} s for {asked.methods} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
