"""The report's first page: what the tables say, in words, each sentence read from one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import looks_grid
from .across import Across
from .collect import Report, Table
from .comparisons import Comparison
from .evidence import Evidence
from .formatting import clean, count, number, p_phrase, value
from .pairwise import Pairwise
from .standings import Standing
from .wording import Name, Sentence, listed, sentence

NAMED = 5  # methods that a sentence names


@dataclass(frozen=True)
class Findings:
    """What is said of one table, or of the whole store where there is no title."""

    title: str
    size: str
    anchor: str
    sentences: tuple[Sentence, ...]


def summary(report: Report) -> tuple[Findings, ...]:
    """Say what the report shows: for each table the best, its lead, its tests; then the gaps."""
    tables = [Findings(t.title, t.size, t.anchor, tuple(findings(t))) for t in report.tables]
    for found in report.together:
        said = tuple(over_datasets(found))
        title = f"Over {count(len(found.datasets), 'dataset')}"
        tables += [Findings(title, found.size, found.anchor, said)] if said else []
    store = tuple(gaps_findings(report))
    return (*tables, *([Findings("", "", "", store)] if store else []))


def findings(table: Table) -> Iterator[Sentence]:
    """Say what one table shows."""
    board, tests = f"{table.anchor}-leaderboard", f"{table.anchor}-tests"
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
        yield from against_baseline(table, known[0], tests)
        if table.single is not None:
            said = versus(table.single, ", the best fusion,", " the best single modality, ", table)
            yield sentence(said, anchor=tests)
        yield from beyond(table)
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
        interval += f", 95 % interval {low} to {high}"
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
        lead = abs(estimate.mean - known[1].estimates[metric.key].mean) * metric.scale
        shown = number(lead, metric.digits + 1)
        gap = [f"; {shown} {metric.unit} from the next, ", Name(known[1].label), "."]
    text = f" has the {superlative} mean {metric.label}: {figures}"
    return sentence(Name(first.label), text, gap, anchor=anchor)


def against_baseline(table: Table, first: Standing, anchor: str) -> Iterator[Sentence]:
    """Say whether the test separates the best from the baseline, and which others it does."""
    if table.baseline is None:
        return
    base = Name(table.baseline)
    if not table.comparisons:
        done = any(row.baseline and row.done for row in table.standings)
        why = "no other method has a complete seed" if done else "it has no complete seed"
        yield sentence("Nothing is compared with the baseline ", base, f": {why}.", anchor=anchor)
        return
    separated = [c.method for c in table.comparisons if c.separated]
    mine = next((c for c in table.comparisons if c.method == first.label), None)
    if mine is not None:
        yield sentence(versus(mine, "", " the baseline ", table), anchor=anchor)
        if len(table.comparisons) > 1:
            are = "is" if len(separated) == 1 else "are"
            text = f"Of {len(table.comparisons)} methods, {len(separated)} {are} separated from "
            names = [" as better: ", *listed(separated), "."] if separated else ["."]
            yield sentence(text, base, names, anchor=anchor)
    elif first.baseline:
        names = listed(separated) if separated else ["no method"]
        text = " shown to be better than this, the baseline."
        yield sentence("By the paired test ", names, f" is{text}", anchor=anchor)


def versus(comparison: Comparison, role: str, other: str, table: Table) -> list[str]:
    """Say whether the first method of a comparison is separated from the second."""
    names = [Name(comparison.method), role, " against", other, Name(comparison.other)]
    if comparison.reason:
        return [*names, f": {comparison.reason}."]
    verdict = "separated" if comparison.separated else "not separated"
    sign = comparison.test.difference
    side = "better" if sign > 0 else "worse" if sign < 0 else "neither better nor worse"
    scope = f", {table.protocol.holds_for}" if table.protocol else ""
    return [*names, f": {verdict}; {side} in the mean {comparison.phrase}{scope}."]


def beyond(table: Table) -> Iterator[Sentence]:
    """Say what holds for new seeds and new speakers, who leads, and where the spread comes from."""
    tested = [e for e in table.evidence if not e.verdict.startswith("cannot")]
    if table.evidence and table.evidence[0].rules.family == "baseline":
        anchor = f"{table.anchor}-evidence"
        base = Name(table.evidence[0].other)
        if not tested:
            yield sentence(
                "For new seeds and new speakers nothing can be tested against ", base,
                f": {unable(table.evidence[0])}.", anchor=anchor,
            )  # fmt: skip
        else:
            verdicts = [e.verdict for e in tested]
            shown = ", ".join(
                f"{verdicts.count(kind)} {kind}"
                for kind in ("better", "worse", "practically equal", "not separated")
                if kind in verdicts
            )
            yield sentence(
                f"For new seeds and new speakers, of {count(len(tested), 'method')} tested against "
                "the baseline ", base, f" (Holm): {shown}.", anchor=anchor,
            )  # fmt: skip
    if table.pairs is not None and table.pairs.tested:
        yield leading(table.pairs, f"{table.anchor}-pairs")
    mean = table.variance.mean if table.variance is not None else None
    if mean is not None:
        seeds, speakers, rest = (number(100 * share, 0) for share in mean)
        yield sentence(
            f"Of the variance of single speakers' scores {speakers} % lies between speakers, "
            f"{seeds} % between seeds and {rest} % in the rest, on average over methods.",
            anchor=f"{table.anchor}-variance",
        )


def unable(found: Evidence) -> str:
    """Why a comparison cannot be tested."""
    return found.verdict.removeprefix("cannot be tested: ")


def leading(pairs: Pairwise, anchor: str) -> Sentence:
    """Name the methods that none is shown to be better than."""
    first, methods = pairs.first, len(pairs.methods)
    if len(first) == 1 and pairs.ranks.high[pairs.methods.index(first[0])] == 1:
        return sentence(Name(first[0]), " is shown to be better than every other.", anchor=anchor)
    if len(first) == methods:
        text = "The tests of every two methods leave each of them the first rank: none is "
        return sentence(text, "shown to be worse than another.", anchor=anchor)
    if len(first) > NAMED:
        text = f"{len(first)} of {methods} methods are not shown to be worse than any other."
        return sentence(text, anchor=anchor)
    are = "is" if len(first) == 1 else "are"
    text = f" {are} not shown to be worse than any of the {methods} methods."
    return sentence(listed(first), text, anchor=anchor)


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
    does = "tells the methods' ranks apart" if told else "does not tell the methods' ranks apart"
    yield sentence(
        names, f"{has} the best mean rank, {number(min(ranks), 2)} of {len(found.methods)}; "
        f"Friedman's test {does} ({p_phrase(order.friedman.p)}).", anchor=anchor,
    )  # fmt: skip


def at_chance(table: Table, anchor: str) -> Iterator[Sentence]:
    """Name the methods whose accuracy cannot be told from a constant answer's."""
    if table.kind != "classification" or not table.chance.known:
        return
    low = [
        row.label
        for row in table.measured
        if row.estimates[table.levelled.key].interval.low <= table.chance.mean
    ]
    if low:
        are = "is" if len(low) == 1 else "are"
        level = value(table.levelled, table.chance.mean)
        text = (
            f" {are} not separated from chance: the 95 % interval of accuracy reaches down to "
            f"{level}, the level of one constant answer."
        )
        yield sentence(listed(low), text, anchor=anchor)


def gaps_findings(report: Report) -> Iterator[Sentence]:
    """Say what failed, what is missing, and where nothing could be tested."""
    gaps, failed = report.gaps, report.cells - report.done
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
