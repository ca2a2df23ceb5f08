"""What tuning found: ``tune.json``, and a TOML file a method that ``bench run --config`` takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contract import FusionDataset, UserError
from ..json_file import parsed
from ..plan import Planned
from ..provenance import git_state, machine, versions, without_folders
from ..store import read_json, replaced, write_json
from .sampling import importance
from .space import decoded
from .storage import kind, reachable
from .studies import SURPLUS, Study, holds, run, seconds, spent
from .tune import Budget, How

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

SCHEMA = 1
FOLDER = "best"


def write(
    specs: Sequence[Study], planned: Planned, how: How, budget: Budget, out: Path, command: str
) -> dict[str, Any]:
    """Write what a search has found so far, and return it."""
    with reachable(specs[0].url):
        found = [of_study(spec, planned.datasets[spec.dataset]) for spec in specs]
    result = {
        "schema": SCHEMA,
        "methods": list(dict.fromkeys(spec.method for spec in specs)),
        "datasets": list(dict.fromkeys(spec.dataset for spec in specs)),
        "size": planned.plan.size,
        "settings": planned.plan.settings,
        "budget": {"trials": budget.trials, "seconds": budget.seconds, "text": str(budget)},
        "seeds": list(planned.plan.seeds),
        "objectives": list(how.objectives),
        "pruner": specs[0].pruner,
        "seed": how.seed,
        "storage": kind(specs[0].url),
        **(earlier(out, found) or {
            "command": without_folders(hidden(command)),
            "versions": versions(),
            "machine": machine(),
            "git": git_state(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }),
        "studies": found,
    }  # fmt: skip
    write_json(out / "tune.json", result)
    for spec, row in zip(specs, found, strict=True):
        if row["best"]:
            file = out / FOLDER / safe(spec.dataset) / f"{safe(spec.method)}.toml"
            write_plan(file, [spec.method], spec.dataset, spec.size, row["best"]["settings"])
    for dataset in result["datasets"]:
        rows = [row for row in found if row["dataset"] == dataset]
        if all(row["best"] for row in rows) and not clash(row["method"] for row in rows):
            settings = {k: v for row in rows for k, v in row["best"]["settings"].items()}
            names = [row["method"] for row in rows]
            write_plan(out / FOLDER / f"{safe(dataset)}.toml", names, dataset, planned.plan.size,
                       settings)  # fmt: skip
    return result


def earlier(out: Path, found: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return who made the trials, where the folder's result has the same ones: no search since."""
    kept = read_json(out / "tune.json")
    if not kept or kept.get("schema") != SCHEMA:
        return None
    now = parsed(json.dumps({"studies": found}))["studies"]
    if [row["trials"] for row in now] != [row["trials"] for row in kept["studies"]]:
        return None
    return {name: kept[name] for name in ("command", "versions", "machine", "git", "finished")}


def of_study(spec: Study, dataset: FusionDataset) -> dict[str, Any]:
    """Return what one study holds."""
    study = spec.open()
    trials = [t for t in study.get_trials(deepcopy=False) if t.user_attrs.get("reason") != SURPLUS]
    complete = [t for t in trials if t.state.name == "COMPLETE"]
    held = [t for t in trials if holds(t)]
    best = max(complete, key=lambda t: (t.values[0], -t.number), default=None)
    default = next((t for t in held if run(t).get("default")), None)
    return {
        "method": spec.method,
        "dataset": spec.dataset,
        "name": spec.name,
        "score": "macro_f1" if dataset.task.kind == "classification" else "-mae",
        "reused": dataset.design == "re-drawn" or dataset.folds > 1,
        "seconds": round(spent(trials), 3),
        "counts": {
            "trials": len(held),
            **{s: sum(t.state.name == s.upper() for t in held)
               for s in ("complete", "pruned", "fail", "running")},
            "given_back": len(trials) - len(held),
        },
        "space": [
            {"path": p.path, "low": p.low, "high": p.high, "log": p.log, "choices": p.choices,
             "default": p.default}
            for p in spec.parameters
        ],
        "best": described(spec, best),
        "default": described(spec, default),
        "front": [described(spec, t) for t in front(complete)] if len(spec.objectives) > 1 else [],
        "importance": importance(study, trials),
        "trials": [record(t) for t in trials],
    }  # fmt: skip


def described(spec: Study, trial: FrozenTrial | None) -> dict[str, Any] | None:
    """Return a trial's objectives and the settings that a plan needs to repeat it."""
    if trial is None:
        return None
    chosen = {path: decoded(value) for path, value in trial.params.items()}
    return {
        "number": trial.number,
        "values": trial.values,
        "chosen": chosen,
        "settings": {**spec.settings, **chosen},
    }


def record(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "values": trial.values,
        "params": {path: decoded(value) for path, value in trial.params.items()},
        "seconds": round(seconds(trial), 3),
        "reason": trial.user_attrs.get("reason"),
        "default": bool(run(trial).get("default")),
        "scores": trial.user_attrs.get("scores"),
        "reported": [trial.intermediate_values[k] for k in sorted(trial.intermediate_values)],
    }


def front(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that no other beats in score and FLOPs at once, the cheapest first."""
    found: list[FrozenTrial] = []
    for trial in sorted(trials, key=lambda t: (t.values[1], -t.values[0], t.number)):
        if not found or trial.values[0] > found[-1].values[0]:
            found.append(trial)
    return found


def clash(names: Any) -> str | None:
    """Return the base that two tuned methods share with their strategies: one plan cannot say both.

    ``mult`` and ``mult+moddrop`` read their layers at one path.
    """
    bases = [name.partition("+")[0] for name in names]
    return next((base for base in bases if bases.count(base) > 1), None)


def tuned_settings(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of every method's best trial, for one plan.

    Raises
    ------
    UserError
        A method without a complete trial, several datasets, or methods that share settings.
    """
    rows = result["studies"]
    for row in rows:
        if row["best"] is None:
            raise UserError(
                f"no trial of {row['method']!r} on {row['dataset']} ended within the budget; "
                f"give it more"
            )
    check_one_plan(result["methods"], result["datasets"])
    return {path: value for row in rows for path, value in row["best"]["settings"].items()}


def check_one_plan(methods: Sequence[str], datasets: Sequence[str]) -> None:
    """Refuse what one plan cannot say: settings by dataset, or twice of one base.

    Raises
    ------
    UserError
        Several datasets, or methods that share settings.
    """
    if len(datasets) > 1:
        raise UserError("--tuned takes one dataset: what is tuned differs between datasets")
    shared = clash(methods)
    if shared:
        raise UserError(
            f"--tuned: two methods tune {shared!r}, and one plan holds one value of its settings; "
            f"use `bench tune`, and run its files under {FOLDER}/ one by one"
        )


def write_plan(
    path: Path, methods: Sequence[str], dataset: str, size: str, settings: Mapping[str, Any]
) -> None:
    """Write a plan of 20 seeds with these settings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"methods = {toml(list(methods))}", f"datasets = {toml([dataset])}",
        f"size = {toml(size)}", "seeds = 20", "", "[set]",
        *(f"{toml(name)} = {toml(value)}" for name, value in sorted(settings.items())),
    ]  # fmt: skip
    with replaced(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def toml(value: Any) -> str:
    """Return a value as TOML: JSON's text is, but for null, which settings read as "none"."""
    return json.dumps("none" if value is None else value, ensure_ascii=False)


def safe(name: str) -> str:
    """Return a name as one part of a path."""
    return re.sub(r"[^\w.+-]+", "-", name)


def hidden(command: str) -> str:
    """Return a command without passwords in addresses."""
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", command)
