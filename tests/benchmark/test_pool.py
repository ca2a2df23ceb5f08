"""Tasks in worker processes: each costs at most itself."""

import os
import signal
import time

import pytest
from fusemark.benchmark.contract import UserError
from fusemark.benchmark.pool import Lost, Pool


def act(task):
    """What a worker does with a task; found by its name in the worker."""
    if task == "crash":
        os._exit(3)
    if task == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "sleep":
        time.sleep(60)
    if task == "mistake":
        raise UserError("mend it")
    return task * 2


@pytest.mark.slow
def test_a_task_that_crashes_or_takes_too_long_costs_itself():
    tasks = ["crash", 1, "sleep", 2, "kill", *range(3, 12)]
    found = dict(Pool(2, time_limit=5.0)(act, tasks))
    assert {t: r for t, r in found.items() if isinstance(t, int)} == {
        t: 2 * t for t in range(1, 12)
    }
    reasons = {t: r.reason for t, r in found.items() if isinstance(r, Lost)}
    assert set(reasons) == {"crash", "sleep", "kill"}
    assert "exit code 3" in reasons["crash"]
    assert "more than 5 s" in reasons["sleep"]
    assert "signal 9" in reasons["kill"]
    with pytest.raises(UserError, match="mend it"):
        list(Pool(1, time_limit=5.0)(act, ["mistake"]))
