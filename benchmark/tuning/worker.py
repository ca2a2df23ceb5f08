"""One trial in a worker process: a slot of the budget, a configuration, its training, its end."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cell import Cell
from ..contract import UserError
from ..executors import Freight
from ..recipes import parse
from ..registry import load_plugin
from ..settings import TrainingSettings
from . import trial as training
from .storage import reachable
from .studies import BEAT, SURPLUS, Study, begin, holds, run, spent
from .withheld import TestPartError

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Work:
    """A trial to be run: of which study, for which run, and how it is recognised in the storage."""

    study: Study
    token: str
    owner: tuple[Any, ...]
    root: Path | None
    plugins: tuple[str, ...]
    freight: Freight | None = None


class Ended(Exception):  # noqa: N818 - a way out of the training, no mistake
    """The training of a trial is stopped; the message is the reason."""


def run_trial(work: Work) -> str:
    """Run one trial; return what became of it, or ``none`` where the budget holds no more.

    Raises
    ------
    UserError
        The storage cannot be used; the trial is given back when the study is next taken up.
    """
    if work.freight:
        work.freight.unload()
    for plugin in work.plugins:
        load_plugin(plugin)
    with reachable(work.study.url):
        claimed = claim(work)
        if claimed is None:
            return "none"
        study, trial = claimed
        with beating(trial):
            return carry_out(work, study, trial)


def claim(work: Work) -> tuple[optuna.Study, optuna.Trial] | None:
    """Take a slot of the budget; None where there is none left."""
    import optuna

    spec = work.study
    if not spec.left(spec.open().get_trials(deepcopy=False)):
        return None
    of = {"token": work.token, "owner": list(work.owner), "began": time.time()}
    key, number = begin(spec, of)
    before = [t for t in spec.open().get_trials(deepcopy=False) if t.number < number and holds(t)]
    # The default's trial, unless an earlier one is it or is about to be; should that be lost, the
    # next one is.
    default = not any(run(t).get("default", True) for t in before)
    study = spec.open(default)
    trial = optuna.Trial(study, key)
    trial.set_user_attr("run", {**of, "default": default})
    if len(before) >= spec.trials:
        trial.set_user_attr("reason", SURPLUS)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return None
    return study, trial


def carry_out(work: Work, study: optuna.Study, trial: optuna.Trial) -> str:
    """Train a trial's configuration with each seed and tell the study how it ended."""
    import optuna

    # Data that cannot be read is no property of a configuration: it ends the run, not the trial.
    for cell in work.study.cells:
        training.parts_of(cell, work.root, work.study.source)
    start, values, state, reason = time.perf_counter(), None, "FAIL", ""
    try:
        try:
            values = measured(work, study, trial, configured(work.study, trial))
            state = "COMPLETE"
        except Ended as end:
            state, reason = "PRUNED", str(end)
        except UserError as error:
            reason = f"refused: {error}"
        except (TestPartError, optuna.exceptions.OptunaError):
            raise
        except (MemoryError, RuntimeError, ArithmeticError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
        if reason:
            trial.set_user_attr("reason", " ".join(reason.split())[:300])
        trial.set_user_attr("seconds", round(time.perf_counter() - start, 3))
        study.tell(trial, values=values, state=optuna.trial.TrialState[state])
    except (optuna.exceptions.UpdateFinishedTrialError, ValueError):
        return "late"  # given back meanwhile, for its silence: another trial has its slot
    return state.lower()


def configured(spec: Study, trial: optuna.Trial) -> list[Cell]:
    """Return the cells of a trial's configuration, one for each seed.

    Raises
    ------
    UserError
        The method refuses it.
    """
    chosen = {p.path: p.suggest(trial) for p in spec.parameters}
    return [with_settings(spec, cell, chosen) for cell in spec.cells]


def with_settings(spec: Study, cell: Cell, chosen: dict[str, Any]) -> Cell:
    """Return a cell with tuned settings in place of its own."""
    recipe = parse(spec.method)
    own = f"{recipe.name}.training."
    trained = {p.removeprefix(own): v for p, v in chosen.items() if p.startswith(own)}
    config = recipe.resolve(spec.size, {**spec.settings, **chosen})
    settings = TrainingSettings(**{**cell.training, **trained})
    return replace(cell, config=config, training=settings.model_dump())


def measured(
    work: Work, study: optuna.Study, trial: optuna.Trial, cells: list[Cell]
) -> list[float]:
    """Return a trial's objectives: the mean score over its seeds, and perhaps its FLOPs.

    After each epoch the mean of the finished seeds' scores and this epoch's is reported; the study
    may then say that the trial is hopeless.

    Raises
    ------
    Ended
        The trial was pruned, or the budget has run out.
    """
    spec, scores = work.study, []
    for index, cell in enumerate(cells):

        def report(epoch: int, score: float, before: int = index * spec.epochs) -> None:
            if len(spec.objectives) == 1:
                trial.report(math.fsum([*scores, score]) / (len(scores) + 1), before + epoch)
                if trial.should_prune():
                    raise Ended(f"pruned after epoch {before + epoch}")
            limit = spec.seconds
            if limit is not None and spent(study.get_trials(deepcopy=False)) >= limit:
                raise Ended("the budget of seconds ended")

        history = training.train(cell, work.root, spec.source, report)
        scores.append(training.achieved(history, TrainingSettings(**cell.training)))
        if not math.isfinite(scores[-1]):
            raise ArithmeticError("the validation score is not finite")
    trial.set_user_attr("scores", scores)
    values = [math.fsum(scores) / len(scores)]
    if "flops" in spec.objectives:
        values.append(float(training.flops(cells[0], work.root, spec.source)))
    return values


@contextmanager
def beating(trial: optuna.Trial) -> Iterator[None]:
    """Give signs of life while a trial runs, so that no other machine takes it for dead."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT):
            try:
                trial.set_user_attr("beat", time.time())
            except Exception:
                return  # the training's own next report meets the same storage, and says so

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(1.0)
