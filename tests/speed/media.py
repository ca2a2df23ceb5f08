"""How fast raw media become features, and how fast a store is read.

    python tests/speed/media.py [SECONDS] [CLIPS]

On two processes of one thread each: openSMILE on voice-like sound, detection with tracking on a
moving face (scikit-image's astronaut) at 480x360, embedding by InceptionResnetV1 with random
weights. Beside the clock stands the processors' own time, which other work on the machine does not
lengthen. From these CREMA-D's 5.3 hours are estimated. Then a store of 7,442 clips is opened, and
read in random order from the page cache.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

PROCESSES = 2
HOURS, RATE = 5.3, 30  # of CREMA-D, and its pictures per second
SIZE, FPS = (480, 360), 30


def sound(seconds: int) -> Callable[[], float]:
    """Return work that computes the 130 columns, and yields the seconds of sound."""
    from fusemark.datasets.media.descriptors import Descriptors, Framing

    time_ = np.arange(16000 * 3) / 16000
    phase = 2 * np.pi * np.cumsum(150 + 20 * np.sin(2 * np.pi * 3 * time_)) / 16000
    samples = sum(np.sin(h * phase) / h for h in range(1, 16)) * 3000
    samples = (samples + np.random.default_rng(0).normal(0, 100, len(time_))).astype(np.int16)
    compute = Descriptors(Framing())
    compute(samples)

    def work() -> float:
        for _ in range(seconds // 3):
            compute(samples)
        return seconds // 3 * 3

    return work


def pictures(count: int) -> np.ndarray:
    """Return pictures (count, 360, 480, 3) through which a face moves."""
    from PIL import Image
    from skimage.data import astronaut

    whole = np.asarray(Image.fromarray(astronaut()).resize((640, 640)))
    shift = (40 + 30 * np.sin(np.arange(count) / 15)).astype(int)
    return np.stack([whole[s : s + SIZE[1], 80 + s : 80 + s + SIZE[0]] for s in shift])


def faces(seconds: int) -> Callable[[], float]:
    """Return work that follows a face, and yields the pictures."""
    from fusemark.datasets.media.detection import Detector
    from fusemark.datasets.media.tracking import Tracker

    clip, detector = pictures(3 * FPS), Detector()
    list(Tracker(detector)(iter(clip[:20])))

    def work() -> float:
        for _ in range(seconds // 3):
            found = np.concatenate([boxes for _, boxes in Tracker(detector)(iter(clip))])
            assert not np.isnan(found).any()
        return seconds // 3 * len(clip)

    return work


def full(seconds: int) -> Callable[[], float]:
    """Return work that detects in every picture, for comparison."""
    from fusemark.datasets.media.detection import Detector

    clip, detector = pictures(16), Detector()
    detector.detect(clip[:8])

    def work() -> float:
        for _ in range(seconds // 3):
            detector.detect(clip[:8])
            detector.detect(clip[8:])
        return seconds // 3 * len(clip)

    return work


def vectors(seconds: int) -> Callable[[], float]:
    """Return work that embeds crops, and yields their number."""
    import torch
    from fusemark.datasets.media.embedding import Embedder
    from fusemark.datasets.media.facenet import facenet

    torch.manual_seed(0)
    embedder = Embedder(facenet().InceptionResnetV1(pretrained=None).eval(), 160, "", "random")
    crops = np.random.default_rng(0).integers(0, 256, (32, 160, 160, 3)).astype(np.uint8)

    def work() -> float:
        for _ in range(max(1, seconds // 12)):
            embedder(crops)
        return max(1, seconds // 12) * len(crops)

    return work


def timed(make: Callable[[int], Callable[[], float]], seconds: int) -> tuple[float, float, float]:
    """Return what one process did, the seconds of the clock and those of its processor."""
    import torch

    torch.set_num_threads(1)
    work = make(seconds)
    clock, own = time.perf_counter(), time.process_time()
    done = work()
    return done, time.perf_counter() - clock, time.process_time() - own


def measured(make: Callable[[int], Callable[[], float]], seconds: int) -> tuple[float, float]:
    """Return the rate of all processes together: by the clock, and by the processors' time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context) as pool:
        found = list(pool.map(timed, [make] * PROCESSES, [seconds] * PROCESSES))
    return sum(d / clock for d, clock, _ in found), sum(d / own for d, _, own in found)


def store(clips: int) -> None:
    """Print how fast a store of CREMA-D's size is opened and read."""
    from fusemark.datasets.features import Features
    from fusemark.datasets.media.journal import Journal
    from fusemark.datasets.storage.features import Stored

    rng = np.random.default_rng(0)
    kinds = {
        "audio": Stored("float32", (130,), 62.5), "visual": Stored("float16", (512,), 30.0),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        journal, rows = Journal(path, {}), []
        blocks = {n: k.encoded(rng.standard_normal((300, *k.shape))) for n, k in kinds.items()}
        for name, kind in kinds.items():
            journal.kind(name, kind)
        for i in range(clips):
            lengths = {"audio": rng.integers(80, 300), "visual": rng.integers(40, 150)}
            name = f"clip{i:05d}"
            journal.put({"id": name}, {n: blocks[n][: lengths[n]] for n in kinds})
            row = {"id": name, "speaker": f"s{i % 91}", "label": "abcdef"[i % 6]}
            for n in kinds:
                start, length, digest = journal.entries[name]["values"][n]
                row |= {f"{n}_start": start, f"{n}_length": length, f"{n}_digest": digest}
            rows.append(row)
        journal.finish("speed", rows, tuple(kinds), kinds, tuple("abcdef"))
        journal.close()
        opening, data = [], None
        for _ in range(5):
            begun = time.perf_counter()
            data = Features(Features.Config(path=str(path)))
            opening.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        data.fingerprint()
        fingerprint = time.perf_counter() - begun
        order, rates = rng.permutation(clips), {}
        for kept in ("as stored", "as float32"):
            for _ in range(2):  # the first pass fills the page cache
                begun, size = time.perf_counter(), 0
                for i in order:
                    for n in kinds:
                        raw = data.store.raw(n, int(i))
                        size += raw.nbytes
                        data.store.read(n, int(i)) if kept == "as float32" else np.array(raw)
                rates[kept] = size / (time.perf_counter() - begun) / 1e9
        total = sum((path / f"{n}.values").stat().st_size for n in kinds) / 1e9
    print(f"store of {clips} clips, {total:.2f} GB: opened in {1e3 * min(opening):.0f} ms, "
          f"fingerprint {1e3 * fingerprint:.0f} ms; random order, "
          + ", ".join(f"{n} {r:.1f} GB/s" for n, r in rates.items()))  # fmt: skip


def main() -> None:
    from fusemark.benchmark.provenance import machine

    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    clips = int(sys.argv[2]) if len(sys.argv) > 2 else 7442
    print(f"{machine()['processor']}, {PROCESSES} processes of one thread, Python "
          f"{platform.python_version()}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"{'':34}{'by the clock':>14}{'by processor time':>19}")
    rates = {}
    for name, make, unit in (
        ("audio, 130 columns", sound, "x real time"),
        ("faces 480x360, followed", faces, "pictures/s"),
        ("faces 480x360, all detected", full, "pictures/s"),
        ("embedding, 160x160, float32", vectors, "pictures/s"),
    ):
        clock, own = rates[name] = measured(make, seconds)
        print(f"{name:34}{clock:14.0f}{own:19.0f}  {unit}")
    audio, followed, _, embedded = rates.values()
    for place, kind in enumerate(("clock", "processor time")):
        crops = HOURS / audio[place] + HOURS * RATE / followed[place]
        with_vectors = crops + HOURS * RATE / embedded[place]
        print(
            f"CREMA-D, {HOURS} hours, on {PROCESSES} cores by {kind}: audio "
            f"{HOURS / audio[place]:.2f} h, with crops {crops:.1f} h, with embeddings "
            f"{with_vectors:.1f} h"
        )
    store(clips)


if __name__ == "__main__":
    main()
