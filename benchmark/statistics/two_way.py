"""Two sources of chance at once: the variance of a mean over seeds and speakers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import Alternative, Floats, alternative_of, share
from .student import t_p, t_quantile
from .wording import SIDED, count, interval, number, p_value

FEWEST = 4
"""Seeds, and speakers, that a test of both needs: at .05 it rejects 13 % with two of either, up to
7.7 % with three and up to 6.1 % with four (``tests/statistics/study.py``)."""


@dataclass(frozen=True)
class TwoWayVariance:
    """The squared standard error of a mean for new seeds and new speakers.

    `total` is `of_speakers` + `of_seeds` - `of_cells` (each of the first two holds the chance of
    single cells, which would count twice), never below either of the first two; `df` are its
    degrees of freedom by Satterthwaite's formula.
    """

    seeds: int
    speakers: int
    of_speakers: float
    of_seeds: float
    of_cells: float
    total: float
    df: float

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if math.isnan(self.total):
            return (
                f"{count(self.seeds, 'seed')} and {count(self.speakers, 'speaker')} do not tell "
                f"both sources of chance apart."
            )
        return (
            f"The standard error over {count(self.seeds, 'seed')} and "
            f"{count(self.speakers, 'speaker')} is {number(math.sqrt(self.total))}: "
            f"{number(math.sqrt(self.of_speakers))} from speakers alone, "
            f"{number(math.sqrt(self.of_seeds))} from seeds alone."
        )


@dataclass(frozen=True)
class TwoWayT:
    """A t-test of a mean difference for new seeds and new speakers at once."""

    seeds: int
    speakers: int
    difference: float
    low: float
    high: float
    statistic: float
    df: float
    p: float
    alternative: Alternative
    confidence: float

    def sentence(self) -> str:
        """Say the result in one sentence."""
        what = f"{count(self.seeds, 'seed')} and {count(self.speakers, 'speaker')}"
        if math.isnan(self.p):
            few = f"; it takes {FEWEST} of each" if min(self.seeds, self.speakers) < FEWEST else ""
            return f"For new seeds and new speakers {what} cannot test the difference{few}."
        return (
            f"For new seeds and new speakers the mean difference is {number(self.difference)} "
            f"({interval(self.low, self.high, self.confidence)}); {what}, "
            f"t({number(self.df)}) = {number(self.statistic)}, {SIDED[self.alternative]} "
            f"{p_value(self.p)}."
        )


def two_way_t(
    differences: ArrayLike, alternative: Alternative = "two-sided", confidence: float = 0.95
) -> TwoWayT:
    """Test the mean of speakers' mean differences against chance in seeds and in speakers.

    Parameters
    ----------
    differences
        Speaker scores of a minus those of b, shape (seeds, speakers); nan where a speaker was not
        tested in that seed.

    Returns
    -------
    TwoWayT
        With nan where there are fewer than four seeds or four speakers, or no spread.

    Raises
    ------
    ValueError
        If the array is not two-dimensional or holds an infinite value.
    """
    d = cells(differences)
    tested = ~np.isnan(d).all(axis=0)
    mean = float(speaker_means(d).mean()) if tested.any() else math.nan
    return t_of(mean, two_way_variance(d), alternative, confidence)


def t_of(
    difference: float, variance: TwoWayVariance, alternative: Alternative, confidence: float
) -> TwoWayT:
    """Test a difference by its variance for new seeds and new speakers.

    Returns
    -------
    TwoWayT
        With nan where there are fewer than four seeds or four speakers, or no spread.
    """
    alternative_of(alternative)
    share(confidence, "confidence")
    seeds, speakers, df = variance.seeds, variance.speakers, variance.df
    few = min(seeds, speakers) < FEWEST
    low = high = statistic = p = math.nan
    if not few and variance.total > 1e-24 * max(1.0, difference**2):
        error = math.sqrt(variance.total)
        half, statistic = t_quantile(0.5 + confidence / 2, df) * error, difference / error
        low, high, p = difference - half, difference + half, t_p(statistic, df, alternative)
    return TwoWayT(
        seeds, speakers, difference, low, high, statistic, df, p, alternative, confidence
    )


def cells(differences: ArrayLike) -> Floats:
    """Return a table of cells as floats, shape (seeds, speakers), nan where untested.

    Raises
    ------
    ValueError
        If the array is not two-dimensional or holds an infinite value.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 2:
        raise ValueError(f"differences have shape {d.shape}; expected (seeds, speakers)")
    if np.isinf(d).any():
        raise ValueError("differences hold an infinite value; leave it out first")
    return d


def speaker_means(differences: ArrayLike) -> Floats:
    """Return each tested speaker's mean over the seeds that tested it, shape (tested,)."""
    d = cells(differences)
    tested = d[:, ~np.isnan(d).all(axis=0)]
    return np.nanmean(tested, axis=0) if tested.size else np.empty(0)


def two_way_variance(differences: ArrayLike) -> TwoWayVariance:
    """Return the variance of the mean of speakers' means, for new seeds and new speakers.

    Speakers and seeds each give a jackknife variance; the chance of single cells, estimated from
    the residuals of the additive model seed + speaker, is taken off once (Cameron, Gelbach and
    Miller 2011, with the cells' own variance in place of the clustered one, which at few clusters
    takes off too much). Where most speakers were tested in one seed only their chance is counted
    with the seeds' too, so that the variance is too large rather than too small.

    Parameters
    ----------
    differences
        Shape (seeds, speakers), nan where a speaker was not tested in that seed.
    """
    d = cells(differences)
    d = d[:, ~np.isnan(d).all(axis=0)]
    d = d[~np.isnan(d).all(axis=1)]
    seeds, speakers = d.shape
    nan = math.nan
    if seeds < 2 or speakers < 2:
        return TwoWayVariance(seeds, speakers, nan, nan, nan, nan, nan)
    held = ~np.isnan(d)
    values, counts = np.where(held, d, 0.0), held.sum(axis=0)
    of_speakers = float((values.sum(axis=0) / counts).var(ddof=1)) / speakers
    without = _means_without_each_seed(values, held)
    of_seeds = (seeds - 1) / seeds * float(np.sum((without - without.mean()) ** 2))
    mean_square, df_cells = _residual(values, held)
    weights = 1.0 / (speakers * counts)
    of_cells = mean_square * float(np.sum(held * weights**2))
    return combine(seeds, speakers, of_speakers, of_seeds, of_cells, df_cells)


def combine(
    seeds: int,
    speakers: int,
    of_speakers: float,
    of_seeds: float,
    of_cells: float,
    df_cells: int,
) -> TwoWayVariance:
    """Add the two sources of chance, and say on how many degrees of freedom."""
    total = of_speakers + of_seeds - of_cells
    one, other = speakers - 1, seeds - 1
    if total <= max(of_speakers, of_seeds):
        total = max(of_speakers, of_seeds)
        df = float(one if of_speakers >= of_seeds else other)
    else:
        spread = of_speakers**2 / one + of_seeds**2 / other
        spread += of_cells**2 / df_cells if df_cells else 0.0
        df = max(float(min(one, other)), total**2 / spread)
    return TwoWayVariance(seeds, speakers, of_speakers, of_seeds, of_cells, total, df)


def _means_without_each_seed(values: Floats, held: np.ndarray) -> Floats:
    """Return the mean of speakers' means with each seed left out in turn, shape (seeds,)."""
    counts = held.sum(axis=0) - held
    sums = values.sum(axis=0) - values
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    return means.sum(axis=1) / np.count_nonzero(counts, axis=1)


def _residual(values: Floats, held: np.ndarray) -> tuple[float, int]:
    """Return the residual mean square of the model seed + speaker and its degrees of freedom.

    Speakers are averaged out first, which leaves one equation for each seed.
    """
    counts = held.sum(axis=0)
    inner = np.where(held, values - values.sum(axis=0) / counts, 0.0)
    system = np.diag(held.sum(axis=1).astype(float)) - (held / counts) @ held.T
    right = inner.sum(axis=1)
    df = int(held.sum()) - held.shape[1] - int(np.linalg.matrix_rank(system, hermitian=True))
    if df <= 0:
        return 0.0, 0
    left = float(np.sum(inner**2)) - float(right @ np.linalg.pinv(system, hermitian=True) @ right)
    return max(0.0, left) / df, df
