"""What the tests ask of their arrays, checked once and said plainly."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Alternative = Literal["greater", "less", "two-sided"]
Floats = NDArray[np.float64]


def vector(values: ArrayLike, name: str = "x") -> Floats:
    """Return `values` as a one-dimensional float array, shape (n,).

    Raises
    ------
    ValueError
        If the array is not one-dimensional or holds a value that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}; expected one dimension")
    return finite(array, name)


def matrix(values: ArrayLike, name: str = "x") -> Floats:
    """Return `values` as a two-dimensional float array.

    Raises
    ------
    ValueError
        If the array is not two-dimensional or holds a value that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}; expected two dimensions")
    return finite(array, name)


def finite(array: Floats, name: str) -> Floats:
    """Return the array, or raise ValueError when a value is not finite.

    Leaving out a failed run changes what is compared, so that the caller must do it in the open.
    """
    wrong = int(np.count_nonzero(~np.isfinite(array)))
    if wrong:
        raise ValueError(f"{name} holds {wrong} values that are not finite; leave them out first")
    return array


def pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    """Return two vectors of equal length, shape (n,) each.

    Raises
    ------
    ValueError
        If either is no finite vector, or their lengths differ.
    """
    first, second = vector(a, "a"), vector(b, "b")
    if len(first) != len(second):
        raise ValueError(f"a has {len(first)} values and b has {len(second)}; pairs were expected")
    return first, second


def differences(a: ArrayLike, b: ArrayLike) -> Floats:
    """Return a - b, shape (n,), where differences of rounding size are exactly zero.

    Scores such as 0.1 + 0.2 and 0.3 are tied; without this a rank test would break the tie.
    """
    first, second = pair(a, b)
    difference = first - second
    scale = np.maximum(np.abs(first), np.abs(second))
    difference[np.abs(difference) <= 1e-12 * scale] = 0.0
    return difference


def tied_ranks(values: ArrayLike, scale: ArrayLike) -> Floats:
    """Return mean ranks along the last axis, 1 for the lowest, any shape.

    Neighbours within 1e-12 of `scale` (a number, or one per row, shape (..., 1)), the size of the
    scores that they come from, are tied: a tie of whole points must not fall to rounding when the
    points are divided by 100.
    """
    array = np.asarray(values, dtype=np.float64)
    order = np.argsort(array, axis=-1, kind="stable")
    steps = np.diff(np.take_along_axis(array, order, axis=-1), axis=-1, prepend=np.nan)
    levels = np.empty(array.shape)
    np.put_along_axis(levels, order, np.cumsum(steps > 1e-12 * np.asarray(scale), axis=-1), axis=-1)
    return np.asarray(stats.rankdata(levels, axis=-1), dtype=np.float64)


def is_constant(values: Floats, scale: float = 0.0) -> bool:
    """Say whether all values agree to rounding, relative to themselves or a larger `scale`."""
    if len(values) < 2:
        return True
    size = max(scale, float(np.max(np.abs(values))))
    return float(np.ptp(values)) <= 1e-12 * size


def one_of(value: str, allowed: tuple[str, ...], name: str) -> None:
    """Raise ValueError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(allowed)}")


def alternative_of(value: str) -> None:
    """Raise ValueError unless `value` names an alternative hypothesis."""
    one_of(value, ("greater", "less", "two-sided"), "alternative")


def share(value: float, name: str) -> None:
    """Raise ValueError unless `value` lies strictly between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} is {value}; expected a number between 0 and 1")
