"""Writes small feature stores, for tests that open or spoil them."""

import numpy as np
from fusemark.datasets.media.journal import Journal
from fusemark.datasets.storage.features import Stored

CLIPS = 12
KINDS = {
    "audio": Stored("float32", (3,), 62.5),
    "visual": Stored("uint8", (4, 4, 3), 25.0, centre=127.5, scale=128.0),
}


def arrays(seed):
    rng = np.random.default_rng(seed)
    return {
        "audio": rng.standard_normal((2 + seed, 3)).astype(np.float32),
        "visual": rng.integers(0, 256, (1 + seed % 3, 4, 4, 3)).astype(np.uint8),
    }


def write(
    path,
    order=range(CLIPS),
    change=None,
    kinds=KINDS,
    splits=None,
    absent=(),
    labels="ab",
    corpus="test",
):
    """Write 12 clips of 6 speakers and 2 classes in an order, one of them perhaps changed."""
    journal = Journal(path, {"seed": 1})
    for i in order:
        values = arrays(i)
        if i == change:
            values["audio"][0, 0] += 1
        kept = {}
        for name, kind in kinds.items():
            if (i, name) not in absent:
                kept[name] = journal.kind(name, kind).encoded(values[name])
        journal.put({"id": f"clip{i:02d}"}, kept)
    rows = []
    for i in range(CLIPS):
        row = {"id": f"clip{i:02d}", "speaker": f"s{i // 2}", "label": labels[i % 2]}
        row["split"] = splits[i] if splits else ""
        for name in kinds:
            start, length, digest = journal.entries[row["id"]]["values"].get(name, (0, 0, ""))
            row |= {f"{name}_start": start, f"{name}_length": length, f"{name}_digest": digest}
        rows.append(row)
    store = journal.finish(corpus, rows, tuple(kinds), kinds, ("b", "a"))
    journal.close()
    return store
