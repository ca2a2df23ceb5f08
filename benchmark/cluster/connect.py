"""Joining a Ray cluster, and what its nodes can give a cell."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..contract.errors import UserError
from .asked import Cluster

PATIENCE = 10.0  # seconds that a cluster may take to answer
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
UNITS = {"CPU": "cores", "GPU": "GPUs", "memory": "GiB of memory"}


@dataclass(frozen=True)
class Node:
    """A node that is alive: its host, and what it has in all."""

    host: str
    resources: dict[str, float]

    def places(self, needs: dict[str, float]) -> int:
        """Return how many cells it can hold at once."""
        return min(int(self.resources.get(name, 0) / need + 1e-9) for name, need in needs.items())


@contextlib.contextmanager
def connected(cluster: Cluster) -> Iterator[None]:
    """Join a cluster while the block lasts.

    Raises
    ------
    UserError
        Ray is not installed, no cluster answers at the address, or no node can hold a cell.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError(
            "--executor ray needs Ray, which is not installed; pip install 'fusemark[ray]'"
        ) from None
    check_answer(cluster.address)
    try:
        ray.init(
            address=cluster.address, log_to_driver=False, logging_level=logging.CRITICAL,
            configure_logging=False,
        )  # fmt: skip
    except Exception as error:
        line = " ".join(str(error).split())[:300].rstrip(".")
        raise UserError(
            f"the Ray cluster at {cluster.address!r} cannot be joined: {line}; this machine must "
            f"be one of its nodes (`ray start --address HOST:PORT`)"
        ) from None
    # A node that is lost is no news to print twenty lines of its log for, and Ray has no public
    # switch for it.
    talking = vars(importlib.import_module("ray._private.worker"))
    talking["_worker_logs_enabled"] = False
    try:
        check_resources(cluster, alive())
        yield
    finally:
        ray.shutdown()
        talking["_worker_logs_enabled"] = True


def check_answer(address: str) -> None:
    """Ask for a sign of life in a process of its own: Ray itself goes on asking for minutes.

    Raises
    ------
    UserError
        There was none, or the address cannot be one.
    """
    if "://" in address:
        raise UserError(f"--address {address!r}; expected auto, or HOST:PORT of the head node")
    words = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--skip-version-check"]
    words += [] if address == "auto" else ["--address", address]
    try:
        process = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False)
        answers = process.returncode == 0
    except subprocess.TimeoutExpired:
        answers = False
    if not answers:
        raise UserError(
            f"no Ray cluster answers at --address {address}; start one with `ray start --head` "
            f"(and `ray start --address HOST:PORT` on the other machines), or give the head "
            f"node's HOST:PORT"
        )


def alive() -> list[Node]:
    """Return the nodes that are alive now.

    Raises
    ------
    UserError
        The head node is gone: Ray would wait a minute for it, and then abort the process.
    """
    import ray

    address = ray.get_runtime_context().gcs_address
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except OSError as error:
        raise UserError(
            f"the cluster's head node {address} is gone ({error.strerror or error}); what has "
            f"ended is kept, the same command goes on from it when a cluster is up"
        ) from None
    nodes: list[dict[str, Any]] = ray.nodes()
    return [Node(n["NodeManagerHostname"], n["Resources"]) for n in nodes if n["Alive"]]


def needs(cluster: Cluster) -> dict[str, float]:
    """Return what a cell takes, by Ray's names."""
    asked = {"CPU": cluster.cpus, "GPU": cluster.gpus, "memory": float(cluster.memory)}
    return {name: need for name, need in asked.items() if need}


def places(cluster: Cluster, nodes: Sequence[Node]) -> int:
    """Return how many cells the nodes can hold at once."""
    return sum(node.places(needs(cluster)) for node in nodes)


def check_resources(cluster: Cluster, nodes: Sequence[Node]) -> None:
    """Refuse cells that no node could ever hold.

    Raises
    ------
    UserError
        Names what is too much, and what the cluster has.
    """
    asked = needs(cluster)
    if places(cluster, nodes):
        return
    most = {name: max((n.resources.get(name, 0) for n in nodes), default=0) for name in asked}
    # Each may be had, but not all of one node.
    short = {name: need for name, need in asked.items() if need > most[name]} or asked
    wanted = " and ".join(amount(name, need) for name, need in short.items())
    count = f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}"
    raise UserError(
        f"no node of the cluster can ever give a cell {wanted}: its {count} have at most "
        f"{', '.join(amount(name, value) for name, value in most.items())}; ask for less with "
        f"--cell-cpus, --cell-gpus or --cell-memory, or add a node"
    )


def amount(name: str, value: float) -> str:
    return f"{value / 2**30 if name == 'memory' else value:.3g} {UNITS[name]}"
