import json
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
from fusemark.benchmark import Store, UserError, load_results

from .records import record


def test_what_is_put_comes_back(tmp_path):
    store = Store(tmp_path / "run").create()
    predictions = {"ids": np.array(["a ü", "b"]), "probabilities": np.eye(2, dtype=np.float32)}
    store.put(record("one", metrics={"macro_f1": 0.5, "ece": float("nan")}), predictions)
    assert store.get("one")["metrics"] == {"macro_f1": 0.5, "ece": None}
    for key, value in store.predictions("one").items():
        np.testing.assert_array_equal(value, predictions[key])
    frame = load_results(tmp_path / "run")
    assert frame.loc[0, "macro_f1"] == 0.5
    assert frame.loc[0, "method"] == "m"


def test_nothing_is_unpickled(tmp_path):
    store = Store(tmp_path).create()
    np.savez(store.cells / "evil.npz", ids=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        store.predictions("evil")


def test_a_torn_record_counts_as_missing(tmp_path):
    store = Store(tmp_path).create()
    (store.cells / "torn.json").write_text('{"id": "to')
    assert store.get("torn") is None
    assert store.records() == []


def test_a_failed_write_leaves_what_was_there(tmp_path):
    store = Store(tmp_path).create()
    store.put(record("one"), None)
    with pytest.raises(TypeError):
        store.put(record("one", bad=object()), None)
    assert store.get("one") == record("one")
    assert [p.name for p in store.cells.iterdir()] == ["one.json"]


def write_many(path, worker):
    store = Store(path).create()
    for index in range(40):
        store.put(record(f"cell{index}", by=worker, text="x" * 5000), {"labels": np.arange(100)})


def test_two_writers_at_once_do_no_harm(tmp_path):
    """Both write the same forty cells; every file that is left is one writer's, whole."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(tmp_path, w)) for w in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    records = Store(tmp_path).records()
    assert len(records) == 40
    assert all(len(r["text"]) == 5000 for r in records)
    assert not list((tmp_path / "cells").glob("*.tmp"))


def test_a_folder_that_holds_no_results_is_said(tmp_path):
    with pytest.raises(UserError, match="holds no results"):
        load_results(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--out"):
        Store(tmp_path / "file").create()


def test_importing_a_method_loads_neither_pandas_nor_matplotlib():
    code = (
        "import sys, fusemark.methods.mult, fusemark.benchmark.registry as r; r.methods.load();"
        "print([m for m in ('pandas', 'optuna', 'matplotlib', 'sklearn') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_records_are_strict_json(tmp_path):
    store = Store(tmp_path).create()
    store.put(record("one", value=float("inf")), None)

    def refuse(name):
        raise AssertionError(name)

    text = (store.cells / "one.json").read_text()
    assert json.loads(text, parse_constant=refuse) == store.get("one")
