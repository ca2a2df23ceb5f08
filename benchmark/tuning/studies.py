"""The trials of one method on one dataset, shared by every worker that has the storage's address.

A trial's slot in the budget is settled by its number, which the storage gives out once: it may run
if fewer trials than the budget hold a lower number and a slot. A trial that ended, or that the
method refused, or that crashed, keeps its slot; one whose run is gone gives it back.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from ..cell import Cell
from .space import Parameter
from .storage import opened

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

BEAT = 15.0  # seconds between a running trial's signs of life
SILENT = 180.0  # seconds without one after which its run is taken for dead
SURPLUS = "more than the budget's trials"


@dataclass(frozen=True)
class Study:
    """What one method's tuning on one dataset is; all workers of all machines agree on it.

    Parameters
    ----------
    name
        In the storage: dataset, method and a hash of everything below that changes a trial.
    url
        The storage's address.
    cells
        The default's cell of each seed that a trial trains with.
    trials, seconds
        The budget: slots, and seconds of computing.
    """

    name: str
    url: str
    method: str
    dataset: str
    source: str
    cells: tuple[Cell, ...]
    size: str
    settings: dict[str, Any]
    parameters: tuple[Parameter, ...]
    objectives: tuple[str, ...]
    pruner: str
    seed: int
    trials: int
    seconds: float | None

    @property
    def epochs(self) -> int:
        return int(self.cells[0].training["epochs"])

    def open(self, default: bool = False) -> optuna.Study:
        """Open the study, made where the storage has none; ``default`` as the sampler takes it."""
        import optuna

        from .sampling import ByNumber, pruner

        return optuna.create_study(
            storage=opened(self.url), study_name=self.name, load_if_exists=True,
            directions=["maximize", "minimize"] if "flops" in self.objectives else ["maximize"],
            sampler=ByNumber(self.seed, self.parameters, default),
            pruner=pruner(self.pruner, self.epochs, len(self.cells)),
        )  # fmt: skip

    def left(self, trials: Sequence[FrozenTrial]) -> int:
        """Return how many more trials the budget holds."""
        if self.seconds is not None and spent(trials) >= self.seconds:
            return 0
        return max(0, self.trials - sum(holds(trial) for trial in trials))


def holds(trial: FrozenTrial) -> bool:
    """Say whether a trial holds a slot: it runs, it ended, or it failed for a reason of its own."""
    state = trial.state.name
    if state == "FAIL":
        return trial.user_attrs.get("reason") not in (None, SURPLUS)
    return state in ("RUNNING", "COMPLETE", "PRUNED")


def spent(trials: Sequence[FrozenTrial]) -> float:
    """Return the seconds of computing that the trials took, those given back left out."""
    return sum(seconds(trial) for trial in trials if holds(trial))


def seconds(trial: FrozenTrial) -> float:
    """Return how long a trial took, or has taken so far."""
    if trial.datetime_complete is None:
        return max(0.0, time.time() - run(trial).get("began", time.time()))
    if "seconds" in trial.user_attrs:
        return float(trial.user_attrs["seconds"])
    start = trial.datetime_start or trial.datetime_complete
    return (trial.datetime_complete - start).total_seconds()


@functools.cache
def this_machine() -> str:
    """Return what tells this machine from others, as a hash: it names nobody."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    text = platform.node() + (boot.read_text() if boot.exists() else "")
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def owner(process: int | None = None) -> list[Any]:
    """Return what a trial keeps of the run that it belongs to: machine, process and its start."""
    run = psutil.Process(process or os.getpid())
    return [this_machine(), run.pid, round(run.create_time(), 1)]


def run(trial: FrozenTrial) -> dict[str, Any]:
    """Return what a trial keeps of the run that it belongs to: its token, owner and beginning."""
    return trial.user_attrs.get("run", {})


def begin(spec: Study, of: dict[str, Any]) -> tuple[int, int]:
    """Start a trial that says from its first moment which run it belongs to.

    ``ask`` makes the trial first and what is set on it comes second: where the storage went down
    between the two, a trial of nobody's was left, which held its slot until its silence was long.

    Returns
    -------
    tuple
        The storage's key of the trial, and its number in the study.
    """
    from optuna.trial import TrialState, create_trial

    storage = opened(spec.url)
    template = create_trial(state=TrialState.RUNNING, user_attrs={"run": of})
    key = storage.create_new_trial(storage.get_study_id_from_name(spec.name), template)
    return key, storage.get_trial_number_from_id(key)


def gone(trial: FrozenTrial) -> bool:
    """Say whether a running trial's run is dead: on this machine, or silent for long."""
    of = run(trial).get("owner")
    if of and of[0] == this_machine():
        try:
            return abs(psutil.Process(of[1]).create_time() - of[2]) > 1.0
        except psutil.NoSuchProcess:
            return True
    start = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    start = run(trial).get("began", start)
    return time.time() - trial.user_attrs.get("beat", start) > SILENT


def give_back(spec: Study, study: optuna.Study, trials: Sequence[FrozenTrial]) -> int:
    """Mark the trials whose run is gone as failed, without a reason; return how many there were."""
    lost = [t for t in trials if t.state.name == "RUNNING" and gone(t)]
    return sum(fail(spec, study, trial.number) for trial in lost)


def fail(spec: Study, study: optuna.Study, number: int, reason: str | None = None) -> bool:
    """Mark a trial of another process as failed; False where it ended meanwhile.

    With a reason it keeps its slot; without, it gives it back.
    """
    import optuna

    storage = opened(spec.url)
    try:
        if reason is not None:
            key = storage.get_trial_id_from_study_id_trial_number(
                storage.get_study_id_from_name(spec.name), number
            )
            storage.set_trial_user_attr(key, "reason", reason)
        study.tell(number, state=optuna.trial.TrialState.FAIL)
    except (RuntimeError, ValueError):  # it has ended: nothing of it may be changed
        return False
    return True
