"""The report's first page: what the tables say, in words, each sentence read from one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .collect import Report, Table
from .comparisons import Comparison
from .formatting import clean, count, number, value
from .standings import Standing
from .wording import Name, Sentence, listed, sentence


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
        yield from against_baseline(table, known[0], tests)
        if table.single is not None:
            said = versus(table.single, ", the best fusion,", " the best single modality, ", table)
            yield sentence(said, anchor=tests)
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
        gap = ["; the same mean has ", *listed(tied), "."]
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
    if not report.cells:
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
