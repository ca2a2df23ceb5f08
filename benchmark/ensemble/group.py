"""Cells that differ by seed or fold, run as one: each by the cell's own protocol, trained together.

``cell.run_quality`` runs for every cell in a thread of its own, one at a time. Where it asks for a
training it waits until all of them do; they are trained in lock-step, and each goes on with its own
model. So loading, the withheld test part, scoring and the record are those of a single run, and no
second protocol has to be kept equal to the first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from ..cell import Cell, Clock, run_quality
from ..contract import FusionMethod
from ..loading import Part
from ..precision import PreciseSettings
from ..settings import TrainingSettings
from ..training import History, Selection
from .together import Request, train

Result = tuple[dict[str, Any], dict[str, np.ndarray]]


class OwnClock(Clock):
    """A cell's clock that others' work does not move: its share of a common training alone does."""

    def away(self, waited: float, share: float) -> None:
        """Leave out the seconds that the cell waited, but for its share of them."""
        self.start += waited - share
        self.last += waited - share


class Course:
    """One cell's protocol in its thread, which runs only while it has the turn."""

    def __init__(self, cell: Cell, root: Path | None, source: str):
        self.clock: OwnClock | None = None
        self.request: Request | None = None
        self.result: Result | None = None
        self.error: Exception | None = None
        self.go, self.back = threading.Semaphore(0), threading.Semaphore(0)
        protocol = run_quality
        assert isinstance(protocol, FunctionType)
        own = {"fit": self.fit, "refit": self.refit, "Clock": self.started}
        own |= {"TrainingSettings": PreciseSettings}
        run: Any = FunctionType(
            protocol.__code__, {**protocol.__globals__, **own}, protocol.__name__,
            protocol.__defaults__, protocol.__closure__,
        )  # fmt: skip
        # A daemon: a group that is given up leaves threads that wait for ever.
        self.thread = threading.Thread(
            target=self.follow, args=(run, cell, root, source), daemon=True
        )
        self.thread.start()

    def follow(
        self, run: Callable[..., Result], cell: Cell, root: Path | None, source: str
    ) -> None:
        """Run the protocol, in the thread."""
        self.go.acquire()
        try:
            self.result = run(cell, root, source)
        except Exception as error:
            self.error = error
        finally:
            self.back.release()

    def resume(self) -> None:
        """Let the cell go on until it asks for a training, or ends."""
        self.request = None
        self.go.release()
        self.back.acquire()

    def started(self) -> OwnClock:
        self.clock = OwnClock()
        return self.clock

    def fit(
        self, build: Callable[[], FusionMethod], train: Part, valid: Part,
        settings: TrainingSettings, *, seed: int, fold: int = 0,
    ) -> tuple[FusionMethod, History, Selection]:  # fmt: skip
        """Stand for ``training.fit``."""
        return self.ask(Request(build, settings, seed, fold, train, valid, settings.epochs))

    def refit(
        self, build: Callable[[], FusionMethod], everything: Part, settings: TrainingSettings,
        history: History, epochs: int, *, seed: int, fold: int = 0,
    ) -> FusionMethod:  # fmt: skip
        """Stand for ``training.refit``."""
        return self.ask(Request(build, settings, seed, fold, everything, None, epochs, history))

    def ask(self, request: Request) -> Any:
        """Hand a request over and wait for its answer, in the thread."""
        self.request, start = request, time.perf_counter()
        self.back.release()
        self.go.acquire()
        assert self.clock is not None, "the protocol starts its clock first"
        self.clock.away(time.perf_counter() - start, request.seconds)
        if request.error:
            raise request.error
        return request.answer


def run_group(
    cells: Sequence[Cell], root: Path | None, source: str, device: str, together: bool = True
) -> tuple[list[Result | Exception], str | None]:
    """Train and test cells side by side.

    Parameters
    ----------
    cells
        Of one method, dataset and setting.
    device
        Where they are trained and tested.

    together
        Whether to train them side by side where the method allows it.

    Returns
    -------
    tuple
        Each cell's record and predictions, or its error; and why they were trained one by one, or
        None.
    """
    courses = [Course(cell, root, source) for cell in cells]
    for course in courses:
        course.resume()
    reasons = []
    while asking := [course for course in courses if course.request]:
        requests = [course.request for course in asking if course.request]
        start = time.perf_counter()
        reasons.append(train(requests, device, together))
        share = (time.perf_counter() - start) / len(requests)
        for course, request in zip(asking, requests, strict=True):
            request.seconds = share
            course.resume()
    # The first training is of all cells; where one diverged, fewer ask again.
    return [found(course) for course in courses], reasons[0] if reasons else None


def found(course: Course) -> Result | Exception:
    """Return what became of a cell."""
    if course.error is not None:
        return course.error
    assert course.result is not None, "a protocol ends with a result or an error"
    return course.result
