"""Captions and warnings of the tables: what a reader must know before the figures."""

from __future__ import annotations

from collections.abc import Iterator

from .collect import Protocol, Table
from .comparisons import OVERLAP
from .formatting import count, ranges, span


def protocol(shown: Protocol) -> str:
    """How the test part was made: ``Protocol: odd subjects train; every seed is tested on ...``."""
    design = {
        "crossed": "every seed is tested on the same examples (crossed)",
        "re-drawn": "each seed draws its own split (re-drawn)",
    }.get(shown.design, shown.design)
    folds = f"{shown.folds} folds, whose predictions are pooled for each seed"
    speakers = count(shown.test_groups, "test speaker")
    parts = (
        shown.text,
        design,
        folds if shown.folds > 1 else "",
        f"a cell has {span(*shown.train)} training, {span(*shown.valid)} validation and "
        f"{span(*shown.test)} test examples",
        f"{speakers} in all" if shown.test_groups else "",
    )
    leak = " LEAKING: speakers stand on both sides of the split." if shown.leaks else ""
    return f"Protocol: {'; '.join(filter(None, parts))}.{leak}"


def head(table: Table) -> str:
    """Dataset and size, in every caption."""
    return f"{table.title}, size {table.size}"


def leaderboard(table: Table) -> str:
    """Caption of the leaderboard."""
    text = (
        f"Leaderboard: {head(table)}. {over_seeds(table)} Sorted by {table.primary.label} "
        f"({table.primary.direction}); the best mean of each measure in bold."
    )
    if table.kind == "classification":
        text += " All in per cent but log loss."
    if table.pairs is not None and table.pairs.tested:
        text += " Rank: what the tests of every two methods, below, leave open."
    if table.has_ceiling:
        text += (
            " Share of ceiling: accuracy over the accuracy of the oracle that sees the method's "
            "own modalities, and of the oracle that sees all."
        )
    if table.trained_apart:
        text += f" Methods differ in their training settings: {table.trained_apart}."
    return f"{text} {protocol(table.protocol)}" if table.protocol else text


def over_seeds(table: Table, seeds: str = "seeds") -> str:
    """Say what stands beside the means, and for whom their intervals hold."""
    text = f"Mean ± standard deviation over {seeds}"
    if not table.crossed:
        return f"{text}; no interval: {OVERLAP}."
    scope = f" {table.protocol.holds_for}" if table.protocol else ""
    return f"{text}, and the 95 % t interval{scope}, cut at what the measure can be."


def drawn_over_seeds(crossed: bool) -> str:
    """Say what a figure shows of each method."""
    if not crossed:
        return f"mean over seeds, without an interval: {OVERLAP}"
    return "mean and 95 % t interval over seeds, cut at what the measure can be"


def tests(table: Table) -> str:
    """Caption of the papers' tests."""
    metric, n = table.primary, len(table.comparisons)
    text = (
        "The papers' own test, beside the corrected verdicts and none itself (Goncalves and Busso, "
        "2023): one-tailed matched paired t over seeds (H1: the method is better), passed at "
        f"p < .05, {metric.label}, {head(table)}. The difference, in {metric.unit}, is positive "
        "where the method is the better one"
    )
    text += "; its 95 % interval is two-sided." if table.crossed else "."
    if not table.crossed:
        text += f" Intervals are withheld: {OVERLAP}."
    if n > 1:
        text += f" The p-values are not corrected for {n} comparisons."
    if table.single is not None:
        text += (
            " The best fusion and the best single modality were chosen by their means on these "
            "same results."
        )
    if table.looks is not None:
        text += " Seeds were added in looks, of which this test takes no account."
    return f"{text} A p is {table.protocol.holds_for}." if table.protocol else text


def absences(table: Table) -> str:
    """Caption of the table of absent modalities."""
    return (
        f"With a modality absent in the test, {head(table)}: {table.levelled.label}, mean ± "
        "standard deviation over seeds, and below it the change. A dash: the method does not use "
        "it."
    )


def per_class(table: Table, what: str) -> str:
    """Caption of a per-class table."""
    return (
        f"{what} of each class in per cent, mean over seeds, {head(table)}. Examples: the class's "
        "test examples in one seed."
    )


def warnings(table: Table) -> Iterator[str]:
    """Yield what a reader must not miss."""
    if table.protocol and table.protocol.leaks:
        yield (
            "Leaking protocol: speakers stand on both sides of the split. These figures say "
            "nothing about new speakers."
        )
    if len(table.harnesses) > 1:
        yield (
            f"Mixed code: this table's records were made by {len(table.harnesses)} versions of the "
            f"harness ({', '.join(d[:12] for d in table.harnesses)}). Its rows are not strictly "
            "comparable; the next run of its plan renews the stale ones."
        )
    if table.mixed_methods:
        yield (
            f"Mixed code: the seeds of {', '.join(table.mixed_methods)} were not all made by the "
            "same version of the code; the next run of its plan renews the stale ones."
        )


def notes(table: Table) -> Iterator[str]:
    """Yield what a table's figures cannot say, row by row."""
    if table.measured and max(table.seeds) == 1:
        yield "One seed: no spread, no interval and no test can be given."
    if table.asked_metric != table.primary.key:
        yield (
            f"The plan's metric, {table.asked_metric}, is not one that this task has; "
            f"{table.primary.label} stands in its place."
        )
    for row in table.standings:
        if row.failed and row.done < row.asked:
            cells = count(row.failed, "cell")
            yield f"{row.label}: {row.done} of {row.asked} seeds are complete; {cells} failed."
        elif row.done < row.asked and not row.unreadable:
            yield f"{row.label}: {row.done} of {row.asked} seeds are complete."
        if row.unreadable:
            yield (
                f"{row.label}: the predictions of seed {ranges(row.unreadable)} cannot be read, so "
                "its folds cannot be pooled and the seed does not count."
            )
        for metric in table.metrics:
            unknown = row.estimates[metric.key].unknown
            if unknown:
                seeds = f"{unknown} of {count(row.done, 'seed')}"
                yield f"{row.label}: {metric.label} is not finite in {seeds}; no mean is given."
    yield from pairings(table)


def pairings(table: Table) -> Iterator[str]:
    """Say which tests leave seeds out because only one of the two methods has them."""
    alike: dict[tuple[str, int, int], list[str]] = {}
    for comparison in dict.fromkeys((*table.comparisons, table.single)):
        if comparison is not None and comparison.unpaired and comparison.seeds:
            key = comparison.other, len(comparison.seeds), comparison.unpaired
            alike.setdefault(key, []).append(comparison.method)
    for (other, common, unpaired), methods in alike.items():
        left = f"{unpaired} that only one of the two has" + (" is" if unpaired == 1 else " are")
        yield (
            f"{', '.join(methods)} against {other}: paired on {count(common, 'common seed')}; "
            f"{left} left out of the test."
        )
