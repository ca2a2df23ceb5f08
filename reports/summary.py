"""The report's first page: what the tables say, in words, each sentence read from one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import looks_grid
from .across import Across
from .collect import Report, Table
from .formatting import clean, count, number, p_phrase, value
from .gaps import DAMAGED
from .metrics import Metric
from .standings import Standing
from .verdicts import NAMED, are, verdicts
from .wording import Name, Sentence, listed, sentence


@dataclass(frozen=True)
class Findings:
    """What is said of one table, or of the whole store where there is no title."""

    title: str
    size: str
    anchor: str
    sentences: tuple[Sentence, ...]


def summary(report: Report) -> tuple[Findings, ...]:
    """Say what the report shows: for each table the best, its lead, its tests; then the gaps.

    Where the plan was not fixed before the first cell, that comes before all of it.
    """
    tables = [Findings(t.title, t.size, t.anchor, tuple(findings(t))) for t in report.tables]
    for found in report.together:
        said = tuple(over_datasets(found))
        title = f"Over {count(len(found.datasets), 'dataset')}"
        tables += [Findings(title, found.size, found.anchor, said)] if said else []
    said = tuple(gaps_findings(report))
    store = [Findings("", "", "", said)] if said else []
    return (*store, *tables) if report.provenance.warning else (*tables, *store)


def findings(table: Table) -> Iterator[Sentence]:
    """Say what one table shows."""
    board = f"{table.anchor}-leaderboard"
    metric = table.primary
    known = [row for row in table.standings if row.estimates[metric.key].known]
    unknown = [row.label for row in table.measured if not row.estimates[metric.key].known]
    if table.protocol and table.protocol.leaks:
        text = (
            "The protocol leaks: speakers stand on both sides of its split, so these figures say "
            "nothing about new speakers."
        )
        yield sentence(text, anchor=board)
    if not table.measured:
        yield sentence(
            "No seed of any method is complete, so nothing can be concluded.", anchor=board
        )
    elif not known:
        yield sentence(
            f"No method has a finite mean {metric.label}, so no order can be given.", anchor=board
        )
    else:
        yield best(table, known, board)
        looked = looks_grid.finding(table)
        if looked is not None:
            yield looked
        yield from verdicts(table)
        yield from spread(table)
        yield from at_chance(table, board)
    if unknown:
        reason = f" has no mean: its {metric.label} is not finite in at least one seed."
        for label in unknown:
            yield sentence(Name(label), reason, anchor=board)
    if len(table.harnesses) > 1 or table.mixed_methods:
        yield sentence(
            "Mixed code: not all of these results were made by the same code, so differences "
            "between them may come from it.", anchor=board,
        )  # fmt: skip


def best(table: Table, known: Sequence[Standing], anchor: str) -> Sentence:
    """Name the method with the best mean, and its lead over the next."""
    first, metric = known[0], table.primary
    estimate = first.estimates[metric.key]
    interval = f" over {count(estimate.n, 'seed')}"
    if math.isfinite(estimate.interval.low):
        ends = metric.ends(estimate.interval.low, estimate.interval.high)
        low, high = (value(metric, end) for end in ends)
        scope = f" {table.protocol.holds_for}" if table.protocol else ""
        interval += f", 95 % interval {low} to {high}{scope}"
    figures = f"{value(metric, estimate.mean)}{interval}"
    if len(known) == 1:
        text = f" is the only method with a result: mean {metric.label} {figures}."
        return sentence(Name(first.label), text, anchor=anchor)
    superlative = "highest" if metric.higher else "lowest"
    tied = [r.label for r in known[1:] if r.estimates[metric.key].mean == estimate.mean]
    if tied:
        names = listed(tied) if len(tied) <= NAMED else [f"{len(tied)} others"]
        gap = ["; the same mean ", "has " if len(tied) == 1 else "have ", *names, "."]
    else:
        gap = ahead(first, known[1], metric)
    text = f" has the {superlative} mean {metric.label}: {figures}"
    return sentence(Name(first.label), text, gap, anchor=anchor)


def ahead(first: Standing, second: Standing, metric: Metric) -> list[str | Name]:
    """Say how far the best is from the next, on the seeds that both have."""
    scores = [{o.seed: o.metrics[metric.key] for o in row.outcomes} for row in (first, second)]
    common = scores[0].keys() & scores[1].keys()
    if not common:
        return ["; the next, ", Name(second.label), ", has none of its seeds."]
    means = [sum(of[seed] for seed in common) / len(common) for of in scores]
    lead = (means[0] - means[1]) * metric.scale * (1 if metric.higher else -1)
    if scores[0].keys() == scores[1].keys():
        shown = number(lead, metric.digits + 1)
        return [f"; {shown} {metric.unit} from the next, ", Name(second.label), "."]
    shown = number(lead, metric.digits + 1, sign=True)
    on = f" in its favour on the {count(len(common), 'seed')} of both."
    return ["; the next is ", Name(second.label), f", {shown} {metric.unit}{on}"]


def spread(table: Table) -> Iterator[Sentence]:
    """Say where the spread comes from."""
    found = table.variance
    if found is None or found.mean is None:
        return
    seeds, speakers, rest = (number(100 * share, 0) for share in found.mean)
    yield sentence(
        f"Of the variance of single speakers' scores {speakers} % lies between speakers, "
        f"{seeds} % between seeds and {rest} % in the rest, on average over methods, as estimated "
        f"from up to {count(found.seeds, 'seed')} and {count(found.speakers, 'speaker')}.",
        anchor=f"{table.anchor}-variance",
    )


def over_datasets(found: Across) -> Iterator[Sentence]:
    """Say what several datasets say together."""
    anchor, order = f"{found.anchor}-ranks", found.order
    if order is None:
        return
    ranks = order.friedman.mean_ranks
    first = [m for m, rank in zip(found.methods, ranks, strict=True) if rank == min(ranks)]
    names = listed(first) if len(first) <= NAMED else [f"{len(first)} methods"]
    has = " has" if len(first) == 1 else " share"
    told = order.friedman.p < order.pairs.alpha
    apart = ", but no two of them are separated by themselves" if told else ""
    if any(order.pairs.separated):
        apart = ""
    does = "tells the methods' ranks apart" if told else "does not tell the methods' ranks apart"
    yield sentence(
        names, f"{has} the best mean rank, {number(min(ranks), 2)} of {len(found.methods)}; "
        f"Friedman's test {does} ({p_phrase(order.friedman.p)}){apart}.", anchor=anchor,
    )  # fmt: skip


def at_chance(table: Table, anchor: str) -> Iterator[Sentence]:
    """Name the methods whose accuracy cannot be told from a constant answer's."""
    if table.kind != "classification" or not table.chance.known:
        return
    level = value(table.levelled, table.chance.mean)
    reached, below = [], []
    for row in table.measured:
        found = row.estimates[table.levelled.key]
        if found.interval.low <= table.chance.mean:
            reached.append(row.label)
        elif math.isnan(found.interval.low) and found.mean <= table.chance.mean:
            below.append(row.label)
    if reached:
        text = (
            f" {are(reached)} not separated from chance: the 95 % interval of accuracy over seeds "
            f"reaches down to {level}, the level of one constant answer."
        )
        yield sentence(listed(reached), text, anchor=anchor)
    if below:
        text = (
            f" {are(below)} not above chance in the mean accuracy, {level} with one constant "
            "answer; no interval says how far that is by chance."
        )
        yield sentence(listed(below), text, anchor=anchor)


def gaps_findings(report: Report) -> Iterator[Sentence]:
    """Say what failed, what is missing, and where nothing could be tested."""
    gaps, failed = report.gaps, report.cells - report.done
    if report.provenance.warning:
        yield sentence("Not preregistered: ", report.provenance.warning, anchor="provenance")
    if unusable := sum(f.status == DAMAGED for f in gaps.failures):
        text = f"{count(unusable, 'record')} cannot be used and {'is' if unusable == 1 else 'are'} "
        yield sentence(f"{text}left out.", anchor="failures")
    if not report.cells and report.measured:
        yield sentence("The store holds costs alone: nothing can be said of quality.")
    elif not report.cells:
        yield sentence("The store holds no results, so nothing can be concluded.")
    if failed and not report.done:
        text = "No cell ended well, so nothing can be concluded; the reasons are given below."
        yield sentence(text, anchor="failures")
    elif failed:
        did = "did not end well; means are over the seeds that did."
        yield sentence(f"{failed} of {count(report.cells, 'cell')} {did}", anchor="failures")
    if gaps.missing_cells:
        have = "has" if gaps.missing_cells == 1 else "have"
        planned = count(gaps.planned_cells, "planned cell")
        yield sentence(f"{gaps.missing_cells} of {planned} {have} no record.", anchor="missing")
    lacking = [t.title for t in report.tables if t.baseline is None]
    if lacking and report.baseline:
        base = Name(clean(report.baseline))
        end = ", so nothing is tested against it there."
        yield sentence("The baseline ", base, " has no record on ", listed(lacking), end)
    elif lacking:
        yield sentence(
            "The plan names no baseline (--baseline METHOD), so no method is tested against one."
        )
    if report.provenance.dirty:
        cells = count(report.provenance.dirty, "record")
        text = f"{cells} came from a working tree with uncommitted changes."
        yield sentence(text, anchor="provenance")
