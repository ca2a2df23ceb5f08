"""From which length on one method costs less than another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .scaling import bootstrap_medians


@dataclass(frozen=True)
class BreakEven:
    """From which length on one method costs less than another.

    Parameters
    ----------
    length
        The shortest such length within the sweep; None where there is none.
    always
        The method is cheaper at every length of the sweep.
    low, high
        95 % interval of the length, where costs are measured repeatedly; the first length where
        it reaches down to "always", infinite where it reaches up to "never".
    """

    length: int | None
    always: bool = False
    low: float | None = None
    high: float | None = None


def break_even(
    lengths: Sequence[int], cost: Callable[[int], float], other: Callable[[int], float]
) -> BreakEven:
    """Find the length from which on a cost stays below another one.

    It is cheaper at every length of the sweep from there on; between the sweep's lengths the place
    is found by bisection, for which the costs are asked at lengths of its own.

    Parameters
    ----------
    lengths
        Of the sweep, ascending.
    cost, other
        From a length to the cost there.
    """
    cheaper = [cost(length) < other(length) for length in lengths]
    if not cheaper[-1]:
        return BreakEven(None)
    dearer = [i for i, less in enumerate(cheaper) if not less]
    if not dearer:
        return BreakEven(lengths[0], always=True)
    low, high = lengths[dearer[-1]], lengths[dearer[-1] + 1]
    while high - low > 1:
        middle = (low + high) // 2
        if cost(middle) < other(middle):
            high = middle
        else:
            low = middle
    return BreakEven(high)


def ratio_break_even(lengths: Sequence[int], ratios: Sequence[float]) -> BreakEven:
    """Find the length from which on a ratio of two costs stays below one.

    Between the lengths it is a straight line on logarithmic axes.

    Parameters
    ----------
    lengths, ratios
        Ascending lengths, and at each the cost over the other one's.
    """
    logs = np.log(np.asarray(ratios, float))
    if (logs < 0).all():
        return BreakEven(lengths[0], always=True)
    first = float(crossings(lengths, logs[None])[0])
    return BreakEven(None if math.isinf(first) else math.ceil(first))


def measured_break_even(
    lengths: Sequence[int], ratios: Sequence[np.ndarray], draws: int = 2000, seed: int = 0
) -> BreakEven:
    """Find it for the medians of repeated ratios, with a 95 % bootstrap interval.

    Parameters
    ----------
    ratios
        For each length its repeated ratios, each (n,).
    """
    rng = np.random.default_rng(seed)
    drawn = np.stack([bootstrap_medians(each, draws, rng) for each in ratios], axis=1)
    # Of values that are there, for between a length and infinity there is no middle.
    low, high = np.quantile(
        crossings(lengths, np.log(drawn)), [0.025, 0.975], method="inverted_cdf"
    )
    found = ratio_break_even(lengths, [float(np.median(each)) for each in ratios])
    return replace(found, low=float(low), high=float(high))


def crossings(lengths: Sequence[int], logs: np.ndarray) -> np.ndarray:
    """Return from which length on each of several log ratios (n, lengths) is negative; (n,).

    The first length where it always is, infinity where it is not at the last.
    """
    x = np.log(np.asarray(lengths, float))
    dearer = logs >= 0
    last = logs.shape[1] - 1 - np.argmax(dearer[:, ::-1], axis=1)
    inside = np.minimum(last, logs.shape[1] - 2)
    row = np.arange(len(logs))
    before, after = logs[row, inside], logs[row, inside + 1]
    never = last == logs.shape[1] - 1
    share = np.divide(before, before - after, out=np.zeros(len(logs)), where=~never)
    crossed = np.exp(x[inside] + (x[inside + 1] - x[inside]) * share)
    found = np.where(never, math.inf, crossed)
    return np.where(dearer.any(1), found, float(lengths[0]))


def interpolated(lengths: Sequence[int], values: Sequence[float]) -> Callable[[float], float]:
    """Return a function of the length: straight lines between points on logarithmic axes."""
    x, y = np.log(np.asarray(lengths, float)), np.log(np.asarray(values, float))
    return lambda length: float(np.exp(np.interp(math.log(length), x, y)))
