"""How long `bench cost` takes: FLOPs and predicted memory of all methods at seven lengths.

    python tests/speed/cost_sweep.py [METHODS]

The whole sweep, 64 to 4,096, should take under three minutes on two cores, methods of attention
alone under one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time


def main() -> None:
    methods = sys.argv[1] if len(sys.argv) > 1 else "all"
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "bench", "cost", "--methods", methods, "--lengths", "64:4096", "--batch", "32",
            "--only", "flops,predicted", "--out", folder,
        ]  # fmt: skip
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print(f"{time.perf_counter() - start:.1f} s for {methods}")


if __name__ == "__main__":
    main()
