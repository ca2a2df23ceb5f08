"""How a cost grows: slopes on logarithmic axes, and the length from which one method is cheaper.

A cost that grows as T^k has slope k. Slopes of counted quantities have no interval: they are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Slope:
    """Exponent of a power law, with its interval where the quantity is measured."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class BreakEven:
    """From which length on one method costs less than another.

    Parameters
    ----------
    length
        The shortest such length within the sweep; None where there is none.
    always
        The method is cheaper at every length of the sweep.
    """

    length: int | None
    always: bool = False


def upper_half(lengths: Sequence[int]) -> slice:
    """Indices of the upper half of ascending lengths, at least two of them."""
    return slice(max(min(len(lengths) // 2, len(lengths) - 2), 0), None)


def slope(lengths: Sequence[float], values: Sequence[float]) -> float:
    """Least-squares slope of log value over log length.

    Raises
    ------
    ValueError
        Fewer than two lengths, or a number that has no logarithm.
    """
    return float(slopes(lengths, np.asarray(values, float)[None])[0])


def slopes(lengths: Sequence[float], values: np.ndarray) -> np.ndarray:
    """Slopes of several series (n, lengths), as :func:`slope` has them; (n,)."""
    if len(lengths) < 2 or min(lengths) <= 0 or not (values > 0).all():
        raise ValueError("a slope takes two lengths or more, and positive values")
    x, y = np.log(np.asarray(lengths, float)), np.log(values)
    x -= x.mean()
    return (y - y.mean(1, keepdims=True)) @ x / (x @ x)


def growth(lengths: Sequence[int], values: Sequence[float]) -> Slope:
    """Slope over the upper half of the lengths, for a quantity that is counted."""
    half = upper_half(lengths)
    return Slope(slope(lengths[half], values[half]))


def measured_growth(
    lengths: Sequence[int], samples: Sequence[np.ndarray], draws: int = 2000, seed: int = 0
) -> Slope:
    """Slope of the medians over the upper half of the lengths, with a 95 % bootstrap interval.

    Parameters
    ----------
    samples
        For each length its repeated measurements, each (n,).
    draws, seed
        Bootstrap draws, each a resampling of every length's repeats, and their seed.
    """
    half = upper_half(lengths)
    chosen, parts = lengths[half], samples[half]
    rng = np.random.default_rng(seed)
    medians = np.stack(
        [np.median(rng.choice(part, (draws, len(part))), axis=1) for part in parts], axis=1
    )
    low, high = np.quantile(slopes(chosen, medians), [0.025, 0.975])
    return Slope(slope(chosen, [float(np.median(part)) for part in parts]), float(low), float(high))


def local_slopes(lengths: Sequence[int], values: Sequence[float]) -> list[float]:
    """Return d log value / d log length at each length, by the parabola through three neighbours.

    Exact where the value is a polynomial of second degree in the length, as attention's cost is.

    Raises
    ------
    ValueError
        Fewer than three lengths.
    """
    if len(lengths) < 3:
        raise ValueError("a local slope takes three lengths or more")
    found = []
    for i, (length, value) in enumerate(zip(lengths, values, strict=True)):
        first = min(max(i - 1, 0), len(lengths) - 3)
        (a, b, c), (u, v, w) = lengths[first : first + 3], values[first : first + 3]
        # Divided differences: p(x) = u + s (x - a) + r (x - a)(x - b).
        s = (v - u) / (b - a)
        r = ((w - v) / (c - b) - s) / (c - a)
        found.append(length * (s + r * (2 * length - a - b)) / value)
    return found


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


def interpolated(lengths: Sequence[int], values: Sequence[float]) -> Callable[[float], float]:
    """Return a function of the length: straight lines between points on logarithmic axes."""
    x, y = np.log(np.asarray(lengths, float)), np.log(np.asarray(values, float))
    return lambda length: float(np.exp(np.interp(math.log(length), x, y)))
