"""What a user asks of a cluster, read from the command line; needs no Ray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ..arguments import bytes_
from ..contract.errors import UserError

EXECUTORS = ("local", "ray")

Executor = Annotated[str, typer.Option(help="Where cells run: local, or ray (a cluster).")]
Address = Annotated[str | None, typer.Option(help="Of a Ray cluster: auto, or HOST:PORT.")]
Cpus = Annotated[float | None, typer.Option(help="Cores that a cell takes; default 1.")]
Gpus = Annotated[float | None, typer.Option(help="GPUs, or a fraction of one; default 0.")]
Memory = Annotated[
    str | None, typer.Option(help="Memory that a cell takes, and may hold; default 2GiB.")
]
Retries = Annotated[
    int | None, typer.Option(help="Of a cell whose node or worker is lost; default 3.")
]
ShipData = Annotated[
    bool, typer.Option("--ship-data", help="Send the data to the nodes, which lack its files.")
]


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster and what each cell takes of it; none of it changes a result.

    Parameters
    ----------
    address
        ``auto`` (``RAY_ADDRESS``, or the cluster that this machine is a node of), or HOST:PORT.
    cpus, gpus, memory
        What a cell reserves on its node: cores, GPUs (perhaps a fraction of one) and bytes. It
        trains on one thread whatever it reserves.
    retries
        How often a cell is tried again whose node or Ray worker was lost.
    ship_data
        Whether examples travel through Ray's object store; else every node has the same files
        under the same paths.
    """

    address: str = "auto"
    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 2 * 2**30
    retries: int = 3
    ship_data: bool = False


def cluster_asked(executor: str, memory_limit: int | None, **flags: Any) -> Cluster | None:
    """Return the cluster that the flags ask for; None where cells run on this machine.

    Parameters
    ----------
    memory_limit
        Bytes that a cell may hold: also what it reserves, where nothing else is said.
    flags
        ``address``, ``cell_cpus``, ``cell_gpus``, ``cell_memory``, ``cell_retries`` and
        ``ship_data``, as typed; None where not given.

    Raises
    ------
    UserError
        An unknown executor, a value that cannot be, or a flag that means nothing locally.
    """
    if executor not in EXECUTORS:
        raise UserError(f"unknown executor {executor!r}; expected {' or '.join(EXECUTORS)}")
    given = {name: value for name, value in flags.items() if value not in (None, False)}
    if executor == "local":
        if given:
            flag = next(iter(given)).replace("_", "-")
            raise UserError(f"--{flag} means nothing without --executor ray")
        return None
    for name, least in {"cell_cpus": 0.001, "cell_gpus": 0, "cell_retries": 0}.items():
        if given.get(name, least) < least:
            flag = name.replace("_", "-")
            raise UserError(f"--{flag} {given[name]:g}; expected {least:g} or more")
    if "cell_memory" in given:
        given["cell_memory"] = bytes_(given["cell_memory"])
    elif memory_limit:
        given["cell_memory"] = memory_limit
    return Cluster(**{name.removeprefix("cell_"): value for name, value in given.items()})
