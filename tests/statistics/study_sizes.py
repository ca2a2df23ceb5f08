"""How often tests reject where there is nothing to find."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from fusemark.benchmark.statistics.bayes_correlated_t import bayes_correlated_t
from fusemark.benchmark.statistics.equivalence import equivalence
from fusemark.benchmark.statistics.friedman import friedman
from fusemark.benchmark.statistics.mcnemar import mcnemar
from fusemark.benchmark.statistics.metric_t import metric_t
from fusemark.benchmark.statistics.paired import paired_t
from fusemark.benchmark.statistics.pairwise import pairwise_signed_rank
from fusemark.benchmark.statistics.redrawn import redrawn_test
from fusemark.benchmark.statistics.resampled import resampled_t
from fusemark.benchmark.statistics.sign_flip import EXACT_UP_TO, sign_flip
from fusemark.benchmark.statistics.signed_rank import signed_rank
from fusemark.benchmark.statistics.superiority import superiority
from fusemark.benchmark.statistics.tabulate import mean_score
from scipy import special, stats

from .study_rows import ALPHA, SPREADS, TEST_SPEAKERS, Array, Random, Row, cells_of, draw_cells, row


def sizes(rng: Random, runs: int, numbers: tuple[int, ...] = (3, 5, 6, 8, 10, 20)) -> Iterator[Row]:
    """Rejections under the null of every paired test, n independent normal differences."""
    tests: dict[str, Callable[[Array, Array], float]] = {
        "paired t, two-sided": lambda a, b: paired_t(a, b, "two-sided").p,
        "paired t, one-sided": lambda a, b: paired_t(a, b).p,
        "signed rank": lambda a, b: signed_rank(a, b).p,
        "sign-flip": lambda a, b: sign_flip(a - b, rng, draws=499).p,
        "P(A > B), exact interval": lambda a, b: float(
            superiority(a, b).verdict == "not separated"
        ),
        "Bayesian t as a one-sided test": lambda a, b: 1 - bayes_correlated_t(a, b, 0.0).a_better,
    }
    exact = {
        "signed rank": signed_rank_size,
        "sign-flip": sign_flip_size,
        "P(A > B), exact interval": sign_test_size,
    }
    for n in numbers:
        data = rng.normal(size=(runs, n))
        for name, p in tests.items():
            hits = [p(x, np.zeros(n)) <= ALPHA for x in data]
            known = exact[name](n) if name in exact else math.nan
            yield row("size", name, hits, seeds=n, exact=known)
        for margin in (1.0, 3.0):
            hits = [equivalence(x + margin, np.zeros(n), margin).equivalent for x in data]
            setting = f"margin {margin:g} sd"
            known = equivalence_size(n, margin)
            yield row("size", "TOST at the margin", hits, seeds=n, setting=setting, exact=known)
    yield from sizes_of_mcnemar(rng, runs)


def sizes_of_mcnemar(
    rng: Random, runs: int, examples: tuple[int, ...] = (20, 100, 500), apart: float = 0.2
) -> Iterator[Row]:
    """Rejections of the exact McNemar test of two models that disagree on a share of examples."""
    for n in examples:
        hits: list[bool] = []
        for _ in range(runs):
            a = rng.random(n) < 0.7
            b = np.where(rng.random(n) < apart, ~a, a)
            swap = rng.random(n) < 0.5
            a, b = np.where(swap, b, a), np.where(swap, a, b)
            hits.append(mcnemar(a, b).p <= ALPHA)
        setting = f"{n} examples, {100 * apart:g} % apart"
        yield row("size", "McNemar, exact", hits, setting=setting, exact=mcnemar_size(n, apart))


def sign_flip_size(n: int) -> float:
    """Attainable two-sided size: the most sign patterns whose share is at most alpha."""
    if n > EXACT_UP_TO:
        return ALPHA
    return 2 * math.floor(ALPHA * 2**n / 2) / 2**n


def sign_test_size(n: int) -> float:
    """Attainable two-sided size: the largest two binomial tails that alpha holds."""
    tails = 2 * stats.binom.cdf(np.arange((n + 1) // 2), n, 0.5)
    return float(max(tails[tails <= ALPHA], default=0.0))


@lru_cache
def signed_rank_size(n: int) -> float:
    """Attainable two-sided size: sums of the ranks 1 to n with either sign, counted."""
    counts = np.ones(1)
    for rank in range(1, n + 1):
        counts = np.convolve(counts, np.r_[1.0, np.zeros(rank - 1), 1.0])
    tail = np.cumsum(counts) / 2**n
    allowed = tail[2 * tail <= ALPHA]
    return 2 * float(allowed[-1]) if len(allowed) else 0.0


def equivalence_size(n: int, margin: float) -> float:
    """Chance that both one-sided t-tests reject at the margin itself, by quadrature over s.

    Mean and standard deviation are independent: |mean| < margin - t s / sqrt(n), with the mean
    round the margin.
    """
    t, df = stats.t.ppf(1 - ALPHA, n - 1), n - 1
    shares = (np.arange(200_000) + 0.5) / 200_000
    half = margin * math.sqrt(n) - t * np.sqrt(stats.chi2.ppf(shares, df) / df)
    inside = special.ndtr(half - margin * math.sqrt(n)) - special.ndtr(
        -half - margin * math.sqrt(n)
    )
    return float(np.where(half > 0, inside, 0.0).mean())


def mcnemar_size(n: int, apart: float) -> float:
    """Attainable size, averaged over the binomial number of disagreements."""
    sizes = [0.0]
    for d in range(1, n + 1):
        tail = stats.binom.cdf(np.arange(d // 2 + 1), d, 0.5)
        allowed = tail[2 * tail <= ALPHA]
        sizes.append(2 * float(allowed[-1]) if len(allowed) else 0.0)
    return float(np.dot(stats.binom.pmf(np.arange(n + 1), n, apart), sizes))


def sizes_over_datasets(
    rng: Random,
    runs: int,
    datasets: tuple[int, ...] = (3, 5, 6, 10, 20),
    methods: tuple[int, ...] = (3, 5, 10),
) -> Iterator[Row]:
    """Rejections of Friedman's test where all methods are alike."""
    for n in datasets:
        for k in methods:
            data = rng.normal(size=(runs, n, k))
            hits = [friedman(x, rng, draws=499).p <= ALPHA for x in data]
            yield row("size", "Friedman", hits, setting=f"{n} datasets, {k} methods")


def errors_of_pairs(
    rng: Random,
    runs: int,
    datasets: tuple[int, ...] = (6, 10, 20),
    methods: tuple[int, ...] = (3, 5),
) -> Iterator[Row]:
    """Runs in which Wilcoxon with Holm separates any pair of equal methods."""
    for n in datasets:
        for k in methods:
            data = rng.normal(size=(runs, n, k))
            hits = [any(pairwise_signed_rank(x).separated) for x in data]
            setting = f"{n} datasets, {k} methods"
            yield row("familywise error", "pairwise Wilcoxon, Holm", hits, setting=setting)


def sizes_crossed(
    rng: Random,
    runs: int,
    seeds: tuple[int, ...] = (3, 5, 10, 20),
    speakers: tuple[int, ...] = (3, 5, 20, 91),
    spreads: dict[str, tuple[float, float, float]] = SPREADS,
) -> Iterator[Row]:
    """Rejections where every seed is tested on the same speakers."""
    for k in seeds:
        for s in speakers:
            for setting, spread in spreads.items():
                hits: dict[str, list[bool]] = {"two-way t": [], "paired t over seeds": []}
                for _ in range(runs):
                    d = draw_cells(rng, k, s, spread)
                    a, b = cells_of(d)
                    hits["two-way t"].append(metric_t(a, b, mean_score, "crossed").p <= ALPHA)
                    p = paired_t(d.mean(axis=1), np.zeros(k), "two-sided").p
                    hits["paired t over seeds"].append(p <= ALPHA)
                for name, found in hits.items():
                    yield row("size", name, found, "crossed", k, s, setting)


def sizes_redrawn(
    rng: Random,
    runs: int,
    seeds: tuple[int, ...] = (5, 10, 20),
    speakers: tuple[int, ...] = (5, 20, 91),
    spreads: dict[str, tuple[float, float, float]] = SPREADS,
) -> Iterator[Row]:
    """Rejections where every seed draws a new split: the paper's test and the better ones."""
    for k in seeds:
        for s in speakers:
            for setting, spread in spreads.items():
                hits: dict[str, list[bool]] = {}
                for _ in range(runs):
                    for name, p in _redrawn_p(rng, draw_cells(rng, k, s, spread, TEST_SPEAKERS[s])):
                        hits.setdefault(name, []).append(p <= ALPHA)
                for name, found in hits.items():
                    yield row("size", name, found, "redrawn", k, s, setting)


def _redrawn_p(rng: Random, d: Array) -> Iterator[tuple[str, float]]:
    """All tests of one re-drawn table of differences."""
    seeds, speakers = d.shape
    tested = int(np.count_nonzero(~np.isnan(d[0])))
    scores, zero = np.nanmean(d, axis=1), np.zeros(seeds)
    ratio = tested / (speakers - 2 * tested)
    result = redrawn_test(d, rng, draws=499)
    yield "paper's paired t, one-sided", paired_t(scores, zero).p
    yield "paired t over splits, two-sided", paired_t(scores, zero, "two-sided").p
    yield "Nadeau-Bengio, two-sided", resampled_t(scores, zero, ratio).p
    yield "t over speakers", result.t.p
    yield "sign-flip over speakers", result.flip.p
    yield "two-way t", result.both.p
