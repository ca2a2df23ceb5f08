"""How large a difference is beside its own spread, and what a run of this size could find."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..benchmark.statistics.effect_size import PairedEffect, paired_effect
from ..benchmark.statistics.power import (
    DetectableEffect,
    Power,
    SampleSize,
    detectable_effect,
    pairs_needed,
    power_of_t,
)
from .formatting import count

FEWEST = 3
"""Seeds or speakers from which a t-test's level was simulated (``tests/statistics/study.py``)."""
Unit = Literal["seed", "speaker"]


@dataclass(frozen=True)
class Effect:
    """Standardised effect, power and sample size of a paired t-test over seeds or speakers.

    Attributes
    ----------
    unit
        What the pairs are of.
    powers
        Power for the effect that was seen, and at the ends of its interval.
    needed
        Pairs for 80 % power at the effect that was seen.
    most, least
        The same at the ends of the effect's interval; ``most`` has none where zero lies inside.
    withheld
        Why the interval is not printed; empty where it is.
    """

    unit: Unit
    size: PairedEffect
    power: Power
    powers: tuple[float, float]
    detectable: DetectableEffect
    needed: SampleSize
    least: SampleSize
    most: SampleSize
    withheld: str = ""


def effect(
    a: np.ndarray, b: np.ndarray, unit: Unit, alpha: float, withheld: str = ""
) -> Effect | str:
    """Measure a difference, or say why it cannot be.

    Parameters
    ----------
    a, b
        Scores, (n,) each, matched, more is better.
    """
    n = len(a)
    if n < FEWEST:
        return few(n, unit)
    size = paired_effect(a, b)
    if math.isnan(size.dz):
        return f"the {count(n, 'difference')} do not vary"
    ends = abs(size.low), abs(size.high)
    far, near = max(ends), 0.0 if size.low <= 0 <= size.high else min(ends)
    return Effect(
        unit,
        size,
        power_of_t(size.dz, n, alpha),
        (power_of_t(near, n, alpha).power, power_of_t(far, n, alpha).power),
        detectable_effect(n, alpha=alpha, sd=float((a - b).std(ddof=1))),
        pairs_needed(size.dz, alpha=alpha),
        pairs_needed(far, alpha=alpha),
        pairs_needed(near, alpha=alpha),
        withheld,
    )


def few(n: int, unit: Unit) -> str:
    """Say that there are too few seeds or speakers."""
    of = "common seed" if unit == "seed" else "test speaker"
    return f"{count(n, of)}, of which no level was simulated: it takes {FEWEST}"
