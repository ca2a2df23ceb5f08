"""Alpha spending: bounds for looking at the data more than once (Lan and DeMets 1983)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from .checking import Floats, one_of, share, vector
from .wording import count, number

Spending = Literal["obrien-fleming", "pocock"]

NODES = 120
"""Points of the quadrature over the statistic at each look."""
FAR = 9.0
"""Standard deviations beyond which a standard normal has nothing left to integrate."""


@dataclass(frozen=True)
class Bounds:
    """Bounds of a group-sequential test, one per look.

    `fractions` are the shares of the planned data at each look, `spent` the alpha spent up to it;
    the null hypothesis falls when |z| (z when one-sided) reaches `z`, or the p-value `p`, which
    is two-sided when the test is.
    """

    fractions: tuple[float, ...]
    alpha: float
    two_sided: bool
    spending: Spending
    spent: tuple[float, ...]
    z: tuple[float, ...]
    p: tuple[float, ...]

    def sentence(self) -> str:
        """Say the result in one sentence."""
        listed = ", ".join("0" if p == 0 else number(p, 2) for p in self.p)
        name = {"obrien-fleming": "O'Brien-Fleming-type", "pocock": "Pocock-type"}[self.spending]
        return (
            f"With {count(len(self.p), 'look')} and {name} spending of "
            f"{'two' if self.two_sided else 'one'}-sided alpha {self.alpha:g}, a difference is "
            f"decided when p is at most {listed}."
        )


def alpha_spent(
    fraction: float, alpha: float, two_sided: bool = True, spending: Spending = "obrien-fleming"
) -> float:
    """Return the alpha that may be spent up to a share of the data.

    O'Brien-Fleming type: 2 - 2 Phi(z_{a/2} / sqrt t); Pocock type: a log(1 + (e - 1) t); where a
    is the level of one side, and both sides are added up.
    """
    one_of(spending, ("obrien-fleming", "pocock"), "spending")
    side = alpha / 2 if two_sided else alpha
    t = min(1.0, fraction)
    if t <= 0:
        return 0.0
    if spending == "pocock":
        one = side * math.log1p((math.e - 1) * t)
    else:
        one = 2 * float(special.ndtr(special.ndtri(side / 2) / math.sqrt(t)))
    return 2 * one if two_sided else one


def group_sequential_bounds(
    fractions: ArrayLike,
    alpha: float = 0.05,
    two_sided: bool = True,
    spending: Spending = "obrien-fleming",
) -> Bounds:
    """Return the bounds at each look, by recursive integration (Armitage et al. 1969).

    The statistic at look k is normal with independent increments in proportion to the data; the
    bounds take no account of futility, so that a stop for futility may be overruled (non-binding).

    Parameters
    ----------
    fractions
        Rising shares of the planned data, shape (looks,), the last one 1 (or below, while later
        looks are not yet planned).
    alpha
        Error over all looks.

    Raises
    ------
    ValueError
        If the fractions do not rise within 0 to 1, or alpha is no share.
    """
    share(alpha, "alpha")
    times = vector(fractions, "fractions")
    if len(times) == 0 or times[0] <= 0 or np.any(np.diff(times) <= 0) or times[-1] > 1 + 1e-12:
        raise ValueError(f"fractions are {times.tolist()}; expected them to rise from 0 up to 1")
    return _bounds(tuple(times.tolist()), alpha, two_sided, spending)


@lru_cache(maxsize=256)  # a plan asks for the same few levels at every look
def _bounds(times: tuple[float, ...], alpha: float, two_sided: bool, spending: Spending) -> Bounds:
    """Integrate from look to look."""
    spent = [alpha_spent(t, alpha, two_sided, spending) for t in times]
    path = _Path(two_sided)
    z = [
        path.bound(t, now - before)
        for t, now, before in zip(times, spent, [0.0, *spent[:-1]], strict=True)
    ]
    p = [(2 if two_sided else 1) * float(special.ndtr(-c)) for c in z]
    return Bounds(times, alpha, two_sided, spending, tuple(spent), tuple(z), tuple(p))


class _Path:
    """The density of the score S(t) = Z(t) sqrt(t) of the runs that no earlier look stopped."""

    def __init__(self, two_sided: bool) -> None:
        self.two_sided = two_sided
        self.time = 0.0
        self.score: Floats = np.zeros(1)
        self.mass: Floats = np.ones(1)
        self.nodes, self.weights = np.polynomial.legendre.leggauss(NODES)

    def bound(self, time: float, spend: float) -> float:
        """Return the z that exactly `spend` of all runs reach first at `time`, and go on."""
        step, root = math.sqrt(time - self.time), math.sqrt(time)

        def crossing(z: float) -> float:
            above = special.ndtr((self.score - z * root) / step)
            if self.two_sided:
                above = above + special.ndtr((-self.score - z * root) / step)
            return float(self.mass @ above)

        if spend <= 1e-300:
            z = math.inf
        else:
            target = math.log(spend)

            def gap(z: float) -> float:
                return math.log(max(crossing(z), 1e-320)) - target

            z = float(optimize.brentq(gap, -FAR, 40.0, xtol=1e-12))  # type: ignore[arg-type]
        self._advance(time, step, root, z)
        return z

    def _advance(self, time: float, step: float, root: float, z: float) -> None:
        """Carry the density over to `time`, inside the bound."""
        high = min(z, FAR) * root
        low = -high if self.two_sided else -FAR * root
        score = (high + low) / 2 + (high - low) / 2 * self.nodes
        kernel = np.exp(-0.5 * ((score[:, None] - self.score) / step) ** 2)
        density = kernel @ self.mass / (step * math.sqrt(2 * math.pi))
        self.mass = density * self.weights * (high - low) / 2
        self.score, self.time = score, time
