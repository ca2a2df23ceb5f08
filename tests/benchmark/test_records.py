"""A store with files that came from elsewhere, torn or altered: named, left out, never lost."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fusemark.benchmark import Store, UserError, load_results
from fusemark.benchmark.records import Damaged, check, read

from .records import record

WHOLE = json.dumps(record("one"))
BROKEN = {
    "empty": (b"", "it is empty"),
    "truncated": (WHOLE[: len(WHOLE) // 2].encode(), "it is no JSON: line 1"),
    "no text": (b"\xff\xfe{}", "it is no UTF-8 text"),
    "a list": (b"[]", "it holds a JSON list; expected an object"),
    "an id alone": (b'{"id": "one"}', "Field required"),
    "a conflict": (b"<<<<<<< HEAD\n{}\n", "it is no JSON"),
    "nested": (b"[" * 100_000, "it is nested too deeply"),
    "another cell's": (json.dumps(record("two")).encode(), "the record of another cell, 'two'"),
}
FIELDS = {
    ("status",): 3, ("size",): None, ("cell",): [], ("cell", "kind"): "other",
    ("cell", "seed"): float("nan"), ("cell", "fold"): -1, ("cell", "config"): "x",
    ("cell", "fingerprint"): None, ("metrics",): [], ("metrics", "macro_f1"): "0.5",
    ("outputs",): [], ("confusion",): [[1, 2]], ("per_class", "f1"): [0.5],
    ("history", "valid_score"): [0.1], ("selection",): {}, ("parameters",): 1.5,
    ("protocol", "folds"): 0, ("counts", "test"): "8", ("durations", "total"): "long",
    ("code",): {"digest": None}, ("finished",): "yesterday", ("error",): "text",
}  # fmt: skip


def altered(path, value):
    whole = record("one")
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(whole)


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_no_record_is_named_and_the_rest_is_read(tmp_path, what):
    text, why = BROKEN[what]
    store = Store(tmp_path).create()
    store.put(record("good", 1), None)
    (store.cells / "one.json").write_bytes(text)
    records, (damaged,) = store.found()
    assert [r["id"] for r in records] == ["good"]
    assert damaged.file == "cells/one.json"
    assert why in damaged.why
    assert store.get("one") is None
    assert list(store.briefs(["good", "one"])) == ["good"]
    with pytest.warns(UserWarning, match=r"left out of the table: cells/one\.json: ") as warned:
        frame = load_results(tmp_path)
    assert len(warned) == 1
    assert frame.id.tolist() == ["good"]
    # Run again, the cell is there, and what stood in its place is not lost.
    store.put(record("one"), {"labels": np.arange(3)})
    assert store.found().damaged == []
    assert (store.cells / "one.json.damaged").read_bytes() == text


def test_a_folder_in_the_place_of_a_record_is_named(tmp_path):
    store = Store(tmp_path).create()
    (store.cells / "one.json").mkdir()
    assert store.found().damaged == [
        Damaged("cells/one.json", "it cannot be read (Is a directory)")
    ]


@pytest.mark.parametrize("path", FIELDS, ids=".".join)
def test_a_field_of_another_type_is_named(path):
    with pytest.raises(ValueError, match=rf"\b{path[0]}\b"):
        read(altered(path, FIELDS[path]), "one")


def test_what_is_not_finite_is_not_known():
    text = altered(("metrics", "macro_f1"), float("nan"))
    assert "NaN" in text
    assert read(text, "one")["metrics"]["macro_f1"] is None


def test_a_cell_that_failed_needs_no_figures():
    asked = {k: v for k, v in record("one").items() if k in ("id", "cell", "size")}
    check({**asked, "status": "crashed", "error": {"message": "signal 9"}})


def memory_record(result, **more):
    """Return a measured peak; the shapes of other quantities are those of the committed ones."""
    modality = {"shape": [4], "rate": 30.0, "max_length": 8}
    return {
        "id": "c", "status": "ok", "error": None, "length": 8, "seconds": None, "result": result,
        "machine": {"threads": 1},
        "cell": {
            "kind": "cost", "quantity": "memory", "configs": {"mult": {}}, "batch": 1,
            "task": {"modalities": {"audio": modality}, "outputs": ["a"]}, "device": "cpu",
            "lengths": {"audio": 8}, "dtype": "float32", "threads": 1,
        },
        **more,
    }  # fmt: skip


def test_a_pass_without_a_figure_says_why():
    check(memory_record({"inference": 10, "training": 30}))
    check(memory_record({"inference": 10, "broken": {"training": {"status": "memory"}}}))
    with pytest.raises(ValueError, match="training is missing, and training is not said to be"):
        check(memory_record({"inference": 10}))
    with pytest.raises(ValueError, match=r"result\.inference: "):
        check(memory_record({"inference": "10", "training": 30}))
    check(memory_record(None, status="failed"))


def test_every_committed_record_can_be_used():
    stores = sorted((Path(__file__).parents[2] / "results" / "reference").rglob("cells"))
    assert stores
    for cells in stores:
        assert Store(cells.parent).found().damaged == []


def archived(tmp_path):
    store = Store(tmp_path).create()
    for seed in range(3):
        store.put(record(f"c{seed}", seed), {"labels": np.arange(50)})
    assert store.compact(least=1) == 3
    (part,) = store.archive.parts()
    return part


READERS = {
    "records": lambda s: s.records(), "get": lambda s: s.get("c1"), "count": lambda s: s.count(),
    "briefs": lambda s: s.briefs(["c1"]), "predictions": lambda s: s.predictions("c1"),
    "load_results": lambda s: load_results(s.path),
}  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("damage", ["cut", "empty", "other columns"])
def test_a_damaged_archive_is_one_line_that_names_it(tmp_path, reader, damage):
    part = archived(tmp_path)
    if damage == "other columns":
        pq.write_table(pa.table({"id": ["c1"], "x": [1]}), part)
    else:
        part.write_bytes(part.read_bytes()[:-40] if damage == "cut" else b"")
    with pytest.raises(UserError) as caught:
        READERS[reader](Store(tmp_path))
    assert part.name in str(caught.value)
    assert "restore it from a copy, or move it out of the store" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_record_of_an_archive_is_named_and_the_rest_is_read(tmp_path):
    part = archived(tmp_path)
    rows = pq.read_table(part).to_pylist()
    rows[1]["record"] = rows[1]["record"][:100]
    pq.write_table(pa.Table.from_pylist(rows), part)
    records, (damaged,) = Store(tmp_path).found()
    assert [r["id"] for r in records] == ["c0", "c2"]
    assert damaged.file == f"archive/{part.name}, cell c1"
    assert Store(tmp_path).get("c1") is None


@pytest.mark.parametrize("at", [0, 60, 200, -30])
def test_damaged_predictions_are_one_kind_of_error(tmp_path, at):
    store = Store(tmp_path).create()
    store.put(record("one"), {"labels": np.random.default_rng(0).normal(size=500)})
    path = store.cells / "one.npz"
    spoilt = bytearray(path.read_bytes())
    for i in range(at, at + 20):
        spoilt[i] ^= 0xFF
    path.write_bytes(bytes(spoilt))
    with pytest.raises((ValueError, OSError)):
        store.predictions("one")
