"""A store whose finished cells lie in Parquet is the store that it was."""

import json
import multiprocessing
import os
import signal
import time

import numpy as np
import pandas as pd
import pytest
from fusemark.benchmark import Store, load_results
from fusemark.benchmark.archive import ABANDONED, Brief


def record(index, status="ok", **more):
    cell = {"kind": "quality", "method": f"m{index % 3}", "dataset": "d", "seed": index, "fold": 0}
    metrics = {"macro_f1": index / 1000, "ece": None}
    made = {"digest": f"c{index % 2}"}
    return {
        "id": f"{index:016x}", "cell": cell, "size": "small", "status": status, "code": made,
        "metrics": metrics, "durations": {"train": 1.5}, "parameters": 7, **more,
    }  # fmt: skip


def filled(path, count=30):
    store = Store(path).create()
    for index in range(count):
        status = "failed" if index % 10 == 9 else "ok"
        store.put(record(index, status), {"labels": np.arange(index + 1), "ids": np.array(["ü"])})
    return store


def contents(store):
    return (
        store.records(),
        store.briefs([f"{i:016x}" for i in range(40)]),
        {r["id"]: store.predictions(r["id"])["labels"].tolist() for r in store.records()},
        store.count(),
    )


def test_nothing_changes_but_the_files(tmp_path):
    store = filled(tmp_path)
    before, frame = contents(store), load_results(tmp_path)
    assert store.compact(least=1) == 27
    assert len(list(store.cells.iterdir())) == 6  # what failed stays loose, record and predictions
    for opened in (store, Store(tmp_path)):
        assert contents(opened) == before
        assert opened.get("0" * 16) == before[0][0]
    pd.testing.assert_frame_equal(load_results(tmp_path), frame)


def test_a_cell_that_is_run_again_goes_before_the_archived_one(tmp_path):
    store = filled(tmp_path)
    store.compact(least=1)
    again = record(3, code={"digest": "new"}, metrics={"macro_f1": 0.9})
    store.put(again, {"labels": np.arange(2)})
    for _ in range(2):  # loose first, then in a second part that goes before the first
        for opened in (store, Store(tmp_path)):
            assert opened.get(again["id"]) == again
            assert opened.briefs([again["id"]]) == {again["id"]: Brief("ok", "new")}
            assert opened.predictions(again["id"])["labels"].tolist() == [0, 1]
            assert sum(r["id"] == again["id"] for r in opened.records()) == 1
        assert (load_results(tmp_path).macro_f1 == 0.9).sum() == 1
        store.compact(least=1)


def test_another_process_sees_what_was_archived_meanwhile(tmp_path):
    store = filled(tmp_path)
    other = Store(tmp_path)
    assert other.get("0" * 16) is not None
    store.compact(least=1)
    assert other.get("0" * 16) == record(0)
    assert other.predictions("0" * 16)["labels"].tolist() == [0]


def test_few_loose_records_stay_where_they_are(tmp_path):
    store = filled(tmp_path, 5)
    assert store.compact() == 0
    assert len(list(store.cells.glob("*.json"))) == 5
    assert list(store.archive.parts()) == []


def test_one_process_archives_at_a_time(tmp_path):
    """The lock of a process that was killed is taken over after an hour, not before."""
    store = filled(tmp_path, 5)
    (tmp_path / "archive").mkdir()
    lock = tmp_path / "archive" / "lock"
    lock.touch()
    assert store.compact(least=1) == 0
    old = time.time() - ABANDONED - 1
    os.utime(lock, (old, old))
    assert store.compact(least=1) == 5
    assert not lock.exists()


def archive_slowly(path):
    store = Store(path)
    add = store.archive.add

    def slow(cells):
        add(cells)
        os.kill(os.getpid(), signal.SIGKILL)

    store.archive.add = slow
    store.compact(least=1)


def test_killed_between_writing_and_removing_a_cell_is_there_once(tmp_path):
    store = filled(tmp_path)
    before = contents(store)
    process = multiprocessing.get_context("spawn").Process(target=archive_slowly, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(store.archive.parts()) == 1
    assert contents(Store(tmp_path)) == before
    assert len(load_results(tmp_path)) == 30
    (tmp_path / "archive" / "lock").unlink()
    Store(tmp_path).compact(least=1)
    assert contents(Store(tmp_path)) == before


def test_archived_predictions_are_not_unpickled(tmp_path):
    store = Store(tmp_path).create()
    store.put(record(0), None)
    np.savez(store.cells / f"{0:016x}.npz", ids=np.array([object()], dtype=object))
    store.compact(least=1)
    with pytest.raises(ValueError, match="allow_pickle"):
        store.predictions("0" * 16)


def test_a_record_without_predictions_says_so(tmp_path):
    store = Store(tmp_path).create()
    store.put(record(0), None)
    store.compact(least=1)
    with pytest.raises(FileNotFoundError):
        store.predictions("0" * 16)
    assert json.loads(json.dumps(store.get("0" * 16))) == record(0)
