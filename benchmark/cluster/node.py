"""What a Ray worker does on its node: it compares code and data, then watches over one process.

The cell itself runs as it does locally, in a fresh single-thread process of the worker's own fork
server, under the same limits; a Ray worker that is killed takes that process with it.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..cell import open_dataset
from ..contract.errors import UserError
from ..digest import code_digest
from ..executors import Done, Job, LocalExecutor
from ..pool import Pool
from ..provenance import origin
from ..registry import load_plugin
from .cargo import Freight, Packed, Plugin


@dataclass(frozen=True)
class Expected:
    """What the machine that sent a task has, and a node must have too.

    Parameters
    ----------
    modules, digest
        The modules that a result depends on, and their code digest.
    source, settings, fingerprint, root
        The dataset as it is opened, its settings as JSON, the hash of its content, and the data
        root. No fingerprint where the data travels with the task.
    """

    modules: tuple[str, ...]
    digest: str
    source: str
    settings: str
    fingerprint: str | None
    root: Path | None


@dataclass(frozen=True)
class Errand:
    """One task for a node.

    Parameters
    ----------
    task
        A cell's ``Job``, or a trial's ``Work``.
    perform
        Runs the task on the node, given what has landed there.
    """

    task: Any
    perform: Callable[[Any, Freight], Any]
    expected: Expected
    plugins: tuple[Plugin, ...]


@dataclass(frozen=True)
class Answer:
    """What became of an errand, and where; ``refused`` says why the node may not run it."""

    value: Any = None
    refused: str = ""
    origin: Mapping[str, Any] | None = None


def carry_out(errand: Errand, packed: Packed | None) -> Answer:
    """Run an errand on this node, or refuse it; called by Ray."""
    try:
        plugins = tuple(plugin.land() for plugin in errand.plugins)
        for path, module in plugins:
            load_plugin(path, module)
        fault = difference(errand.expected)
        if fault:
            return Answer(refused=f"{here()} {fault}")
        freight = Freight(plugins, packed.land(), packed.name) if packed else Freight(plugins)
        return Answer(errand.perform(errand.task, freight), origin=origin())
    except UserError as error:
        return Answer(refused=f"{here()}: {error}")
    except OSError as error:
        return Answer(refused=f"{here()} cannot keep what a cell needs: {error}")


def here() -> str:
    import ray

    return f"node {ray.util.get_node_ip_address()}"


@functools.cache
def difference(expected: Expected) -> str:
    """Say in what this node differs from the one that sent the task; nothing where it agrees."""
    mend = "install the same fusemark on every node"
    try:
        digest = code_digest(expected.modules)
    except ModuleNotFoundError as error:
        return f"lacks code of this run ({error}); {mend}"
    if digest != expected.digest:
        return f"has other code (digest {digest}, here {expected.digest}); {mend}"
    if expected.fingerprint is None:
        return ""
    mend = "put the same files at the same path on every node, or send them with --ship-data"
    try:
        dataset = open_dataset(expected.source, json.loads(expected.settings), expected.root)
        found = dataset.fingerprint()
    except (UserError, OSError) as error:
        return f"cannot read {expected.source.partition(':')[0]!r} ({error}); {mend}"
    return "" if found == expected.fingerprint else f"holds other data of {dataset.name!r}; {mend}"


def run_cell(seconds: float, job: Job, freight: Freight) -> Done:
    """Run a cell in a fresh process, for at most so many seconds."""
    job = replace(job, owner=os.getpid(), freight=freight)
    ((_, done),) = LocalExecutor(1, seconds).run(iter([job]))
    return done


def run_pooled(function: Callable[[Any], Any], pool: Pool, task: Any, freight: Freight) -> Any:
    """Run a function on a task in a fresh process; return its result, or ``Lost``."""
    ((_, outcome),) = pool(function, [replace(task, freight=freight)])
    return outcome
