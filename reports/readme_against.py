"""What a README shows of a tuned run against an untuned one: gains, tests, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..benchmark.contract.errors import UserError
from ..benchmark.store import read_json
from .change import Change
from .compare import compare
from .compare_view import HOLDS_FOR
from .formatting import NOTHING, count, difference, duration, integer, p_value, value
from .grids import Column, Entry, Grid
from .markdown import escaped, lines, say
from .wording import listed, sentence

KEPT = "keeps its default"
TESTS = {
    "seeds": "two-sided paired t over seeds",
    "speakers": "two-sided t on the two-way jackknife variance over seeds and speakers",
}


def against(store: Path, other: Path) -> str:
    """Return what a README shows of a tuned run against another of the same methods.

    Raises
    ------
    UserError
        A folder without results, runs that share no cell, or a first one that was not tuned.
    """
    tuning = read_json(store / "tuning" / "tune.json")
    if tuning is None:
        raise UserError(f"{store.name!r} was not tuned; expected a folder of `bench run --tuned`")
    # One whose best trial was its default ran the default's cells again: another machine may round
    # otherwise, which is no change that tuning made.
    changes = compare(other, store, repeated=False).changes
    spent = {row["method"]: row for row in tuning["studies"]}
    columns = ["method", "default", "tuned", "change", "p (Holm)", "verdict", "trials", "pruned",
               "computing"]  # fmt: skip
    words = ("method", "verdict")

    def row(one: Change) -> tuple[Entry, ...]:
        cost, metric = spent[one.method], one.metric
        return (
            Entry(one.method, name=True),
            Entry(value(metric, one.before)),
            Entry(value(metric, one.after), strong=one.separated and one.result.difference > 0),
            Entry(NOTHING if one.repeated else difference(metric, one.result.difference)),
            Entry(NOTHING if one.repeated else p_value(one.adjusted, one.alpha)),
            Entry(verdict(one)),
            Entry(integer(cost["counts"]["trials"])),
            Entry(integer(cost["counts"]["pruned"])),
            Entry(duration(cost["seconds"])),
        )

    ordered = sorted(changes, key=lambda one: worth(one, "after"), reverse=True)
    table = Grid(
        "", "", tuple(Column(c, numeric=c not in words) for c in columns), tuple(map(row, ordered))
    )
    return "\n\n".join([caption(changes), lines(table), " ".join(said(changes, tuning))])


def verdict(one: Change) -> str:
    return KEPT if one.repeated and not one.broke else one.verdict


def worth(one: Change, side: str) -> float:
    """Return a mean, the greater the better."""
    return getattr(one, side) * (1.0 if one.metric.higher else -1.0)


def caption(changes: Sequence[Change]) -> str:
    """Say what is compared, and how it is tested."""
    one = changes[0]
    tested = sum(not one.repeated and not one.same for one in changes)
    return escaped(
        f"{one.dataset}, size {one.size}, {one.metric.label}: default settings, and those of the "
        f"best validation score among a method's trials, in the mean of "
        f"{count(len(one.seeds), 'fresh seed')}; {TESTS[one.scope]}, Holm over "
        f"{count(tested, 'method')} whose settings changed, for {HOLDS_FOR[one.scope]}."
    )


def said(changes: Sequence[Change], tuning: dict) -> Iterator[str]:
    """Say which methods tuning changed, and what all of it cost."""
    begins = {
        word: f"Tuned against default, {word}: " for word in ("better", "worse", "not separated")
    } | {KEPT: "No trial was better than the default: "}
    for word, begin in begins.items():
        names = [one.method for one in changes if verdict(one) == word]
        if names:
            yield say(sentence(begin, listed(names), "."))
    before, after = (
        max(changes, key=lambda one, s=side: worth(one, s)).method for side in ("before", "after")
    )
    yield say(
        sentence("The first in the mean is ", listed([before]),
                 " by default and ", listed([after]), " tuned.")
    )  # fmt: skip
    seconds = sum(row["seconds"] for row in tuning["studies"])
    trials = sum(row["counts"]["trials"] for row in tuning["studies"])
    yield escaped(f"All {trials} trials took {duration(seconds)} of one core's computing.")
