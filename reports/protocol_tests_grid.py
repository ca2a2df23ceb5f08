"""Tables of the tests beside the verdict: over splits and speakers, of models, their sizes."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..benchmark.statistics.design_size import ALPHA, SPREADS
from . import captions
from .collect import Table
from .formatting import count, integer, number, p_value
from .grids import Column, Entry, Grid
from .protocol import Against
from .protocol_pairs import discoveries
from .protocol_words import floor

Figures = Callable[[Against], tuple[Entry, ...]]


def grid(table: Table) -> Grid | None:
    """Nadeau-Bengio, t and sign-flip over speakers and the bootstrap, those that there are."""
    found = table.further.against
    digits, unit = table.primary.digits + 1, table.primary.unit
    between = f"difference, {unit}, 95 % interval"
    parts: list[tuple[tuple[Column, ...], Figures]] = []

    def ranged(value: float, low: float, high: float, withheld: bool = False) -> Entry:
        ends = f"{number(low, digits, True)} to {number(high, digits, True)}"
        return Entry(number(value, digits, True), below="withheld" if withheld else ends)

    def of_splits(one: Against) -> tuple[Entry, ...]:
        t = one.resampled
        if isinstance(t, str):
            return (Entry("–"),) * 3
        shown = ranged(t.difference, t.low, t.high, bool(one.correlated))
        return (shown, Entry(number(t.statistic, 2)), Entry(p_value(t.p)))

    def of_speakers(one: Against) -> tuple[Entry, ...]:
        if isinstance(one.speakers, str):
            return (Entry("–"),) * 4
        t, flip = one.speakers.t, one.speakers.flip
        return (
            Entry(integer(one.speakers.speakers)),
            ranged(t.difference, t.low, t.high, bool(one.overlap)),
            Entry(p_value(t.p)),
            Entry("withheld" if floor(flip) else p_value(flip.p)),
        )

    def of_bootstrap(one: Against) -> tuple[Entry, ...]:
        drawn = one.bootstrap
        if isinstance(drawn, str):
            return (Entry("–"),)
        return (ranged(drawn.difference, drawn.low, drawn.high),)

    if any(not isinstance(one.resampled, str) for one in found):
        parts.append(((Column(f"Nadeau-Bengio: {between}"), Column("t"), Column("p")), of_splits))
    if any(not isinstance(one.speakers, str) for one in found):
        head = (
            Column("speakers"),
            Column(f"over speakers: {between}"),
            Column("p (t)"),
            Column("p (sign-flip)"),
        )
        parts.append((head, of_speakers))
    if any(not isinstance(one.bootstrap, str) for one in found):
        parts.append(((Column(f"bootstrap: {between}"),), of_bootstrap))
    if not parts:
        return None
    head = (Column("method", numeric=False), *(column for part, _ in parts for column in part))
    rows = tuple(
        (Entry(one.method, name=True), *(entry for _, of in parts for entry in of(one)))
        for one in found
    )
    text = (
        f"Other tests against {table.further.baseline}, {captions.head(table)}, two-sided, not "
        "corrected, and no part of the verdict."
    )
    labels = " ".join(column.label for column in head)
    if "Nadeau" in labels:
        text += (
            " Nadeau-Bengio (2003): corrected resampled t over splits, for the share of the data "
            "that a split tests."
        )
    if "over speakers" in labels:
        text += (
            " Over speakers: each speaker's difference averaged over the seeds that tested it, t "
            "and sign-flip permutation, as if chance were in the speakers alone."
        )
    if "bootstrap" in labels:
        text += " Bootstrap: seeds and speakers resampled together, the same for both methods."
    return Grid(f"{table.anchor}-other-tests", text, head, rows)


def sizes(table: Table) -> Grid | None:
    """How often each test rejects in this design where two methods are equal."""
    found = table.further.sizes
    if isinstance(found, str):
        return None
    head = (Column("test", numeric=False), *(Column(name) for name in SPREADS))
    rows = tuple(
        (
            Entry(one.test),
            *(
                Entry(number(100 * one.rates[name], 1), f"± {number(100 * one.error(name), 1)}")
                for name in SPREADS
            ),
        )
        for one in found
    )
    first = found[0]
    text = (
        f"True size of tests at .05 in this design, {captions.head(table)}: per cent of "
        f"{count(first.runs, 'simulated run')} of two equal methods ({count(first.seeds, 'seed')}, "
        f"{count(first.speakers, 'test speaker')}, the same of them in a seed as here) in which "
        "the test finds a difference, ± the simulation's standard error. 5 is right; above it, a "
        "claim for new seeds and new speakers is anti-conservative. Normal differences; between "
        "speakers, between seeds, and of a speaker in a seed with the same standard deviation "
        "where they differ."
    )
    if table.further.design != "crossed":
        text += " Sign-flip rejects as t over speakers does."
    return Grid(f"{table.anchor}-sizes", text, head, rows)


def tested(one: Against) -> str:
    """Say of how many common seeds both models' predictions could be matched."""
    found, seeds = len(one.models), len(one.seeds)
    return integer(found) if found >= seeds else f"{integer(found)} of {integer(seeds)}"


def models(table: Table) -> Grid | None:
    """McNemar's test of every seed's pair of models, summed up by method."""
    head = (
        Column("method", numeric=False),
        Column("seeds"),
        Column("only the method right"),
        Column("only the baseline right"),
        Column("least p"),
        Column("greatest p"),
        Column("seeds with p < .05"),
    )
    rows = []
    for one in table.further.against:
        if isinstance(one.models, str):
            continue
        found = list(one.models.values())
        p = [test.p for test in found if math.isfinite(test.p)]
        rows.append(
            (
                Entry(one.method, name=True),
                Entry(tested(one)),
                Entry(number(sum(test.only_a for test in found) / len(found), 1)),
                Entry(number(sum(test.only_b for test in found) / len(found), 1)),
                Entry(p_value(min(p, default=math.nan))),
                Entry(p_value(max(p, default=math.nan))),
                Entry(integer(sum(value < ALPHA for value in p))),
            )
        )
    if not rows:
        return None
    text = (
        f"McNemar's exact test of the two models that a seed trained, the method's and "
        f"{table.further.baseline}'s, {captions.head(table)}: test examples that one of them alone "
        "has right, means over seeds, and the two-sided p of single seeds, not corrected. It holds "
        "for one fixed pair of models, says nothing of new seeds, and takes a speaker's examples "
        "for independent, which they are not."
    )
    return Grid(f"{table.anchor}-models", text, head, tuple(rows))


def exploratory(table: Table) -> Grid | None:
    """Pairs that the false discovery rate separates and Holm does not; None without any."""
    found = discoveries(table.compared)
    if isinstance(found, str) or not found.beyond:
        return None
    metric, alpha = table.primary, found.correction.alpha
    head = (
        Column("method", numeric=False),
        Column("against", numeric=False),
        Column(f"difference, {metric.unit}"),
        Column("p"),
        Column("p (Benjamini-Hochberg)"),
    )
    rows = tuple(
        (
            Entry(pair.method, name=True),
            Entry(pair.other, name=True),
            Entry(number(metric.scale * pair.test.difference, metric.digits + 1, sign=True)),
            Entry(p_value(pair.test.p, alpha)),
            Entry(p_value(adjusted, alpha)),
        )
        for pair, adjusted in found.beyond
    )
    text = (
        f"Exploratory pairs, {captions.head(table)}, that differ at a false discovery rate of "
        f"{alpha:g} (Benjamini and Hochberg, 1995) and are not separated by Holm in the matrix of "
        "every two methods, whose p they have; the better method first."
    )
    return Grid(f"{table.anchor}-exploratory", text, head, rows)
