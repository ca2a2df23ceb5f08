"""What every format of a report says of a plan that is not the one that was fixed."""

import csv
import html
import json
import re

import pytest
from fusemark.benchmark import Store
from fusemark.benchmark.plan import Plan
from fusemark.reports import compare, write
from fusemark.reports.registered import registration

from .stores import Spec, write_store

SPEC = Spec(methods={"late-concat": 1.2, "mult": 1.5}, seeds=(0, 1, 2), examples=60, epochs=6)


def registered(path, cells=0, **more):
    """Write a store whose plan is whole: its own hash, its date, its seal."""
    write_store(path, SPEC)
    plan = json.loads((path / "plan.json").read_text())
    fields = {k: v for k, v in plan.items() if k in Plan.model_fields}
    made = {"time": "2026-11-20T10:00:00+00:00", "cells": cells, **more}
    whole = Plan(**fields)
    Store(path).put_plan({**plan, **whole.model_dump(), "hash": whole.hash, "registered": made})
    return path


def edit(path, **fields):
    plan = json.loads((path / "plan.json").read_text())
    (path / "plan.json").write_text(json.dumps({**plan, **fields}))


def texts(store):
    """Return each format's words, and the leaderboard's rows."""
    paths = {p.name: p for p in write(store, ("html", "md", "latex", "csv"))}
    page = re.sub(r"<[^>]+>", "", paths["report.html"].read_text(encoding="utf-8"))
    tex = paths["report.tex"].read_text(encoding="utf-8").replace("{-}", "-")
    with paths["leaderboard.csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    return html.unescape(page), paths["report.md"].read_text(encoding="utf-8"), tex, rows


def test_a_plan_that_is_kept_is_preregistered(tmp_path):
    store = registered(tmp_path)
    *said, rows = texts(store)
    for text in said:
        assert "Not preregistered" not in text
        assert "before the first cell: metric macro" in text
    assert {(r["plan"], r["plan_fixed"]) for r in rows} == {
        (Store(store).plan()["hash"], "beforehand")
    }


@pytest.mark.parametrize("fields", [{"metric": "uar"}, {"margin": 9.0}], ids=str)
def test_a_plan_that_was_changed_is_said_before_anything_else(tmp_path, fields):
    store = registered(tmp_path)
    edit(store, **fields)
    *said, rows = texts(store)
    for text in said:
        warning = text.index("Not preregistered: plan.json was changed after plan")
        assert warning < text.index("has the highest mean")
        assert "before the first cell" not in text
        assert "CHANGED since it was made. It says now: " in text
    assert {r["plan_fixed"] for r in rows} == {"changed"}


def test_another_plan_says_what_the_store_was_begun_with(tmp_path):
    earlier = {"hash": "abc123", "metric": "uar", "alpha": 0.05, "baseline": "late-concat"}
    *said, rows = texts(registered(tmp_path, cells=4, earlier=earlier))
    for text in said:
        assert "Not preregistered: this plan was made when the store held 4 records" in text
        assert "of an earlier one, abc123, with metric uar." in text
    assert {r["plan_fixed"] for r in rows} == {"afterwards"}


def test_a_plan_of_before_there_were_seals_is_not_called_changed(tmp_path):
    plan = json.loads((registered(tmp_path) / "plan.json").read_text())
    old = {k: v for k, v in plan.items() if k != "seal"}
    assert registration(old).fixed == "beforehand"
    assert "cannot be recomputed" not in registration(old).text
    found = registration({**old, "methods": ["spelled", "out"], "command": ""})
    assert (found.fixed, found.warning) == ("beforehand", "")
    assert found.text.endswith("Its hash cannot be recomputed from what was kept of it.")


def test_a_gate_does_not_pass_a_changed_plan(tmp_path):
    one, two = registered(tmp_path / "one"), registered(tmp_path / "two")
    assert compare(one, two).unjudged == ()
    edit(one, alpha=1e-9)
    assert compare(one, two).unjudged == (
        "plan.json of the first run was changed after it was made",
    )
