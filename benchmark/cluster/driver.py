"""The driver's side: tasks out to the nodes, what became of them back, lost ones sent again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..cell import Cell
from ..contract.errors import UserError
from ..executors import Done, Job, failure
from ..plan import Planned
from ..pool import Lost, Pool
from . import node
from .asked import Cluster
from .cargo import Freight, Packed, Plugin, absolute, reads_files
from .connect import alive, check_resources, places

LOOK = 5.0  # seconds between looks at which nodes are alive
UNKNOWN = {"versions": {}, "machine": {}, "git": None}  # where a cell ran that never came back


@dataclass(frozen=True)
class Sent:
    """A task on its way: what its node is given, its dataset's reference, its losses so far."""

    task: Any
    errand: node.Errand
    data: Any
    lost: int = 0


class Crew:
    """Runs tasks on the nodes of the cluster that this process has joined.

    Whatever ends the process's part in the cluster, by its own leaving or by SIGKILL, makes Ray end
    its workers there, and each of them takes its cell with it. (Ray 2.60 aborts the process where a
    task that is cancelled by force ends at that moment, so nothing is cancelled one by one.)

    Parameters
    ----------
    planned, plugins
        Whose cells are run, and the paths of the plugin files.
    cluster
        What each takes, and how often a lost one is sent again.
    most
        Tasks at once; None for as many as the nodes can hold.
    """

    def __init__(
        self, planned: Planned, plugins: Iterable[str], cluster: Cluster, most: int | None = None
    ):
        import ray

        self.planned, self.cluster, self.most = planned, cluster, most
        self.plugins = tuple(Plugin.of(path) for path in plugins)
        self.packed: dict[str, Any] = {}
        self.remote = ray.remote(node.carry_out).options(
            num_cpus=cluster.cpus, num_gpus=cluster.gpus, memory=cluster.memory, max_retries=0
        )
        self.look()

    def look(self) -> None:
        """Count the places of the nodes that are alive.

        Raises
        ------
        UserError
            None of them can hold a cell.
        """
        nodes = alive()
        check_resources(self.cluster, nodes)
        self.looked = time.monotonic()
        found = places(self.cluster, nodes)
        self.workers = min(found, self.most or found)
        # One more for each node waits its turn there, so that no node is ever idle.
        self.ahead = 0 if self.most else len(nodes)

    def carry(
        self,
        tasks: Iterable[Any],
        cell: Callable[[Any], Cell],
        there: Callable[[Any], Any],
        perform: Callable[[Any, Freight], Any],
        forget: Callable[[Any], None] = lambda _: None,
    ) -> Iterator[tuple[Any, node.Answer | Lost]]:
        """Yield each task with its answer, or :class:`Lost`, as it ends.

        Parameters
        ----------
        tasks
            Taken only as places fall free.
        cell, there
            Of a task: a cell that it trains, and the task as its node is to see it.
        perform
            Runs a task on its node.
        forget
            Called before a lost task is sent again.

        Raises
        ------
        UserError
            A node differs from this machine, or no node is left that can hold a cell.
        """
        import ray

        waiting, again, running = iter(tasks), list[Sent](), dict[Any, Sent]()
        while True:
            while len(running) < self.workers + self.ahead:
                if not again:
                    task = next(waiting, None)
                    if task is None:
                        break
                    again.append(self.sent(task, cell(task), there(task), perform))
                sent = again.pop()
                running[self.remote.remote(sent.errand, sent.data)] = sent
            if not running:
                return
            for reference in ray.wait(list(running), timeout=1.0)[0]:
                sent = running.pop(reference)
                answer = self.answer(reference, sent.lost)
                if answer is None:
                    forget(sent.task)
                    again.append(replace(sent, lost=sent.lost + 1))
                else:
                    yield sent.task, answer
            if time.monotonic() - self.looked > LOOK:
                self.look()

    def sent(self, task: Any, cell: Cell, there: Any, perform: Callable[..., Any]) -> Sent:
        """Return a task with all that its node needs."""
        import ray

        name, source = cell.dataset, absolute(self.planned.sources[cell.dataset])
        shared, own = self.planned.modules(cell)
        digest, harness = self.planned.digests(cell)
        ships = self.cluster.ship_data and reads_files(source)
        if ships and name not in self.packed:
            code = " ".join((*shared, harness))
            self.packed[name] = ray.put(Packed.of(self.planned.datasets[name], source, code))
        expected = node.Expected(
            (*shared, *own), digest, source, json.dumps(dict(cell.dataset_config)),
            None if ships else cell.fingerprint, self.planned.root,
        )  # fmt: skip
        errand = node.Errand(there, perform, expected, self.plugins)
        return Sent(task, errand, self.packed.get(name))

    def answer(self, reference: Any, lost: int) -> node.Answer | Lost | None:
        """Return what came back; None where it was lost and is to be sent again."""
        import ray
        from ray import exceptions as broken

        try:
            answer: node.Answer = ray.get(reference)
        except broken.RayTaskError as error:
            line = " ".join(str(error).strip().splitlines()[-1].split())[:200]
            raise UserError(
                f"a node of the cluster cannot run this version's cells ({line}); install the same "
                f"fusemark on every node"
            ) from None
        except broken.LocalRayletDiedError:
            # No cell's fault: whatever is sent from here now is lost at once.
            raise UserError(
                "Ray has ended on this machine; what has ended is kept, the same command goes on "
                "from it when the cluster is up"
            ) from None
        except broken.RayError as error:
            if lost < self.cluster.retries:
                return None
            times = f"{lost + 1} time{'s' if lost else ''}"
            return Lost(f"its node or its Ray worker was lost {times} ({type(error).__name__})")
        if answer.refused:
            raise UserError(f"{answer.refused}; what has ended is kept")
        return answer


class RayExecutor:
    """Runs jobs on a cluster, each in a fresh single-thread process of one of its nodes."""

    execution = "ray worker"

    def __init__(self, crew: Crew, time_limit: float):
        self.crew, self.workers, self.time_limit = crew, crew.workers, time_limit

    def run(self, jobs: Iterator[Job]) -> Generator[tuple[Job, Done]]:
        """Yield each job as it ends; jobs are taken from the iterator only as places fall free."""
        perform = partial(node.run_cell, self.time_limit)
        for job, answer in self.crew.carry(jobs, lambda job: job.cell, there, perform):
            if isinstance(answer, Lost):
                yield job, replace(failure("crashed", "Lost", answer.reason), origin=UNKNOWN)
            else:
                yield job, replace(answer.value, origin=answer.origin)


def there(job: Job) -> Job:
    """Return a job as a node is to see it."""
    return replace(job, source=absolute(job.source), plugins=())


@dataclass(frozen=True)
class RayPool:
    """Runs a function over trials on a cluster, as :class:`..pool.Pool` does on this machine.

    Parameters
    ----------
    cell, there
        Of a trial: a cell that it trains, and the trial as its node is to see it.
    forget
        Called before a lost trial is sent again.
    """

    crew: Crew
    pool: Pool
    cell: Callable[[Any], Cell]
    there: Callable[[Any], Any]
    forget: Callable[[Any], None]

    def __call__(
        self, function: Callable[[Any], Any], tasks: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each trial with its result, or :class:`..pool.Lost`, as it ends."""
        perform = partial(node.run_pooled, function, self.pool)
        for task, answer in self.crew.carry(tasks, self.cell, self.there, perform, self.forget):
            yield task, answer if isinstance(answer, Lost) else answer.value
