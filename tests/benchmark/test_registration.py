"""A plan that was changed by hand is not the plan that was fixed."""

import json
from pathlib import Path

import pytest
from fusemark.benchmark import Store, UserError
from fusemark.benchmark.plan import Plan
from fusemark.benchmark.registration import check_kept, registered, state

COMMITTED = sorted((Path(__file__).parents[2] / "results" / "reference").rglob("plan.json"))
HIDDEN = {"ravdess"}  # a folder's path was part of what was asked for
PLAN = {
    **Plan(methods=("all",), datasets=("toy",), seeds=(0, 1), baseline="a").model_dump(),
    "methods": ["a", "b"], "asked": {"methods": ["all"], "datasets": ["toy"]},
    "hash": Plan(methods=("all",), datasets=("toy",), seeds=(0, 1), baseline="a").hash,
    "cells": ["c1", "c2"], "registered": {"time": "2026-11-20T13:00:00+00:00", "cells": 0},
}  # fmt: skip
EDITS = {
    "metric": "uar", "baseline": "b", "alpha": 0.2, "margin": 5.0, "family": "pairs",
    "seeds": [0], "cells": ["c1"], "methods": ["a"],
    "registered": {"time": "2026-11-19T13:00:00+00:00", "cells": 0},
}  # fmt: skip


@pytest.fixture
def kept(tmp_path):
    store = Store(tmp_path).create()
    store.put_plan(PLAN)
    return store


def edited(store, **fields):
    path = store.path / "plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return store.plan()


def test_a_plan_that_nobody_touched_is_kept(kept):
    assert state(kept.plan()) == "kept"
    check_kept(kept.plan(), kept.path)
    # How it was called, and by which Python, is no part of it.
    assert state(edited(kept, command="bench run --workers 2", python="3.12.1")) == "kept"


@pytest.mark.parametrize("field", EDITS)
def test_every_edit_is_noticed(kept, field):
    plan = edited(kept, **{field: EDITS[field]})
    assert state(plan) == "changed"
    with pytest.raises(UserError, match=r"plan\.json' was changed after plan .* was made; restore"):
        check_kept(plan, kept.path / "plan.json")


@pytest.mark.parametrize("field", ["metric", "baseline", "alpha", "margin", "family", "seeds"])
def test_without_a_seal_the_hash_itself_is_recomputed(kept, field):
    plan = {k: v for k, v in kept.plan().items() if k != "seal"}
    assert state(plan) == "kept"
    assert state({**plan, field: EDITS[field]}) == "changed"


@pytest.mark.parametrize("path", COMMITTED, ids=lambda p: p.parent.name)
def test_the_committed_plans_are_kept(path):
    plan = Store(path.parent).plan()
    if path.parent.name in HIDDEN and "seal" not in plan:
        assert state(plan) == "unknown"
    else:
        assert state(plan) == "kept"
        assert state({**plan, "metric": "uar"}) != "kept"


def test_a_later_plan_names_the_one_that_the_store_was_begun_with():
    first = registered(PLAN, None, "t1", 0)
    assert first == {"time": "t1", "cells": 0}
    kept = {**PLAN, "registered": first}
    assert registered(PLAN, kept, "t2", 9) == first
    second = {**PLAN, "hash": "other", "metric": "uar"}
    found = registered(second, kept, "t2", 9)
    assert found["cells"] == 9
    assert found["earlier"] == {k: PLAN[k] for k in found["earlier"]}
    assert (found["earlier"]["hash"], found["earlier"]["metric"]) == (PLAN["hash"], "macro_f1")
    third = {**PLAN, "hash": "third", "alpha": 0.1}
    again = registered(third, {**second, "registered": found}, "t3", 12)
    assert again["earlier"] == found["earlier"]


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "it is empty"), ("[]", "a JSON list"), ('{"alpha": "x"}', "alpha='x'"),
     ('{"seeds": [0, NaN]}', "seeds.1=None"), ('{"cells": 3}', "cells=3"), ("{", "it is no JSON")],
)  # fmt: skip
def test_a_damaged_plan_is_one_line_that_names_it(kept, text, why):
    (kept.path / "plan.json").write_text(text)
    with pytest.raises(UserError) as caught:
        kept.plan()
    assert "plan.json" in str(caught.value)
    assert why in str(caught.value)
    assert "restore it from a copy" in str(caught.value)
