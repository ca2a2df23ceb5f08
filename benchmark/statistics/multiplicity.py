"""Many p-values at once: Holm for the confirmatory family, Benjamini-Hochberg to explore."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .checking import Floats, share

Correction = Literal["holm", "benjamini-hochberg"]

_RATE = {"holm": "familywise error", "benjamini-hochberg": "false discovery rate"}
_ROLE = {"holm": "confirmatory", "benjamini-hochberg": "exploratory"}


@dataclass(frozen=True)
class Adjusted:
    """Adjusted p-values in the order given; nan where a test gave none, which counts as kept."""

    p: tuple[float, ...]
    adjusted: tuple[float, ...]
    rejected: tuple[bool, ...]
    alpha: float
    correction: Correction

    def sentence(self) -> str:
        """Say the result in one sentence."""
        return (
            f"{sum(self.rejected)} of {len(self.p)} {_ROLE[self.correction]} comparisons are "
            f"significant at a {_RATE[self.correction]} of {self.alpha:g} "
            f"({self.correction.title()})."
        )


def holm(p: ArrayLike, alpha: float = 0.05) -> Adjusted:
    """Adjust p-values by Holm's step-down method; the familywise error is at most alpha.

    >>> holm([.03, .01, .02]).adjusted
    (0.04, 0.03, 0.04)
    """
    return _adjust(p, alpha, "holm")


def benjamini_hochberg(p: ArrayLike, alpha: float = 0.05) -> Adjusted:
    """Adjust p-values by Benjamini and Hochberg's step-up method, for exploration."""
    return _adjust(p, alpha, "benjamini-hochberg")


def _adjust(p: ArrayLike, alpha: float, correction: Correction) -> Adjusted:
    """Adjust p-values, shape (m,); a missing one keeps its place in the family as 1.

    The family was fixed before the run: a comparison that could not be tested does not make the
    others easier.
    """
    share(alpha, "alpha")
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p has shape {values.shape}; expected one dimension")
    if np.any((values < 0) | (values > 1)):
        raise ValueError("p holds a value outside 0 to 1")
    if len(values) == 0:
        return Adjusted((), (), (), alpha, correction)
    missing = np.isnan(values)
    steps = {"holm": _step_down, "benjamini-hochberg": _step_up}[correction]
    adjusted = steps(np.where(missing, 1.0, values))
    rejected = (adjusted <= alpha) & ~missing
    return Adjusted(
        tuple(values.tolist()),
        tuple(np.where(missing, np.nan, adjusted).tolist()),
        tuple(rejected.tolist()),
        alpha,
        correction,
    )


# statsmodels' multipletests gives the same numbers, and runs the garbage collector at each call.
def _step_down(p: Floats) -> Floats:
    """Holm (1979): the i-th smallest p times the number of those not smaller, made to rise."""
    m = len(p)
    order = np.argsort(p, kind="stable")
    raised = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(m, 0, -1)))
    return _back(raised, order)


def _step_up(p: Floats) -> Floats:
    """Benjamini and Hochberg (1995): the i-th smallest p times m / i, made to rise."""
    m = len(p)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * m / np.arange(1, m + 1)
    return _back(np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1]), order)


def _back(values: Floats, order: np.ndarray) -> Floats:
    """Put sorted values back where they came from."""
    out = np.empty_like(values)
    out[order] = values
    return out
