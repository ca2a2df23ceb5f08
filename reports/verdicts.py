"""The verdicts in words: what the corrected tests say, and beside them the papers' own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

from .collect import Table
from .evidence import Evidence
from .formatting import count, difference, p_phrase
from .pairwise import Pairwise
from .wording import Name, Sentence, listed, sentence

NAMED = 5  # methods that a sentence names
KINDS = ("better", "worse", "practically equal", "not separated")


def verdicts(table: Table) -> Iterator[Sentence]:
    """Say what the plan's tests say of a table, of its first method before the others.

    A verdict is that of the corrected test at the plan's level, whoever leads: the correction
    over all planned comparisons holds for the one that is picked after seeing the means.
    """
    first = next(row for row in table.standings if row.estimates[table.primary.key].known)
    if table.baseline is not None and not table.comparisons:
        done = any(row.baseline and row.done for row in table.standings)
        why = "no other method has a complete seed" if done else "it has no complete seed"
        base = Name(table.baseline)
        anchor = f"{table.anchor}-leaderboard"
        yield sentence("Nothing is compared with the baseline ", base, f": {why}.", anchor=anchor)
    leader = between(table, first.label, table.baseline)
    single = table.single and between(table, table.single.method, table.single.other)
    nothing = bool(table.evidence) and all(math.isnan(e.adjusted) for e in table.evidence)
    if leader is None and len(table.evidence) == 1:
        leader = table.evidence[0]
    if leader is not None and not nothing:
        yield versus(table, leader, "", " the baseline " if leader.other == table.baseline else " ")
    if len(table.evidence) > 1 or nothing:
        yield tally(table)
    if single is not None and not (nothing and math.isnan(single.adjusted)):
        yield versus(table, single, ", the best fusion,", " the best single modality, ")
    if table.pairs is not None and table.pairs.tested:
        yield leading(table, table.pairs)
    yield from papers(table, first.label)


def between(table: Table, method: str, other: str | None) -> Evidence | None:
    """Return the comparison of two methods from the first one's side."""
    for found in table.compared:
        if (found.method, found.other) == (method, other):
            return found
        if (found.other, found.method) == (method, other):
            return found.reversed()
    return None


def versus(table: Table, found: Evidence, role: str, other: str) -> Sentence:
    """Say a comparison's verdict with its figures."""
    anchor = f"{table.anchor}-{'evidence' if found.confirmatory else 'pairs'}"
    names = [Name(found.method), role, " against", other, Name(found.other)]
    test, alpha = found.test, found.rules.alpha
    if math.isnan(found.adjusted):
        return sentence(names, f": {found.verdict}.", anchor=anchor)
    by = f"{difference(found.metric, test.difference)} {found.metric.unit} in the mean"
    if found.scope == "speakers" and found.design == "redrawn":
        by += " over speakers"
    if found.looked is not None:
        text = f": {found.verdict} {found.holds_for} over all looks; {by}."
        return sentence(names, text, anchor=anchor)
    ends = " to ".join(difference(found.metric, end) for end in (test.low, test.high))
    exploratory = len(table.compared) - len(table.evidence)
    family = (
        f"the {count(table.family.tests, 'comparison')} of the plan"
        if found.confirmatory
        else f"{count(exploratory, 'exploratory comparison')}"
    )
    text = (
        f": {found.verdict} {found.holds_for}; {by} ({100 * test.confidence:g} % interval "
        f"{ends}, not corrected), {p_phrase(test.p, alpha)}, after Holm over {family} "
        f"{p_phrase(found.adjusted, alpha)}."
    )
    return sentence(names, text, anchor=anchor)


def tally(table: Table) -> Sentence:
    """Count the verdicts on the plan's comparisons, and name what was separated."""
    planned, first = table.evidence, table.evidence[0]
    kinds = {kind: [e for e in planned if e.verdict == kind] for kind in KINDS}
    untested = [e for e in planned if e.verdict not in KINDS]
    against = first.rules.family == "baseline"
    names = ["the baseline ", Name(first.other)] if against else ["each other"]
    opening = [f"Of {count(len(planned), 'planned comparison')} with ", *names]
    looked = any(found.looked is not None for found in planned)
    anchor = f"{table.anchor}-evidence"
    if len(untested) == len(planned):
        reasons = dict.fromkeys(e.verdict.removeprefix("cannot be tested: ") for e in planned)
        text = f" none can be tested {first.holds_for}: {'; '.join(reasons)}."
        return sentence(opening, text, anchor=anchor)
    parts: list[str] = []
    for kind, found in kinds.items():
        if found:
            named = against and kind in KINDS[:2] and len(found) <= NAMED
            parts += [", " if parts else "", f"{len(found)} {kind}"]
            parts += [" (", *listed([e.method for e in found]), ")"] if named else []
            parts += [" (each by itself)"] if kind == "practically equal" and len(found) > 1 else []
    if untested:
        parts.append(f", {len(untested)} that cannot be tested")
    rules = first.rules
    whole = table.family.tests
    over = "these" if whole == len(planned) else f"all {whole} of the plan"
    level = f", {first.holds_for} at p < {rules.alpha:g} after Holm over {over}: "
    if looked:
        level = f", {first.holds_for} over all looks and {over} at {rules.alpha:g}: "
    return sentence(opening, level, parts, ".", anchor=anchor)


def leading(table: Table, pairs: Pairwise) -> Sentence:
    """Name the methods that none is shown to be better than.

    A method that could not be compared with every other is named here too, if with those alone.
    """
    first, methods, anchor = pairs.first, len(pairs.methods), f"{table.anchor}-pairs"
    by = ", by the tests of every two, planned and exploratory"
    left = len(table.standings) - methods
    if left:
        by += f"; {count(left, 'method')} without a mean could not be compared"
    if len(first) == 1 and pairs.ranks.high[pairs.methods.index(first[0])] == 1:
        text = f" is shown to be better than every other{by}."
        return sentence(Name(first[0]), text, anchor=anchor)
    if len(first) == methods:
        text = "The tests of every two methods leave each of them the first rank: none is "
        return sentence(text, "shown to be worse than another.", anchor=anchor)
    if len(first) > NAMED:
        text = f"{len(first)} of {methods} methods are not shown to be worse than any other{by}."
        return sentence(text, anchor=anchor)
    text = f" {are(first)} not shown to be worse than any of the {methods} methods{by}."
    return sentence(listed(first), text, anchor=anchor)


def papers(table: Table, first: str) -> Iterator[Sentence]:
    """Say what the papers' test says of the same pairs, labelled as what it is."""
    leader = next((c for c in table.comparisons if c.method == first), None)
    shown = list(dict.fromkeys(c for c in (leader, table.single) if c is not None and not c.reason))
    if not shown:
        return
    known = sum(row.estimates[table.primary.key].known for row in table.standings)
    chosen = ", of methods chosen after seeing the results" if known > 2 else ""
    opening = (
        f"The papers' paired t over seeds, no verdict here (one-tailed, not corrected{chosen})"
    )
    parts: list[str] = []
    for one in shown:
        parts += ["; " if parts else ": ", Name(one.method), " against ", Name(one.other)]
        parts.append(f", {one.phrase}")
    scope = f"; {table.protocol.holds_for}" if table.protocol else ""
    yield sentence(opening, parts, f"{scope}.", anchor=f"{table.anchor}-tests")


def are(names: Sized) -> str:
    return "is" if len(names) == 1 else "are"
