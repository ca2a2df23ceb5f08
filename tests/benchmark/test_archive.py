"""A store whose finished cells lie in Parquet is the store that it was."""

import json
import multiprocessing
import os
import signal
import time

import numpy as np
import pandas as pd
import pytest
from fusemark.benchmark import Store, archive, load_results
from fusemark.benchmark.archive import ABANDONED, Brief

from .records import record as whole_record


def record(index, status="ok", **more):
    made = {"digest": f"c{index % 2}", "harness": "h"}
    whole = {"code": made, "metrics": {"macro_f1": index / 1000, "ece": None}, **more}
    return whole_record(f"{index:016x}", index, f"m{index % 3}", status=status, **whole)


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
    again = record(3, code={"digest": "new", "harness": "h"}, metrics={"macro_f1": 0.9})
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


def test_five_thousand_cells_in_several_files(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "PART", 2_000)
    count, store = 5_000, Store(tmp_path).create()
    for index in range(count):
        status = "failed" if index % 1_000 == 999 else "ok"
        store.put(record(index, status, metrics={"macro_f1": index / count}), None)
    assert store.compact() == count - 5
    assert [part.name for part in store.archive.parts()] == [
        f"part-00000{i}.parquet" for i in (1, 2, 3)
    ]
    opened = Store(tmp_path)
    names = [f"{i:016x}" for i in range(count + 10)]  # ten that nobody ran
    briefs = opened.briefs(names)
    assert list(briefs) == names[:count]
    assert all(briefs[n].digest == f"c{i % 2}" for i, n in enumerate(names[:count]))
    assert sum(brief.status == "failed" for brief in briefs.values()) == 5
    assert opened.count() == count
    for index in (0, 499, 500, 1_999, 2_000, 3_998, 3_999, 4_999):
        assert opened.get(names[index])["cell"]["seed"] == index
    frame = load_results(tmp_path)
    assert frame.id.tolist() == names[:count]
    assert frame.seed.tolist() == list(range(count))
    assert frame.macro_f1.sum() == pytest.approx((count - 1) / 2)
    assert (frame.method.value_counts() == pd.Series({"m0": 1667, "m1": 1667, "m2": 1666})).all()


def write_cells(path, writer, count):
    """Write cells; the predictions of each say, as its record does, who wrote it, and when."""
    store = Store(path)
    for turn in range(2):  # every cell is run again by the next code
        for index in range(count):
            code = {"digest": f"{writer}-{turn}", "harness": "h"}
            store.put(record(index, code=code), {"by": np.array([f"{writer}-{turn}"])})


def archive_on(path, stop):
    store = Store(path)
    while not stop.is_set():
        store.compact(least=1)


@pytest.mark.slow
def test_two_write_the_same_cells_while_a_third_archives(tmp_path):
    """No cell that was seen is ever missing, and a record has its own writer's predictions."""
    count, store = 60, Store(tmp_path).create()
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writers = [context.Process(target=write_cells, args=(tmp_path, w, count)) for w in "ab"]
    third = context.Process(target=archive_on, args=(tmp_path, stop))
    third.start()
    for writer in writers:
        writer.start()
    names, seen = [f"{i:016x}" for i in range(count)], set()
    while any(writer.is_alive() for writer in writers):
        found = set(store.briefs(names))
        assert seen <= found
        assert store.count() >= len(found)
        seen = found
    stop.set()
    third.join()
    assert [process.exitcode for process in (*writers, third)] == [0, 0, 0]
    assert store.archive.parts()
    for opened in (store, Store(tmp_path)):
        opened.compact(least=1)
        records = opened.records()
        assert [r["id"] for r in records] == names
        for each in records:
            assert each["code"]["digest"] in ("a-1", "b-1")
            assert opened.predictions(each["id"])["by"].tolist() == [each["code"]["digest"]]
    assert not list(tmp_path.rglob("*.tmp"))
