"""The confirmatory test where every seed draws a new split of speakers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import Alternative
from .paired import PairedT, paired_t
from .sign_flip import SignFlip, sign_flip
from .two_way import TwoWayT, cells, speaker_means, two_way_t
from .wording import SIDED, count, interval, number, p_value


@dataclass(frozen=True)
class RedrawnTest:
    """Tests over speakers, each speaker's difference averaged over the seeds that tested it.

    `t` and `flip` take the speakers as the only source of chance; `both` adds the chance of the
    seeds, which every speaker tested in a seed shares.
    """

    seeds: int
    speakers: int
    tests_per_speaker: float
    t: PairedT
    flip: SignFlip
    both: TwoWayT

    def sentence(self) -> str:
        """Say the result in one sentence."""
        t = self.t
        if math.isnan(t.p):
            return (
                f"{count(self.speakers, 'tested speaker')} cannot test a difference for new "
                f"speakers."
            )
        sided = SIDED[t.alternative]
        return (
            f"For new speakers the mean difference over {count(self.speakers, 'speaker')}, each "
            f"tested in {number(self.tests_per_speaker)} of {count(self.seeds, 'seed')}, is "
            f"{number(t.difference)} ({interval(t.low, t.high)}); {sided} {p_value(t.p)} by t, "
            f"{p_value(self.flip.p)} by sign-flip permutation, and {p_value(self.both.p)} by t "
            f"for new seeds as well."
        )


def redrawn_test(
    differences: ArrayLike,
    generator: np.random.Generator,
    alternative: Alternative = "two-sided",
    draws: int = 9999,
) -> RedrawnTest:
    """Test a paired difference where splits overlap because each seed draws its own.

    The t-test over splits takes overlapping splits for independent, and rejects far too often for
    new speakers; speakers, averaged over their seeds, are the independent units.

    Parameters
    ----------
    differences
        Speaker scores of a minus those of b, shape (seeds, speakers); nan where a speaker was not
        tested in that seed.
    generator
        Draws the signs above 16 speakers.

    Raises
    ------
    ValueError
        If the array is not two-dimensional or holds an infinite value.
    """
    d = cells(differences)
    held = ~np.isnan(d)
    means = speaker_means(d)
    tests = float(held.sum()) / len(means) if len(means) else math.nan
    return RedrawnTest(
        int(held.any(axis=1).sum()),
        len(means),
        tests,
        paired_t(means, np.zeros_like(means), alternative),
        sign_flip(means, generator, alternative, draws),
        two_way_t(d, alternative),
    )
