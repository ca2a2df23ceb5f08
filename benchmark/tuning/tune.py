"""The studies of a plan, and the workers that run their trials until the budget is spent."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..cell import Cell
from ..contract import UserError
from ..loading import reduced
from ..plan import Planned
from ..pool import Lost
from ..precision import check_precision
from ..recipes import parse
from ..seeds import stream
from .pools import Machine, Trials, pools
from .space import parameters
from .storage import opened, reachable
from .studies import Study, fail, give_back, holds, owner, run, spent
from .trial import predicted_flops
from .worker import Work, run_trial

FIRST_SEED = 10_000
"""Trials train with seeds from here: those of the runs that follow are fresh."""
OBJECTIVES = ("score", "flops")
PRUNERS = ("median", "hyperband", "none")
MOST = 1000  # trials where seconds alone limit a study
PAUSE = 1.0  # seconds between looks at other runs' last trials


@dataclass(frozen=True)
class Budget:
    """What each method may spend on each dataset: trials, seconds of computing, or both."""

    trials: int | None = 50
    seconds: float | None = None

    def __str__(self) -> str:
        parts = [f"{self.trials} trials"] if self.trials else []
        parts += [f"{self.seconds:g} s of computing"] if self.seconds else []
        return " and at most ".join(parts)


@dataclass(frozen=True)
class How:
    """How a search is made: all of it is part of a study's identity."""

    seeds: int = 1
    objectives: tuple[str, ...] = ("score",)
    pruner: str = "median"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pruner not in PRUNERS:
            raise UserError(f"unknown pruner {self.pruner!r}; expected {', '.join(PRUNERS)}")
        if not set(self.objectives) <= set(OBJECTIVES) or self.objectives[:1] != ("score",):
            raise UserError(
                f"objectives {','.join(self.objectives)!r}; expected score, or score,flops"
            )


def studies(planned: Planned, url: str, how: How, budget: Budget) -> list[Study]:
    """Return the studies of a plan: one for each dataset and method.

    Raises
    ------
    UserError
        A method with nothing to tune, or without a formula where FLOPs are an objective.
    """
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in planned.cells:
        # A seed of a trial takes one fold, the next seed the next.
        dataset = planned.datasets[cell.dataset]
        if cell.fold == planned.plan.seeds.index(cell.seed) % dataset.folds:
            found.setdefault((cell.dataset, cell.method), []).append(cell)
    return [study(planned, cells, url, how, budget) for cells in found.values()]


def study(planned: Planned, cells: Sequence[Cell], url: str, how: How, budget: Budget) -> Study:
    """Return the study of one method on one dataset."""
    first, plan = cells[0], planned.plan
    check_precision([first.training], supported=False)
    dataset = planned.datasets[first.dataset]
    if "flops" in how.objectives:
        predicted_flops(first, reduced(dataset.task, planned.data[first.dataset]))
    rng = np.random.default_rng(stream("split", seed=first.seed, fold=first.fold))
    examples = len(dataset.split(rng, first.fold).train)
    recipe = parse(first.method)
    tuned = parameters(recipe, first.config, first.training, plan.settings, examples)
    if not tuned:
        raise UserError(f"method {first.method!r} has nothing left to tune; set fewer settings")
    asked = {
        "cells": [cell.id for cell in cells], "space": [asdict(p) for p in tuned],
        "how": asdict(how), "code": planned.digests(first)[0],
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:8]
    return Study(
        f"{first.dataset}/{first.method}/{digest}", url, first.method, first.dataset,
        planned.sources[first.dataset], tuple(cells), plan.size, dict(plan.settings), tuned,
        how.objectives, "none" if len(how.objectives) > 1 else how.pruner, how.seed,
        budget.trials or MOST, budget.seconds,
    )  # fmt: skip


def search(
    specs: Sequence[Study], planned: Planned, machine: Machine, say: Callable[[str], None]
) -> None:
    """Run trials until every study's budget is spent, by this run or by others that share it.

    Raises
    ------
    UserError
        The storage cannot be used; what has ended is kept in it.
    """
    with reachable(specs[0].url):
        opened(specs[0].url)
        forget = partial(settle, reason=None)
        with pools(planned, machine, specs[0].url, forget) as pool:
            take_turns(specs, pool, planned.root, machine.plugins, say)


def take_turns(
    specs: Sequence[Study], pool: Trials, root: Path | None, plugins: tuple[str, ...],
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Run trials until no study has any left, and none of another run's is still going on."""
    while True:
        waiting = False
        for spec in specs:
            study = spec.open()
            lost = give_back(spec, study, study.get_trials(deepcopy=False))
            if lost:
                say(f"{spec.method} on {spec.dataset}: {lost} trials of a run that was "
                    f"stopped are given back")  # fmt: skip
            waiting |= any(t.state.name == "RUNNING" for t in trials_of(spec))
        open_ones = [spec for spec in specs if spec.left(trials_of(spec))]
        if open_ones:
            run_open(open_ones, pool, root, plugins, say)
        elif waiting:
            time.sleep(PAUSE)
        else:
            return


def trials_of(spec: Study) -> list[Any]:
    return spec.open().get_trials(deepcopy=False)


def run_open(
    specs: Sequence[Study], pool: Trials, root: Path | None, plugins: tuple[str, ...],
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Run trials of the studies in turn, so that a stop leaves them equally far."""
    closed: set[str] = set()
    issued: dict[str, Work] = {}

    def turns() -> Iterator[Work]:
        left = {spec.name: spec.left(trials_of(spec)) for spec in specs}
        while any(n > 0 and name not in closed for name, n in left.items()):
            for spec in specs:
                if left[spec.name] > 0 and spec.name not in closed:
                    left[spec.name] -= 1
                    work = Work(spec, uuid.uuid4().hex, tuple(owner()), root, plugins)
                    issued[work.token] = work
                    yield work

    try:
        for work, outcome in pool(run_trial, turns()):
            spec = work.study
            if isinstance(outcome, Lost):
                settle(work, outcome.reason)
                outcome = f"failed: {outcome.reason}"
            del issued[work.token]
            if outcome == "none":
                closed.add(spec.name)
            else:
                told = trials_of(spec)
                count = sum(holds(t) and t.state.is_finished() for t in told)
                say(f"{spec.method} on {spec.dataset}: {outcome}, trial {count} of {spec.trials}, "
                    f"{spent(told):.0f} s")  # fmt: skip
    finally:
        for work in issued.values():
            settle(work, None)


def settle(work: Work, reason: str | None) -> None:
    """End the trial of a worker that is gone: with its reason, or given back."""
    try:
        study = work.study.open()
        for trial in study.get_trials(deepcopy=False):
            if run(trial).get("token") == work.token and not trial.state.is_finished():
                fail(work.study, study, trial.number, reason)
    except Exception:
        # The storage is down: the trial is given back when the study is next taken up.
        if reason is not None:
            raise
