"""``bench tune``: read what was asked, search, and write what was found."""

from __future__ import annotations

import importlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..arguments import assignments, bytes_, listed, seconds
from ..cluster import asked
from ..contract.errors import UserError

if TYPE_CHECKING:
    from ..plan import Plan, Planned
    from .tune import Budget, How, Machine


def tune(
    methods: Annotated[str, typer.Option(help="Names, by commas; `all`, `only:*`.")],
    datasets: Annotated[str, typer.Option(help="Names, by commas.")],
    trials: Annotated[
        int | None, typer.Option(help="Of each method on each dataset; default 50.", min=1)
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Computing time of each method on each dataset: 20m, 2h.")
    ] = None,
    trial_seeds: Annotated[int, typer.Option(help="Seeds that a trial averages.", min=1)] = 1,
    objectives: Annotated[
        str, typer.Option(help="score (of validation), or score,flops: a Pareto front.")
    ] = "score",
    pruner: Annotated[str, typer.Option(help="median, hyperband or none.")] = "median",
    seed: Annotated[int, typer.Option(help="Of the search.")] = 0,
    size: Annotated[str, typer.Option(help="small or paper.")] = "small",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting by path; it is not tuned then.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="sqlite:///FILE, postgresql://..., journal:///FILE; default in --out."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results/tuned"),
    data_root: Annotated[
        str | None, typer.Option("--data-root", help="Folder of corpora; default $FUSEMARK_DATA.")
    ] = None,
    plugin: Annotated[
        list[str] | None, typer.Option("--plugin", help="A plugin file; repeatable.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; default one a core.", min=1)
    ] = None,
    time_limit: Annotated[str, typer.Option(help="Longest time of a trial.")] = "2h",
    memory_limit: Annotated[str | None, typer.Option(help="Of a worker: 8GiB.")] = None,
    executor: asked.Executor = "local",
    address: asked.Address = None,
    cell_cpus: asked.Cpus = None,
    cell_gpus: asked.Gpus = None,
    cell_memory: asked.Memory = None,
    cell_retries: asked.Retries = None,
    ship_data: asked.ShipData = False,
) -> None:
    """Tune methods on validation alone, each with the same budget."""
    from rich.console import Console

    from ..registry import load_plugin
    from ..run import data_root as find_root
    from .tune import Budget, How, Machine

    for path in plugin or ():
        load_plugin(path)
    spend = Budget(trials or (None if budget else 50), seconds(budget) if budget else None)
    how = How(trial_seeds, tuple(listed(objectives) or ()), pruner, seed)
    limit = bytes_(memory_limit) if memory_limit else None
    cluster = asked.cluster_asked(
        executor, limit, address=address, cell_cpus=cell_cpus, cell_gpus=cell_gpus,
        cell_memory=cell_memory, cell_retries=cell_retries, ship_data=ship_data,
    )  # fmt: skip
    machine = Machine(workers, seconds(time_limit), limit, tuple(plugin or ()), cluster)
    fields = {
        "methods": listed(methods), "datasets": listed(datasets), "size": size,
        "settings": assignments(set_),
    }  # fmt: skip
    console = Console(stderr=True)
    planned = opened_plan(fields, how, find_root(data_root))
    try:
        tuned(planned, how, spend, storage, out, machine, console)
    except KeyboardInterrupt:
        console.print(f"stopped; the same command goes on from {out}")
        raise SystemExit(130) from None


def tuned_plan(
    plan: Plan, trials: int, out: Path, root: Path | None, machine: Machine, console: Any
) -> Plan:
    """Tune a plan's methods, and return the plan with the best settings of each.

    Raises
    ------
    UserError
        Several datasets, a seed that tuning trains with, or what :func:`tuned` raises.
    """
    from .result import check_one_plan, tuned_settings
    from .tune import FIRST_SEED, Budget, How

    check_one_plan(plan.methods, plan.datasets)
    if max(plan.seeds) >= FIRST_SEED:
        raise UserError(f"--tuned: seeds from {FIRST_SEED} tune; take others for the run")
    how = How()
    fields = {
        "methods": plan.methods, "datasets": plan.datasets, "size": plan.size,
        "settings": plan.settings,
    }  # fmt: skip
    planned = opened_plan(fields, how, root)
    found = tuned(planned, how, Budget(trials), None, out, machine, console)
    return plan.model_copy(update={"settings": {**plan.settings, **tuned_settings(found)}})


def opened_plan(fields: dict[str, Any], how: How, root: Path | None) -> Planned:
    """Open the plan of a search: its methods and datasets with the seeds that trials train with."""
    from ..plan import Planned, make_plan
    from .tune import FIRST_SEED

    seeds = list(range(FIRST_SEED, FIRST_SEED + how.seeds))
    return Planned(make_plan(fields, {"seeds": seeds}), root)


def tuned(
    planned: Planned, how: How, budget: Budget, storage: str | None, out: Path,
    machine: Machine, console: Any,
) -> dict[str, Any]:  # fmt: skip
    """Search, write the result and its page, and return the result.

    Raises
    ------
    UserError
        The storage cannot be used, or no trial of a method ended within the budget.
    """
    from .storage import reachable, url_of

    url = url_of(storage, out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"results folder {str(out)!r} cannot be made ({error.strerror}); choose another with "
            f"--out"
        ) from error
    with reachable(url):
        from . import result
        from .tune import search, studies

    specs = studies(planned, url, how, budget)
    console.print(f"each of {len(specs)} studies may spend {budget}", highlight=False)
    search(specs, planned, machine, lambda line: console.print(line, highlight=False))
    command = shlex.join(["bench", *sys.argv[1:]])
    found = result.write(specs, planned, how, budget, out, command)
    pages = importlib.import_module("fusemark.reports.tuning_page").write(out)
    for path in pages:
        print(f"report: {path}")
    empty = [row for row in found["studies"] if row["best"] is None]
    if empty:
        row = empty[0]
        raise UserError(
            f"no trial of {row['method']!r} on {row['dataset']} ended within {budget}; give it "
            f"more, or see {out / 'tune.md'} for what became of its trials"
        )
    return found
