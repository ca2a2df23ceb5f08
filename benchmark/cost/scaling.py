"""How a cost grows: slopes on logarithmic axes.

A cost that grows as T^k has slope k. Slopes of counted quantities have no interval: they are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Slope:
    """Exponent of a power law, with its interval where the quantity is measured."""

    value: float
    low: float | None = None
    high: float | None = None


def upper_half(lengths: Sequence[int]) -> slice:
    """Indices of the upper half of ascending lengths, at least two of them."""
    return slice(max(min(len(lengths) // 2, len(lengths) - 2), 0), None)


def slope(lengths: Sequence[float], values: Sequence[float]) -> float:
    """Least-squares slope of log value over log length.

    Raises
    ------
    ValueError
        No slope: fewer than two different lengths, or a number that has no logarithm.
    """
    return float(slopes(lengths, np.asarray(values, float)[None])[0])


def slopes(lengths: Sequence[float], values: np.ndarray) -> np.ndarray:
    """Slopes of several series (n, lengths), as :func:`slope` has them; (n,)."""
    if len(set(lengths)) < 2 or min(lengths) <= 0 or not (values > 0).all():
        raise ValueError(
            f"no slope: expected two different lengths or more and positive values, got lengths "
            f"{', '.join(f'{length:g}' for length in lengths)}"
        )
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
    medians = np.stack([bootstrap_medians(part, draws, rng) for part in parts], axis=1)
    low, high = np.quantile(slopes(chosen, medians), [0.025, 0.975])
    return Slope(slope(chosen, [float(np.median(part)) for part in parts]), float(low), float(high))


def bootstrap_medians(values: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return the medians (draws,) of resamplings of values (n,), without resampling them.

    A resampling takes the sorted values at floor(n U) for n uniform U, so its middle ones are at
    the middle order statistics of n uniforms, whose distributions are beta: exact, and as fast for
    a thousand repeats as for ten.
    """
    ordered, n = np.sort(np.asarray(values, float)), len(values)
    lower = rng.beta((n + 1) // 2, n // 2 + 1, draws)
    upper = lower
    if n % 2 == 0:  # the next of them is the least of n / 2 uniforms on what is left above
        upper = lower + (1 - lower) * rng.beta(1, n // 2, draws)
    at = np.minimum((n * np.stack([lower, upper])).astype(int), n - 1)
    return ordered[at].mean(0)


def local_slopes(lengths: Sequence[int], values: Sequence[float]) -> list[float]:
    """Return d log value / d log length at each length, by the parabola through three neighbours.

    Exact where the value is a polynomial of second degree in the length, as attention's cost is.

    Raises
    ------
    ValueError
        No slope: fewer than three lengths, or one that stands there twice.
    """
    if len(lengths) < 3 or len(set(lengths)) < len(lengths):
        raise ValueError(
            f"no local slope: expected three lengths or more, each once, got "
            f"{', '.join(f'{length:g}' for length in lengths)}"
        )
    found = []
    for i, (length, value) in enumerate(zip(lengths, values, strict=True)):
        first = min(max(i - 1, 0), len(lengths) - 3)
        (a, b, c), (u, v, w) = lengths[first : first + 3], values[first : first + 3]
        # Divided differences: p(x) = u + s (x - a) + r (x - a)(x - b).
        s = (v - u) / (b - a)
        r = ((w - v) / (c - b) - s) / (c - a)
        found.append(length * (s + r * (2 * length - a - b)) / value)
    return found
