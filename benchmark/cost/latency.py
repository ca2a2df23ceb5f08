"""Latency: methods that take turns in one process, and ratios to one of them.

Wall-clock times move with whatever else the machine does. Every round runs each method once, in an
order drawn anew, so that a change in the machine's speed meets all of them; ratios are taken within
a round.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .breaks import RAISED
from .steps import Device

LEAST = 10
"""Rounds before the spread is judged."""
SPREAD = 0.1
PRECISION = 0.05
"""Half the width of a ratio's interval, as a share of it, at which timing ends."""
MANY = 100
"""Rounds after which a spread that has not settled will not: the machine is shared."""


@dataclass(frozen=True)
class Latency:
    """Times of one piece of work, in seconds.

    Parameters
    ----------
    median, p95, iqr
        Of the repeats.
    repeats
        Rounds that were measured.
    settled
        Whether the interquartile range came under a tenth of the median within the budget.
    ratio, low, high
        Median over rounds of its time over the baseline's in the same round, and the 95 %
        bootstrap interval of that median.
    samples
        The times themselves, round by round.
    """

    median: float
    p95: float
    iqr: float
    repeats: int
    settled: bool
    ratio: float
    low: float
    high: float
    samples: tuple[float, ...]


class TurnError(Exception):
    """A piece of work raised in its turn; the cause is what it raised."""

    def __init__(self, name: str):
        super().__init__(name)
        self.name = name


def measure(
    work: Mapping[str, Callable[[], Any]], baseline: str, *, budget: float, device: Device = "cpu",
    warm_up: int = 1, most: int = 1000, seed: int = 0, noted: Callable[[str], Any] = str,
) -> dict[str, Latency]:  # fmt: skip
    """Time pieces of work against one another.

    Parameters
    ----------
    work
        By name what is to be timed; what it needs is made before.
    baseline
        The name that ratios are taken to.
    budget
        Seconds after which no new round is begun, once there are three. Before that, timing ends
        when every ratio is known to PRECISION and every spread has settled, or will not.
    device
        On ``"cuda"`` times are those between two CUDA events on a device that was idle before.
    warm_up
        Rounds that are not counted.
    most
        Rounds at most.
    noted
        Called with each name before its turn, outside what is timed.

    Raises
    ------
    TurnError
        A piece of work raised.
    """
    chance = np.random.default_rng(seed)
    names = list(work)
    take = rounds_on_gpu if device == "cuda" else rounds_on_cpu
    work = {name: functools.partial(turn, name, call) for name, call in work.items()}
    take(work, names, chance, warm_up, noted)
    times: dict[str, list[float]] = {name: [] for name in names}
    begun = time.perf_counter()
    while True:
        for name, found in take(work, names, chance, 1, noted).items():
            times[name] += found
        repeats = len(times[baseline])
        if repeats >= most or enough(times, baseline):
            break
        if repeats >= 3 and time.perf_counter() - begun > budget:
            break
    base = np.asarray(times[baseline])
    return {name: summary(np.asarray(t), base, seed) for name, t in times.items()}


def turn(name: str, call: Callable[[], Any]) -> None:
    """Run a piece of work, and say whose an error was."""
    try:
        call()
    except RAISED as error:
        raise TurnError(name) from error


def rounds_on_cpu(
    work: Mapping[str, Callable[[], Any]], names: Sequence[str], chance: np.random.Generator,
    count: int, noted: Callable[[str], Any] = str,
) -> dict[str, list[float]]:  # fmt: skip
    """Run rounds, each name once in an order of its own; return wall-clock seconds."""
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(count):
        for name in map(str, chance.permutation(np.asarray(names))):
            noted(name)
            start = time.perf_counter()
            work[name]()
            times[name].append(time.perf_counter() - start)
    return times


def rounds_on_gpu(
    work: Mapping[str, Callable[[], Any]], names: Sequence[str], chance: np.random.Generator,
    count: int, noted: Callable[[str], Any] = str,
) -> dict[str, list[float]]:  # fmt: skip
    """Run rounds between CUDA events; return the seconds between them.

    Each call begins on an idle device. Behind a long call the launches of a short one would be
    hidden, behind a short one not: its time would depend on whose turn was before.
    """
    marks: list[tuple[str, Any, Any]] = []
    for _ in range(count):
        for name in map(str, chance.permutation(np.asarray(names))):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()  # what it raises is of the turn before, and noted so
            noted(name)
            start.record()
            work[name]()
            end.record()
            marks.append((name, start, end))
    torch.cuda.synchronize()
    times: dict[str, list[float]] = {name: [] for name in names}
    for name, start, end in marks:
        times[name].append(1e-3 * start.elapsed_time(end))
    return times


def settled(times: Sequence[float]) -> bool:
    """Whether the interquartile range is under a tenth of the median."""
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    return bool(high - low < SPREAD * middle)


def enough(times: Mapping[str, Sequence[float]], baseline: str) -> bool:
    """Whether every ratio to the baseline is known precisely and every spread has settled.

    The spread is waited for no longer than MANY rounds.
    """
    rounds = len(times[baseline])
    if rounds < LEAST or (rounds < MANY and not all(settled(found) for found in times.values())):
        return False
    base = np.asarray(times[baseline])
    ratios = (np.asarray(found) / base for name, found in times.items() if name != baseline)
    return all(map(precise, ratios))


def precise(ratios: np.ndarray) -> bool:
    """Whether the median of ratios (n,) has a 95 % interval within PRECISION of it.

    By order statistics, whose ranks are binomial: no draws, for this is asked after every round.
    """
    ordered, n = np.sort(ratios), len(ratios)
    reach = 0.98 * np.sqrt(n)
    low = ordered[max(int(np.floor(n / 2 - reach)), 0)]
    high = ordered[min(int(np.ceil(n / 2 + reach)), n - 1)]
    return bool(high - low < 2 * PRECISION * np.median(ordered))


def summary(times: np.ndarray, base: np.ndarray, seed: int, draws: int = 2000) -> Latency:
    """Summarise a piece's times (n,) and those of the baseline in the same rounds (n,)."""
    ratios = times / base
    rng = np.random.default_rng(seed)
    drawn = np.median(rng.choice(ratios, (draws, len(ratios))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    lower, middle, upper = np.quantile(times, [0.25, 0.5, 0.75])
    return Latency(
        median=float(middle),
        p95=float(np.quantile(times, 0.95)),
        iqr=float(upper - lower),
        repeats=len(times),
        settled=settled(times.tolist()),
        ratio=float(np.median(ratios)),
        low=float(low),
        high=float(high),
        samples=tuple(times.tolist()),
    )
