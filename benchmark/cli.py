"""The ``bench`` command."""

from __future__ import annotations

import importlib
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .arguments import assignments, bytes_, listed, part, seconds
from .cluster import asked
from .contract.errors import UserError
from .data import data
from .ensemble import asked as side_by_side
from .profiling.command import profile
from .tuning.command import tune

EVERY_COST = ("flops", "predicted", "memory", "latency")
app = typer.Typer(
    help="Fusion methods under one harness: better, really different, and at what cost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
new = typer.Typer(help="Write the start of a plugin.", no_args_is_help=True)
app.add_typer(new, name="new")
app.add_typer(data, name="data")
app.command()(tune)
app.command()(profile)

# The base of all mistakes on the command line: click's own, or the copy that newer typers carry.
USAGE: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

Plugins = Annotated[list[str] | None, typer.Option("--plugin", help="A plugin file; repeatable.")]
DataRoot = Annotated[
    str | None,
    typer.Option("--data-root", help="Folder with one folder a corpus; default $FUSEMARK_DATA."),
]


@app.command()
def run(
    methods: Annotated[str | None, typer.Option(help="Names, by commas; `all`, `only:*`.")] = None,
    datasets: Annotated[str | None, typer.Option(help="Names, by commas.")] = None,
    seeds: Annotated[str | None, typer.Option(help="A count, a range 5:10, or a list.")] = None,
    size: Annotated[str | None, typer.Option(help="small or paper.")] = None,
    preset: Annotated[str | None, typer.Option(help="quick (the default run) or paper.")] = None,
    config: Annotated[Path | None, typer.Option(help="A plan as TOML, as bench.toml.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting by path: mult.layers=2.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="The method that others are tested against.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Primary metric of the report.")] = None,
    family: Annotated[
        str | None, typer.Option(help="Comparisons that are tested: baseline, or pairs.")
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Level of the tests; default .05.")] = None,
    margin: Annotated[
        float | None, typer.Option(help="Points that make no practical difference; default 1.")
    ] = None,
    lengths: Annotated[
        str | None,
        typer.Option(help="Train and test at each: 64:1024 (doubled), 100,200, or 1/4,1/2,1."),
    ] = None,
    cost: Annotated[
        bool, typer.Option("--cost", help="Measure FLOPs, memory and latency beside.")
    ] = False,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Add seeds in looks; stop what is decided.")
    ] = False,
    looks: Annotated[
        str | None, typer.Option(help="Seeds at each look: 5,10,15,20; default quarters.")
    ] = None,
    spending: Annotated[
        str | None, typer.Option(help="Of alpha over looks: obrien-fleming, or pocock.")
    ] = None,
    futility: Annotated[
        float | None, typer.Option(help="Stop below this chance of a decision; .05, 0 never.")
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="What verdicts of looks speak about: seeds, or speakers.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results.")] = None,
    data_root: DataRoot = None,
    plugin: Plugins = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; default one a core.", min=1)
    ] = None,
    time_limit: Annotated[str, typer.Option(help="Longest time of a cell: 90s, 20m, 2h.")] = "2h",
    memory_limit: Annotated[str | None, typer.Option(help="Of a worker: 8GiB.")] = None,
    executor: asked.Executor = "local",
    address: asked.Address = None,
    cell_cpus: asked.Cpus = None,
    cell_gpus: asked.Gpus = None,
    cell_memory: asked.Memory = None,
    cell_retries: asked.Retries = None,
    ship_data: asked.ShipData = False,
    device: side_by_side.Device = "cpu",
    ensemble: side_by_side.Mode = "auto",
    only_cells: Annotated[str, typer.Option(help="A part i/n of the cells.")] = "1/1",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the cells and their time.")
    ] = False,
    keep_stale: Annotated[
        bool, typer.Option("--keep-stale", help="Keep records of other code.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run failed cells again.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Write the report at the end.")] = True,
    tuned: Annotated[
        int | None, typer.Option(help="First tune each method with so many trials.", min=1)
    ] = None,
) -> None:
    """Run what is missing of a plan and write its report."""
    from .estimate import show_estimate
    from .plan import Planned, make_plan, read_preset, read_toml
    from .progress import Progress
    from .run import Options, survey, to_do, unmeasured
    from .run import data_root as find_root
    from .run import run as run_plan
    from .store import Store
    from .tuning.command import tuned_plan
    from .tuning.tune import Machine

    limit = bytes_(memory_limit) if memory_limit else None
    cluster = asked.cluster_asked(
        executor, limit, address=address, cell_cpus=cell_cpus, cell_gpus=cell_gpus,
        cell_memory=cell_memory, cell_retries=cell_retries, ship_data=ship_data,
    )  # fmt: skip
    load_plugins(plugin)
    file = config or (Path("bench.toml") if Path("bench.toml").exists() else None)
    bare = not (methods or datasets or file or preset)
    flags = {
        "methods": listed(methods), "datasets": listed(datasets), "seeds": seeds, "size": size,
        "baseline": baseline, "metric": metric, "family": family, "alpha": alpha,
        "margin": margin, "lengths": lengths, "cost": EVERY_COST if cost else None,
        "until_decided": until_decided or None, "looks": looks, "spending": spending,
        "futility": futility, "scope": scope,
        "settings": assignments(set_),
    }  # fmt: skip
    preset = preset or ("quick" if bare else None)
    layers = [read_preset(preset)] if preset else []
    layers += [read_toml(file)] if file else []
    plan = make_plan(*layers, flags)
    console = Console(stderr=True)
    with console.status("reading the datasets"):
        planned = Planned(plan, find_root(data_root))
    options = Options(
        workers=workers, time_limit=seconds(time_limit), memory_limit=limit, cluster=cluster,
        keep_stale=keep_stale, retry_failed=retry_failed, part=part(only_cells),
        plugins=tuple(plugin or ()), command=shlex.join(["bench", *sys.argv[1:]]),
        ensemble=side_by_side.ensemble_asked(device, ensemble, cluster),
    )  # fmt: skip
    out = out or Path("results") / f"{plan.preset or 'run'}-{plan.hash[:8]}"
    if tuned and dry_run:
        console.print(f"before it, and not counted: {tuned} trials of each method")
    elif tuned:
        machine = Machine(workers, options.time_limit, limit, options.plugins, cluster)
        plan = tuned_plan(plan, tuned, out / "tuning", planned.root, machine, console)
        planned = Planned(plan, planned.root)
    found = survey(planned, Store(out), options)
    if dry_run:
        show_estimate(planned, to_do(found, options), workers, device)
        return
    if found.stale:
        kept = "kept (--keep-stale)" if keep_stale else "run again"
        console.print(f"{len(found.stale)} cells were made by other code: {kept}")
    if found.failed and not retry_failed:
        console.print(f"{len(found.failed)} cells failed before: --retry-failed runs them again")
    work = len(to_do(found, options)) + unmeasured(planned, Store(out), options)
    try:
        store = run_plan(planned, out, None, options, Progress(console))
    except KeyboardInterrupt:
        console.print(f"stopped; the same command goes on from {out}")
        raise SystemExit(130) from None
    if not work:
        console.print(f"nothing to do: the store {out} holds this plan's cells", soft_wrap=True)
    if report and (work or not (out / "report.html").exists()):
        write_report(store.path, ("md", "html"), None)
    elif report:
        Console().print(f"report: {out / 'report.html'}", soft_wrap=True)


@app.command()
def cost(
    methods: Annotated[str, typer.Option(help="Names, by commas; `all`, `only:*`.")] = "all",
    lengths: Annotated[str, typer.Option(help="64:4096 (doubled), or a list.")] = "64:4096",
    batch: Annotated[str, typer.Option(help="Examples, by commas.")] = "1,32",
    vary: Annotated[
        str, typer.Option(help="The modality whose lengths these are, or all, scaled with the last")
    ] = "all",
    device: Annotated[str, typer.Option(help="cpu, cuda, by commas.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, by commas.")] = "float32",
    only: Annotated[
        str, typer.Option(help="Of flops, predicted, memory (predicted too), latency.")
    ] = "flops,memory,latency",
    size: Annotated[str, typer.Option(help="small or paper.")] = "small",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting by path: mult.layers=2.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="The method to compare with; default the first.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Whose rates and widths; default CREMA-D's.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results/cost"),
    data_root: DataRoot = None,
    plugin: Plugins = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that count; default one a core.", min=1)
    ] = None,
    threads: Annotated[int, typer.Option(help="Of what is timed.", min=1)] = 1,
    memory_limit: Annotated[str | None, typer.Option(help="Of a worker: 8GiB.")] = None,
    time_limit: Annotated[str, typer.Option(help="Of one shape: 90s, 20m.")] = "20m",
    call_limit: Annotated[str, typer.Option(help="Of one call that is measured.")] = "0.5s",
    budget: Annotated[str, typer.Option(help="Of timing all methods at one shape.")] = "15s",
    keep_stale: Annotated[
        bool, typer.Option("--keep-stale", help="Keep records of other code.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what broke a limit or failed.")
    ] = False,
) -> None:
    """Measure what methods cost as sequences grow: FLOPs, memory and latency."""
    from .cost.command import Asked, run_command
    from .cost.study import Running
    from .run import data_root as find_root

    load_plugins(plugin)
    asked = Asked(
        methods, lengths, batch, vary, device, dtype, only, size, baseline, dataset,
        assignments(set_), threads, out, shlex.join(["bench", *sys.argv[1:]]),
    )  # fmt: skip
    running = Running(
        workers, bytes_(memory_limit) if memory_limit else None, seconds(time_limit),
        seconds(call_limit), seconds(budget), tuple(plugin or ()), keep_stale, retry_failed,
    )  # fmt: skip
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    try:
        whole = run_command(asked, running, find_root(data_root), console)
    except KeyboardInterrupt:
        console.print(f"stopped; the same command goes on from {out}")
        raise SystemExit(130) from None
    if not whole:
        raise SystemExit(1)


@app.command("report")
def report_command(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder of results.")],
    formats: Annotated[
        str, typer.Option("--format", help="Of md, html, latex, csv, by commas.")
    ] = "md,html",
    out: Annotated[Path | None, typer.Option(help="Folder of the report; default RUN.")] = None,
) -> None:
    """Write the report of a run."""
    write_report(run_folder, tuple(listed(formats) or ()), out)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="A folder of results.")],
    second: Annotated[Path, typer.Argument(metavar="RUN_B", help="The one that may be worse.")],
    form: Annotated[str, typer.Option("--format", help="text, md or json.")] = "text",
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="Exit code 1 if B is worse or not judged.")
    ] = False,
) -> None:
    """Say what changed from one run to another, significant changes first."""
    reports = importlib.import_module("fusemark.reports")
    compared = reports.compare(first, second)
    print(reports.view(compared, form))
    names = [f"{one.method} on {one.dataset}" for one in compared.worse]
    found = {"worse": names, "cannot be judged": compared.unjudged}
    if fail_if_worse and any(found.values()):
        for what, which in found.items():
            if which:
                print(f"{what}: {'; '.join(which)}", file=sys.stderr)
        raise SystemExit(1)


@app.command("list")
def list_command(
    what: Annotated[str, typer.Argument(help="methods, strategies or datasets")] = "methods",
    plugin: Plugins = None,
) -> None:
    """Print what is registered."""
    from .catalogue import catalogue

    load_plugins(plugin)
    table = catalogue(what)
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


@app.command()
def check(
    method: Annotated[str, typer.Argument(help="A method's name, as --methods takes it.")],
    plugin: Plugins = None,
) -> None:
    """Run the conformance suite on a method: a verdict for each property."""
    from .conformance import check_method

    load_plugins(plugin)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("verdict", "property", "evidence"):
        table.add_column(column, overflow="fold")
    with Console(stderr=True).status(f"examining {method}"):
        verdicts = check_method(method)
    colours = {"ok": "green", "failed": "red", "skipped": "yellow"}
    for verdict in verdicts:
        state = Text(verdict.outcome, style=colours[verdict.outcome])
        table.add_row(state, Text(verdict.property), Text(verdict.evidence))
    Console().print(table)
    count = {o: sum(v.outcome == o for v in verdicts) for o in ("ok", "failed", "skipped")}
    failed = count["failed"]
    Console().print(f"{method}: {count['ok']} hold, {failed} fail, {count['skipped']} do not apply")
    if failed:
        raise SystemExit(1)


@new.command("method")
def new_method(
    name: Annotated[str, typer.Argument(help="The method's name, in kebab-case.")],
    folder: Annotated[Path, typer.Option(help="Where to write.")] = Path(),
) -> None:
    """Write a working single-file method with its test."""
    from .scaffold import new_method as write

    method, test = write(name, folder)
    console = Console()
    console.print(f"wrote {method} and {test}", soft_wrap=True)
    console.print(f"check it:  bench check {name} --plugin {method}", soft_wrap=True)
    console.print(f"run it:    bench run --plugin {method} --methods {name} "
                  f"--datasets simulated:synergy", soft_wrap=True)  # fmt: skip


@app.callback()
def root() -> None:
    """Fusion methods under one harness: better, really different, and at what cost."""


def write_report(store: Path, formats: tuple[str, ...], out: Path | None) -> None:
    """Write a report and print where it is."""
    reports = importlib.import_module("fusemark.reports")
    with Console(stderr=True).status("writing the report"):
        paths = reports.write(store, formats=formats, out=out)
    for path in paths:
        Console().print(f"report: {path}", soft_wrap=True)


def load_plugins(paths: list[str] | None) -> None:
    from .registry import load_plugin

    for path in paths or ():
        load_plugin(path)


def main() -> None:
    """Run the command; a user's mistake is one line on standard error and exit code 2."""
    try:
        app(standalone_mode=False)
    except UserError as error:
        message = str(error)
    except USAGE as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            raise SystemExit(2) from None
        message = error.format_message()
    except (typer.Abort, KeyboardInterrupt):
        raise SystemExit(130) from None
    else:
        return
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
