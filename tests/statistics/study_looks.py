"""Looks while seeds are added, by the very code that `bench run --until-decided` runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from fusemark.benchmark.looks import (
    Course,
    Pair,
    Result,
    Scope,
    decided_in_passing,
    result_for_seeds,
    result_for_speakers,
    start,
)
from fusemark.benchmark.statistics.metric_t import metric_t
from fusemark.benchmark.statistics.tabulate import mean_score

from .study_rows import ALPHA, SPREADS, TEST_SPEAKERS, Array, Random, Row, cells_of, draw_cells, row

LOOKS = {"four looks": (5, 10, 15, 20), "each seed": tuple(range(3, 21))}
ALIKE = 0.5
"""Share of the variance of a comparison that is the baseline's, and common to all of them."""


class Drawn:
    """Differences of methods from a baseline, (seeds, speakers) each, as a source of looks."""

    def __init__(self, tables: list[Array], design: str) -> None:
        self.tables, self.design = tables, design

    def ready(self, pair: Pair, seeds: int) -> bool:
        return True

    def result(self, pair: Pair, seeds: int) -> Result:
        d = self.tables[int(pair.method)][:seeds]
        if pair.scope == "seeds":
            return result_for_seeds(d.mean(axis=1), np.zeros(seeds))
        design = "crossed" if self.design == "crossed" else "redrawn"
        return result_for_speakers(*cells_of(d), mean_score, design)


def course(
    looks: tuple[int, ...], comparisons: int, scope: Scope, futility: float = 0.05
) -> Course:
    """Return the plan of comparisons with one baseline."""
    pairs = [Pair("drawn", str(i), "baseline", "accuracy", scope) for i in range(comparisons)]
    plan = {"at": looks, "spending": "obrien-fleming", "futility": futility}
    return start(plan, ALPHA, pairs)


def of_seeds(rng: Random, seeds: int, comparisons: int, effect: float) -> Drawn:
    """Draw one score a seed: differences of standard deviation 1 round the effect."""
    common = np.sqrt(ALIKE) * rng.normal(size=(seeds, 1))
    own = np.sqrt(1 - ALIKE) * rng.normal(size=(comparisons, seeds, 1))
    return Drawn(list(effect + common + own), "crossed")


def of_both(
    rng: Random,
    design: str,
    seeds: int,
    speakers: int,
    comparisons: int,
    spread: tuple[float, float, float],
) -> Drawn:
    """Draw seeds and speakers without any effect."""
    tested = TEST_SPEAKERS[speakers] if design == "redrawn" else 0
    common = draw_cells(rng, seeds, speakers, spread, tested)
    own = [draw_cells(rng, seeds, speakers, spread) for _ in range(comparisons)]
    return Drawn([np.sqrt(ALIKE) * common + np.sqrt(1 - ALIKE) * each for each in own], design)


def any_decided(ended: Course) -> bool:
    return ended.tally()["decided"] > 0


def familywise(rng: Random, runs: int, comparisons: tuple[int, ...] = (1, 5, 10)) -> Iterator[Row]:
    """Runs in which any comparison is decided for new seeds though none differs."""
    for name, looks in LOOKS.items():
        for m in comparisons:
            for futility in (0.0, 0.05):
                plan = course(looks, m, "seeds", futility)
                hits = [
                    any_decided(plan.followed(of_seeds(rng, looks[-1], m, 0.0)))
                    for _ in range(runs)
                ]
                setting = f"{m} comparisons, {'with' if futility else 'without'} futility"
                yield row("familywise error", name, hits, seeds=looks[-1], setting=setting)


def familywise_of_both(
    rng: Random,
    runs: int,
    comparisons: tuple[int, ...] = (1, 5, 10),
    speakers: tuple[int, ...] = (5, 20, 91),
    designs: tuple[str, ...] = ("crossed", "redrawn"),
    spreads: tuple[str, ...] = ("seeds", "both", "speakers"),
) -> Iterator[Row]:
    """The same for new speakers and new seeds, in both designs."""
    looks = LOOKS["four looks"]
    for design in designs:
        for s in speakers:
            for m in comparisons:
                for spread in spreads:
                    plan = course(looks, m, "speakers")
                    hits = [
                        any_decided(
                            plan.followed(of_both(rng, design, looks[-1], s, m, SPREADS[spread]))
                        )
                        for _ in range(runs)
                    ]
                    setting = f"{m} comparisons, {spread}"
                    yield row("familywise error", "four looks", hits, design, looks[-1], s, setting)


def after_stopping(
    rng: Random,
    runs: int,
    speakers: tuple[int, ...] = (5, 20, 91),
    spreads: tuple[str, ...] = ("seeds", "both", "speakers"),
) -> Iterator[Row]:
    """What is said of new speakers in a run that stopped on a verdict for new seeds.

    By the looks, as the report says it, and by the last p as if its time had not been chosen.
    """
    looks = LOOKS["four looks"]
    for s in speakers:
        for spread in spreads:
            by_looks: list[bool] = []
            by_last: list[bool] = []
            for _ in range(runs):
                drawn = of_both(rng, "crossed", looks[-1], s, 1, SPREADS[spread])
                ended = course(looks, 1, "seeds").followed(drawn)
                by_looks.append(decided_in_passing(ended, drawn)[0])
                cells = cells_of(drawn.tables[0][: ended.used(0)])
                by_last.append(metric_t(*cells, mean_score, "crossed").p <= ALPHA)
            for name, hits in (("by the looks", by_looks), ("by the last p", by_last)):
                yield row("size after stopping", name, hits, "crossed", looks[-1], s, spread)


def seeds_saved(
    rng: Random,
    runs: int,
    effects: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0),
    comparisons: tuple[int, ...] = (1, 5),
) -> Iterator[Row]:
    """Share of comparisons decided, and share of all trainings saved, the baseline's among them."""
    for name, looks in LOOKS.items():
        for m in comparisons:
            plan = course(looks, m, "seeds")
            for effect in effects:
                ended = [plan.followed(of_seeds(rng, looks[-1], m, effect)) for _ in range(runs)]
                setting = f"effect {effect:g} sd, {m} comparison{'s' if m > 1 else ''}"
                decided = np.array([one.tally()["decided"] / m for one in ended])
                saved = np.array([np.divide(*one.saved()) for one in ended])
                for table, x in (("decided", decided), ("share of seeds saved", saved)):
                    error = float(x.std(ddof=1) / np.sqrt(runs))
                    yield Row(table, name, "", looks[-1], 0, setting, float(x.mean()), error, runs)
