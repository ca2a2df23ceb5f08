"""Simulation study: size, coverage, familywise error and seeds saved, with known truth.

``python -m tests.statistics.study --runs 2000 --out FOLDER`` writes one CSV a table; the tests
run the same functions with fewer runs.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from fusemark.benchmark.statistics.bayes_correlated_t import bayes_correlated_t
from fusemark.benchmark.statistics.bootstrap import bootstrap_mean
from fusemark.benchmark.statistics.equivalence import equivalence
from fusemark.benchmark.statistics.friedman import friedman
from fusemark.benchmark.statistics.hierarchical import hierarchical_interval
from fusemark.benchmark.statistics.intervals import mean_interval
from fusemark.benchmark.statistics.paired import paired_t
from fusemark.benchmark.statistics.redrawn import redrawn_test
from fusemark.benchmark.statistics.resampled import resampled_t
from fusemark.benchmark.statistics.sequential import SequentialPlan, holm_graph, judge
from fusemark.benchmark.statistics.sign_flip import sign_flip
from fusemark.benchmark.statistics.signed_rank import signed_rank
from fusemark.benchmark.statistics.superiority import superiority_over_cells
from fusemark.benchmark.statistics.tabulate import mean_score
from scipy import special

Array = np.ndarray
Random = np.random.Generator

ALPHA = 0.05
SPREADS = {
    "speakers": (1.0, 0.0, 1.0),
    "seeds": (0.0, 1.0, 1.0),
    "both": (1.0, 1.0, 1.0),
    "mostly speakers": (1.0, 0.3, 1.0),
}
"""Standard deviations of the paired difference: between speakers, between seeds, of a cell."""
TEST_SPEAKERS = {5: 1, 20: 3, 91: 14}
"""Speakers tested per seed in the re-drawn design: 15 % of them, as in 70/15/15 splits."""


@dataclass(frozen=True)
class Row:
    """One simulated rate with its standard error."""

    table: str
    method: str
    design: str
    seeds: int
    speakers: int
    setting: str
    rate: float
    error: float
    runs: int


def row(
    table: str,
    method: str,
    hits: Array | list[bool],
    design: str = "",
    seeds: int = 0,
    speakers: int = 0,
    setting: str = "",
) -> Row:
    """Summarise what happened in each run."""
    x = np.asarray(hits, dtype=float)
    rate = float(x.mean())
    error = float(np.sqrt(max(rate * (1 - rate), 1e-12) / len(x)))
    return Row(table, method, design, seeds, speakers, setting, rate, error, len(x))


def draw_cells(
    rng: Random, seeds: int, speakers: int, spread: tuple[float, float, float], tested: int = 0
) -> Array:
    """Draw differences with mean zero, (seeds, speakers); nan but for `tested` a seed, if given."""
    between, shared, own = spread
    d = between * rng.normal(size=speakers) + shared * rng.normal(size=(seeds, 1))
    d = d + own * rng.normal(size=(seeds, speakers))
    if tested:
        held = np.argsort(rng.random((seeds, speakers)), axis=1) < tested
        d = np.where(held, d, np.nan)
    return d


def sizes(rng: Random, runs: int, numbers: tuple[int, ...] = (3, 5, 6, 8, 10, 20)) -> Iterator[Row]:
    """Rejections under the null of every paired test, n independent normal differences."""
    tests: dict[str, Callable[[Array, Array], float]] = {
        "paired t, two-sided": lambda a, b: paired_t(a, b, "two-sided").p,
        "paired t, one-sided": lambda a, b: paired_t(a, b).p,
        "signed rank": lambda a, b: signed_rank(a, b).p,
        "sign-flip": lambda a, b: sign_flip(a - b, rng, draws=499).p,
        "Bayesian t as a one-sided test": lambda a, b: 1 - bayes_correlated_t(a, b, 0.0).a_better,
    }
    for n in numbers:
        data = rng.normal(size=(runs, n))
        for name, p in tests.items():
            yield row("size", name, [p(x, np.zeros(n)) <= ALPHA for x in data], seeds=n)
        for margin in (1.0, 3.0):
            hits = [equivalence(x + margin, np.zeros(n), margin).equivalent for x in data]
            yield row("size", "TOST at the margin", hits, seeds=n, setting=f"margin {margin:g} sd")


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


def coverage(
    rng: Random,
    runs: int,
    seeds: tuple[int, ...] = (5, 10, 20),
    speakers: tuple[int, ...] = (5, 20, 91),
    spreads: dict[str, tuple[float, float, float]] = SPREADS,
    designs: tuple[str, ...] = ("crossed", "redrawn"),
    draws: int = 500,
) -> Iterator[Row]:
    """How often 95 % intervals for new seeds and new speakers hold the true difference, zero."""
    for design in designs:
        for k in seeds:
            for s in speakers:
                for setting, spread in spreads.items():
                    hits: dict[str, list[bool]] = {"t": [], "percentile": [], "t over seeds": []}
                    tested = TEST_SPEAKERS[s] if design == "redrawn" else 0
                    for _ in range(runs):
                        d = draw_cells(rng, k, s, spread, tested)
                        held = (~np.isnan(d)).astype(float)
                        a = np.stack([np.nan_to_num(d), held], axis=-1)
                        b = np.stack([0 * held, held], axis=-1)
                        for kind in ("t", "percentile"):
                            x = hierarchical_interval(
                                a, b, mean_score, rng, design, kind=kind, draws=draws
                            )
                            hits[kind].append(x.low <= 0 <= x.high)
                        y = mean_interval(np.nanmean(d, axis=1))
                        hits["t over seeds"].append(y.low <= 0 <= y.high)
                    for name, found in hits.items():
                        yield row("coverage", name, found, design, k, s, setting)


def coverage_of_superiority(
    rng: Random,
    runs: int,
    seeds: tuple[int, ...] = (5, 10, 20),
    speakers: tuple[int, ...] = (5, 20, 91),
    designs: tuple[str, ...] = ("crossed", "redrawn"),
) -> Iterator[Row]:
    """How often the interval of P(A > B) over cells holds the true probability."""
    for design in designs:
        for k in seeds:
            for s in speakers:
                for shift in (0.0, 1.0):
                    spread = (1.0, 0.5, 1.0)
                    true = float(special.ndtr(shift / np.sqrt(np.sum(np.square(spread)))))
                    hits: list[bool] = []
                    for _ in range(runs):
                        tested = TEST_SPEAKERS[s] if design == "redrawn" else 0
                        d = shift + draw_cells(rng, k, s, spread, tested)
                        x = superiority_over_cells(d)
                        hits.append(x.low <= true <= x.high)
                    setting = f"P(A > B) = {true:.2f}"
                    yield row("coverage", "P(A > B) over cells", hits, design, k, s, setting)


def coverage_of_bootstrap(
    rng: Random, runs: int, numbers: tuple[int, ...] = (5, 10, 20), draws: int = 500
) -> Iterator[Row]:
    """How often intervals of a mean of n independent normal units hold it."""
    for n in numbers:
        data = rng.normal(size=(runs, n))
        for kind in ("percentile", "bootstrap-t"):
            found = [bootstrap_mean(x, rng, kind, draws) for x in data]
            yield row("coverage", kind, [r.low <= 0 <= r.high for r in found], "one-way", n)
        limits = [mean_interval(x) for x in data]
        yield row("coverage", "t", [r.low <= 0 <= r.high for r in limits], "one-way", n)


LOOKS = {"four looks": (5, 10, 15, 20), "each seed": tuple(range(3, 21))}


def history(rng: Random, looks: tuple[int, ...], comparisons: int, effect: float) -> Array:
    """p-values of comparisons with one baseline, (looks, comparisons), effect in sds."""
    shape = (looks[-1], comparisons)
    common, own = rng.normal(size=(looks[-1], 1)), rng.normal(size=shape)
    d = effect + np.sqrt(0.5) * (common + own)
    p: list[Array] = []
    for n in looks:
        t = d[:n].mean(axis=0) / (d[:n].std(axis=0, ddof=1) / np.sqrt(n))
        p.append(2 * special.stdtr(n - 1, -np.abs(t)))
    return np.stack(p)


def familywise(rng: Random, runs: int, comparisons: tuple[int, ...] = (1, 5, 10)) -> Iterator[Row]:
    """Runs in which any comparison is decided though none differs."""
    for name, looks in LOOKS.items():
        for m in comparisons:
            for futility in (None, 0.05):
                plan = SequentialPlan(looks, holm_graph(m), futility=futility)
                hits = [
                    any(
                        c.status == "decided"
                        for c in judge(plan, history(rng, looks, m, 0.0)).comparisons
                    )
                    for _ in range(runs)
                ]
                setting = f"{m} comparisons, {'with' if futility else 'without'} futility"
                yield row("familywise error", name, hits, seeds=looks[-1], setting=setting)


def seeds_saved(
    rng: Random, runs: int, effects: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0)
) -> Iterator[Row]:
    """Share of comparisons decided, and share of the twenty seeds saved, one comparison."""
    for name, looks in LOOKS.items():
        plan = SequentialPlan(looks, holm_graph(1))
        for effect in effects:
            states = [judge(plan, history(rng, looks, 1, effect)) for _ in range(runs)]
            setting = f"effect {effect:g} sd"
            decided = [s.comparisons[0].status == "decided" for s in states]
            saved = np.array([s.seeds_saved for s in states]) / looks[-1]
            yield row("decided", name, decided, seeds=looks[-1], setting=setting)
            error = float(saved.std(ddof=1) / np.sqrt(runs))
            yield Row(
                "share of seeds saved", name, "", looks[-1], 0, setting, float(saved.mean()), error,
                runs,
            )  # fmt: skip


STUDIES: dict[str, Callable[[Random, int], Iterator[Row]]] = {
    "size": sizes,
    "size_over_datasets": sizes_over_datasets,
    "size_redrawn": sizes_redrawn,
    "coverage": coverage,
    "coverage_superiority": coverage_of_superiority,
    "coverage_bootstrap": coverage_of_bootstrap,
    "familywise": familywise,
    "seeds_saved": seeds_saved,
}


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=STUDIES, default=list(STUDIES))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        rows = STUDIES[name](np.random.default_rng(args.seed), args.runs)
        with (args.out / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, [f.name for f in fields(Row)])
            writer.writeheader()
            for found in rows:
                values = asdict(found)
                writer.writerow(
                    {**values, "rate": f"{found.rate:.4f}", "error": f"{found.error:.4f}"}
                )
                file.flush()


if __name__ == "__main__":
    main()
