"""The report's part beside the verdict: effect sizes, power, Bayesian and other tests, in words."""

from __future__ import annotations

from dataclasses import dataclass

from ..benchmark.statistics.bayes import Posterior
from . import captions, protocol_tests_grid
from .collect import Table
from .formatting import NOTHING, count, integer, number
from .grids import Column, Entry, Grid
from .protocol_datasets import SignedRanks
from .protocol_effect import Effect
from .protocol_words import notes, words


@dataclass(frozen=True)
class Part:
    """One dataset's statistics beside the verdict.

    Attributes
    ----------
    lead
        What they are, or why there are none.
    notes
        What is not given, and why.
    words
        By method, the statistics' own sentences.
    """

    lead: str
    notes: tuple[str, ...]
    grids: tuple[Grid, ...]
    words: tuple[tuple[str, str], ...]


def part(table: Table) -> Part:
    """Set one dataset's part."""
    grids = (
        effects(table),
        posteriors(table),
        protocol_tests_grid.grid(table),
        protocol_tests_grid.sizes(table),
        protocol_tests_grid.models(table),
        protocol_tests_grid.exploratory(table),
    )
    return Part(
        lead(table),
        tuple(notes(table)),
        tuple(grid for grid in grids if grid is not None),
        tuple(words(table.further)),
    )


def lead(table: Table) -> str:
    """Say what stands here, or that nothing can be concluded, and why."""
    found = table.further
    if found.reason:
        return f"Nothing can be concluded beside the tables above: {found.reason}."
    text = (
        "Exploratory: no part of the verdict, which is that of the planned comparisons above. "
        f"Every method against the baseline {found.baseline} on their common seeds; differences "
        "are above zero where the method is the better one. In the statistics' own sentences A is "
        "the method and B the baseline."
    )
    if table.looks is not None:
        text += " Seeds were added in looks, of which nothing here takes account."
    return text


def effects(table: Table) -> Grid | None:
    """Standardised effect, power, smallest difference that is found, pairs needed."""
    found = [(a.method, a.effect) for a in table.further.against if isinstance(a.effect, Effect)]
    if not found:
        return None
    unit = found[0][1].unit
    head = (
        Column("method", numeric=False),
        Column(f"{unit}s"),
        Column("d_z, 95 % interval"),
        Column("g_z"),
        Column("power, %"),
        Column(f"found with 80 % power, {table.primary.unit}"),
        Column(f"{unit}s needed"),
    )
    rows = tuple((Entry(name, name=True), *measured(table, of)) for name, of in found)
    what = {
        "seed": "of single seeds, so that all is said of new seeds on these test speakers",
        "speaker": "of single speakers, each averaged over the seeds that tested it, as if chance "
        "were in the speakers alone",
    }[unit]
    text = (
        f"Effect size and power against {table.further.baseline}, {captions.head(table)}: "
        f"{table.primary.label}, differences {what}. d_z: mean difference over its standard "
        "deviation, with the interval of the noncentral t distribution; g_z: with Hedges' "
        "correction. Power: of a two-sided paired t-test at "
        f"{table.further.rules.alpha:g} for an effect as large as the one seen (it restates p), "
        "and at the ends of the interval. Found with 80 % power: the smallest true difference. "
        f"Needed: {unit}s for 80 % power at the effect seen, and at the ends of the interval."
    )
    return Grid(f"{table.anchor}-effects", text, head, rows)


def measured(table: Table, of: Effect) -> tuple[Entry, ...]:
    """Set one effect's figures."""
    size, low, high = of.size, of.least.n, of.most.n
    between = f"{number(size.low, 2, True)} to {number(size.high, 2, True)}"
    powers = " to ".join(number(100 * power, 0) for power in of.powers)
    pairs = f"{integer(low)} on" if high is None else f"{integer(low)} to {integer(high)}"
    beside = (between, powers, pairs) if not of.withheld else ("withheld",) * 3
    return (
        Entry(integer(size.n)),
        Entry(number(size.dz, 2, sign=True), below=beside[0]),
        Entry(number(size.gz, 2, sign=True)),
        Entry(number(100 * of.power.power, 0), below=beside[1]),
        Entry(number(of.detectable.difference, table.primary.digits + 1)),
        Entry(integer(of.needed.n), below=beside[2]),
    )


def posteriors(table: Table) -> Grid | None:
    """Bayesian correlated t over seeds."""
    found = [
        (one.method, one.posterior)
        for one in table.further.against
        if isinstance(one.posterior, Posterior)
    ]
    if not found:
        return None
    overlap = {
        "crossed": "seeds on one split, taken as uncorrelated, so that it holds for these speakers",
        "redrawn": "splits, taken as correlated by the share of the data that a split tests",
    }[table.further.design]
    text = (
        f"Bayesian correlated t-test against {table.further.baseline}, {captions.head(table)} "
        f"(Corani and Benavoli, 2015): probability that the mean difference over {overlap}, is "
        f"above, within or below the plan's region of practical equivalence, "
        f"±{100 * table.further.rules.margin:g} points, under a flat prior."
    )
    return decided(f"{table.anchor}-posteriors", text, "seeds", found)


def decided(anchor: str, caption: str, over: str, found: list[tuple[str, Posterior]]) -> Grid:
    """Set posteriors, and the answer that has more than 95 %."""
    head = (
        Column("method", numeric=False),
        Column(over),
        Column("P(better)"),
        Column("P(practically equal)"),
        Column("P(worse)"),
        Column("above .95", numeric=False),
    )
    answers = {"A better": "better", "B better": "worse"}
    rows = []
    for method, one in found:
        decision = one.decision()
        shown = [Entry(number(p, 3)) for p in (one.a_better, one.equal, one.b_better)]
        said = NOTHING if decision is None else answers.get(decision, decision)
        rows.append((Entry(method, name=True), Entry(integer(one.n)), *shown, Entry(said)))
    return Grid(anchor, caption, head, tuple(rows))


def signed_ranks(found: SignedRanks) -> Grid | str:
    """Bayesian signed rank over datasets, or a sentence that says why it is not given."""
    if found.reason:
        return f"Bayesian signed-rank test, not given: {found.reason}."
    one = found.posteriors[0][1]
    text = (
        f"Bayesian signed-rank test against {found.baseline} over "
        f"{count(len(found.found.datasets), 'dataset')}, size {found.found.size} (Benavoli et al., "
        "2017), exploratory: probability that on a new dataset the method is better, practically "
        f"equal (within ±{one.rope:g} points) or worse."
    )
    return decided(f"{found.found.anchor}-signed-ranks", text, "datasets", list(found.posteriors))
