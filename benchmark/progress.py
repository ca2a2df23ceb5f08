"""The display of a run: cells done, running, failed, time left, the best so far."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

EVERY = 20.0  # seconds between lines where the output is no terminal


class Progress:
    """Shows a run on a terminal as a live display, elsewhere as a line now and then."""

    def __init__(self, console: Console | None = None, quiet: bool = False):
        self.console = console or Console(stderr=True)
        self.quiet = quiet
        self.total = self.left = self.workers = 0
        self.failed = 0
        self.seconds: list[float] = []
        self.scores: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.started = self.said = 0.0
        self.live: Live | None = None

    @contextlib.contextmanager
    def over(self, cells: int, to_run: int, workers: int) -> Iterator[None]:
        """Show the progress of ``to_run`` cells while the block lasts."""
        self.total, self.left, self.workers = to_run, to_run, workers
        self.started = self.said = time.monotonic()
        if self.quiet or not to_run:
            yield
            return
        had = cells - to_run
        kept = f", {had} in the store already" if had else ""
        self.console.print(f"{to_run} cells to run with {workers} workers{kept}")
        if not self.console.is_terminal:
            yield
            return
        columns = (TextColumn("cells"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bar = Bar(*columns, console=self.console)
        self.task = self.bar.add_task("cells", total=to_run)
        with Live(self.view(), console=self.console, refresh_per_second=2) as self.live:
            yield
        self.live = None

    def say(self, line: str) -> None:
        """Print a line."""
        if not self.quiet:
            self.console.print(Text(line), soft_wrap=True)

    @contextlib.contextmanager
    def counting(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """Show how many of ``total`` are done; the block calls what it is given after each."""
        if self.quiet or not total:
            yield lambda: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Bar(*columns, TimeElapsedColumn(), console=self.console) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)

    def advance(self, record: Mapping[str, Any]) -> None:
        """Count a finished cell."""
        self.left -= 1
        cell = record["cell"]
        if record["status"] == "ok":
            self.seconds.append(record["durations"]["total"])
            metrics = record["metrics"]
            score = metrics["macro_f1"] if "macro_f1" in metrics else -metrics["mae"]
            self.scores[cell["dataset"], cell["method"]].append(score)
        else:
            self.failed += 1
            name = f"{cell['method']} on {cell['dataset']}, seed {cell['seed']}"
            line = f"{record['status']}: {name}: {record['error']['message']}"
            if not self.quiet:
                self.console.print(Text(line, style="red"), soft_wrap=True)
        if self.live:
            self.bar.advance(self.task)
            self.live.update(self.view())
        elif not self.quiet and (time.monotonic() - self.said > EVERY or not self.left):
            self.said = time.monotonic()
            self.console.print(Text(self.status()), soft_wrap=True)

    def status(self) -> str:
        """One line: done, running, failed, time left, best."""
        running = min(self.workers, self.left)
        line = (
            f"{self.total - self.left}/{self.total} cells, {running} running, {self.failed} failed"
        )
        done = self.total - self.left
        if self.left and done:
            remaining = (time.monotonic() - self.started) / done * self.left
            line += f", about {duration(remaining)} left"
        best = [f"{d}: {m} {v:.3f}" for d, m, v in self.best()]
        return f"{line}; best {'; '.join(best)}" if best else line

    def best(self) -> list[tuple[str, str, float]]:
        """By dataset the method with the highest mean so far (macro F1, minus error)."""
        leaders: dict[str, tuple[str, float]] = {}
        for (dataset, method), values in self.scores.items():
            mean = sum(values) / len(values)
            if dataset not in leaders or mean > leaders[dataset][1]:
                leaders[dataset] = (method, mean)
        return [(d, m, v) for d, (m, v) in leaders.items()]

    def view(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for column in ("dataset", "best so far", "score"):
            table.add_column(column, justify="right" if column == "score" else "left")
        for dataset, method, value in self.best():
            table.add_row(Text(dataset), Text(method), f"{value:.3f}")
        return Group(self.bar, Text(self.status().split("; best")[0]), table)


def duration(seconds: float) -> str:
    """Seconds as a reader says them: ``45 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
