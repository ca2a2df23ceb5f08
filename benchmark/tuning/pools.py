"""Where trials run: worker processes of this machine, or of a cluster's nodes."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ..cluster.asked import Cluster
from ..contract import UserError
from ..executors import default_memory_limit
from ..plan import Planned
from ..pool import Pool
from .storage import shown
from .worker import Work

Trials = Callable[[Callable[[Work], str], Iterator[Work]], Iterator[tuple[Work, Any]]]
"""Runs a function over trials: yields each with its result, or ``Lost``, as it ends."""


@dataclass(frozen=True)
class Machine:
    """Where trials run: none of it changes a trial."""

    workers: int | None = None
    time_limit: float = 7200.0
    memory_limit: int | None = None
    plugins: tuple[str, ...] = ()
    cluster: Cluster | None = None


@contextmanager
def pools(
    planned: Planned, machine: Machine, url: str, forget: Callable[[Work], None]
) -> Iterator[Trials]:
    """Give what runs trials; a cluster is joined while the block lasts.

    Parameters
    ----------
    url
        The storage's address.
    forget
        Called with a trial whose node was lost, before it is sent again.

    Raises
    ------
    UserError
        A cluster that cannot be used, or whose nodes cannot reach the storage.
    """
    workers, asked = machine.workers or os.cpu_count() or 1, machine.cluster
    if asked is None:
        limit = machine.memory_limit or default_memory_limit(workers)
        yield Pool(workers, machine.time_limit, limit)
        return
    from ..cluster.connect import alive, connected

    with connected(asked):
        from ..cluster.cargo import absolute
        from ..cluster.driver import Crew, RayPool

        check_shared(url, {node.host for node in alive()})

        def there(work: Work) -> Work:
            source = absolute(work.study.source)
            return replace(work, study=replace(work.study, source=source), plugins=())

        yield RayPool(
            Crew(planned, machine.plugins, asked, machine.workers),
            Pool(1, machine.time_limit, machine.memory_limit or asked.memory),
            cell=lambda work: work.study.cells[0], there=there, forget=forget,
        )  # fmt: skip


def check_shared(url: str, hosts: Collection[str]) -> None:
    """Refuse a storage that is a file of one machine, where several are to use it."""
    if url.startswith("sqlite:") and len(hosts) > 1:
        raise UserError(
            f"storage {shown(url)!r} is a file of this machine, and the cluster has {len(hosts)} "
            f"machines; give --storage postgresql://USER:PASSWORD@HOST/DATABASE, which all of them "
            f"reach"
        )
