"""Which stored results stand when a limit is changed."""

from __future__ import annotations

from typing import Any

import pytest
from fusemark.benchmark.cost.standing import broken, stands

LIMITS = {"memory": 8.0, "call": 0.5, "time": 100.0}


def memory(status: str | None = None, **more: Any) -> dict[str, Any]:
    """A cell of memory: inference measured, training marked, if at all."""
    mark = {"training": {"status": status, "message": "m"}} if status else {}
    result = {"inference": 4, "inference_call": 0.2, "training": None, "broken": mark}
    used = {"memory": 6.0, "time": 60.0}
    return {
        "cell": {"configs": {"mult": {}}, "quantity": "memory"}, "status": "ok", "error": None,
        "result": result, "limits": LIMITS, "used": used, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "changed", "expected"),
    [
        ("memory", {}, True),
        ("memory", {"memory": 16.0}, False),
        ("memory", {"memory": None}, False),
        ("memory", {"memory": 7.0}, True),
        ("memory", {"memory": 5.0}, False),
        ("memory", {"call": 9.0, "time": 900.0}, True),
        ("timeout", {"memory": 16.0}, True),
        ("timeout", {"call": 0.6}, False),
        ("timeout", {"time": 200.0}, False),
        ("failed", {"memory": 16.0, "call": 9.0, "time": 900.0}, True),
        (None, {"memory": 16.0, "call": 9.0, "time": 900.0}, True),
        (None, {"memory": 7.0, "call": 0.3, "time": 70.0}, True),
        (None, {"memory": 5.0}, False),
        (None, {"call": 0.1}, False),
        (None, {"time": 50.0}, False),
    ],
)
def test_a_result_stands_unless_another_limit_would_change_it(status, changed, expected):
    assert stands(memory(status), {**LIMITS, **changed}) is expected


def test_what_used_more_than_its_limit_unseen_is_not_run_for_ever():
    """Resident size is looked at every 50 ms: a short peak may pass."""
    assert stands(memory(used={"memory": 9.0, "time": 60.0}), LIMITS)


def test_a_count_that_broke_a_limit_of_the_users_is_run_again():
    old = memory(status="memory") | {"status": "memory", "error": {"message": "m"}}
    del old["limits"]
    assert not stands(old, None)
    assert stands({**old, "status": "ok", "result": {}}, None)
    assert stands({**old, "limits": None}, None)  # by a limit of the harness's own


def test_a_blocks_marks_count_one_by_one():
    times = {"median": 0.4}
    record = memory() | {
        "cell": {"configs": {"mult": {}, "mag": {}, "lmf": {}}, "quantity": "latency"},
        "result": {
            "inference": {"times": {"mult": times}, "too_slow": {"mag": 2.0}, "too_large": {},
                          "broken": {"lmf": {"status": "crashed", "message": "exit code 3"}}},
            "training": {"times": {}, "too_slow": {}, "too_large": {"mult": 9}, "broken": {}},
        },
    }  # fmt: skip
    found = {(each.method, each.work): each.status for each in broken(record)}
    assert found == {
        ("mag", "inference"): "timeout", ("lmf", "inference"): "crashed",
        ("mult", "training"): "memory",
    }  # fmt: skip
    assert stands(record, LIMITS)
    assert not stands(record, {**LIMITS, "memory": 16.0})
    assert not stands(record, {**LIMITS, "call": 3.0})
    assert not stands(record, {**LIMITS, "call": 0.3})
