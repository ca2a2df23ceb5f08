"""Reports and comparisons of a store with records that cannot be used."""

import json

import pytest

from .stores import Spec, write_store
from .test_compare import bench  # noqa: F401 - a fixture

SPEC = Spec(methods={"late-concat": 1.2, "mult": 1.5}, seeds=(0, 1, 2), examples=60, epochs=6)
TEXTS = {
    "empty": "", "truncated": '{"id": "00', "a list": "[]", "an id alone": '{"id": "x"}',
    "NaN seed": None,
}  # fmt: skip


def spoil(store, text):
    path = sorted((store / "cells").glob("*.json"))[-1]
    if text is None:
        record = json.loads(path.read_text())
        record["cell"]["seed"] = float("nan")
        text = json.dumps(record)
    path.write_text(text)
    return path.name


@pytest.mark.parametrize("what", TEXTS)
def test_it_stands_under_failures_and_the_rest_is_reported(tmp_path, bench, what):  # noqa: F811
    store = write_store(tmp_path, SPEC)
    name = spoil(store, TEXTS[what])
    code, _, err = bench("report", store, "--format", "md,latex,csv")
    assert (code, err) == (0, "")
    text = (store / "report.md").read_text(encoding="utf-8")
    assert "1 record cannot be used and is left out." in text
    (row,) = [line for line in text.splitlines() if f"cells/{name}" in line]
    assert "its record cannot be used" in row
    assert "restore it from a copy, or run its plan again" in row
    assert "5 of 5 trainings ended well" in text
    assert "1 of 6 planned cells has no record." in text
    assert "1 record cannot be used" in (store / "report.tex").read_text(encoding="utf-8")


@pytest.mark.parametrize("which", ["one", "two"])
def test_a_gate_does_not_pass_it(tmp_path, bench, which):  # noqa: F811
    stores = {name: write_store(tmp_path / name, SPEC) for name in ("one", "two")}
    name = spoil(stores[which], "")
    code, out, err = bench("compare", *stores.values(), "--fail-if-worse")
    side = "first" if which == "one" else "second"
    assert code == 1
    assert f"cells/{name} of the {side} run: it is empty" in err
    assert f"cells/{name} of the {side} run: it is empty" in " ".join(out.split())


@pytest.mark.parametrize("command", ["report", "compare"])
@pytest.mark.parametrize("text", ["", "[]", '{"alpha": "high"}', '{"cells": [1]}'])
def test_a_damaged_plan_is_one_line(tmp_path, bench, command, text):  # noqa: F811
    store = write_store(tmp_path / "one", SPEC)
    (store / "plan.json").write_text(text)
    others = [write_store(tmp_path / "two", SPEC)] if command == "compare" else []
    code, out, err = bench(command, store, *others)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "plan.json" in err
    assert "restore it from a copy, or remove it" in err
