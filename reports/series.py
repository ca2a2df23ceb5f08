"""Quality against length: one dataset's tables at several lengths, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .collect import Table
from .costs import Costs
from .evidence import Evidence
from .formatting import clean, difference, integer, number
from .metrics import Metric
from .standings import Estimate
from .wording import Name, Sentence, in_a_row, sentence

WORK = "inference"
UNKNOWN = "what it costs is not known here, so the claim is not tested"


@dataclass(frozen=True)
class Contrast:
    """A method against the baseline at one length, corrected with the plan's other comparisons.

    Attributes
    ----------
    ratio
        Its FLOPs of one inference over the baseline's, at the longest example; nan where unknown.
    """

    length: int
    evidence: Evidence
    ratio: float

    @property
    def adjusted(self) -> float:
        return self.evidence.adjusted

    @property
    def separated(self) -> bool:
        return self.evidence.separated

    @property
    def better(self) -> bool:
        return self.separated and self.evidence.test.difference > 0

    @property
    def worse(self) -> bool:
        return self.separated and self.evidence.test.difference < 0


@dataclass(frozen=True)
class Series:
    """One dataset at several lengths.

    Attributes
    ----------
    tables
        By length, ascending, the whole table.
    unit
        Of lengths: the steps of which modality.
    contrasts
        By method, at each length where it could be compared with the baseline.
    """

    anchor: str
    title: str
    unit: str
    metric: Metric
    baseline: str | None
    methods: tuple[str, ...]
    tables: Mapping[int, Table]
    contrasts: Mapping[str, tuple[Contrast, ...]]
    costs: Costs | None

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(self.tables)

    @property
    def crossed(self) -> bool:
        """Whether every seed is tested on the same examples, at every length."""
        return all(table.crossed for table in self.tables.values())

    @property
    def tests(self) -> int:
        """Comparisons that the plan's correction goes over, of other datasets too."""
        return max(table.family.tests for table in self.tables.values())

    def estimate(self, method: str, length: int) -> Estimate | None:
        """Return a method's mean and interval at a length, where it has one."""
        for row in self.tables[length].measured:
            if row.label == method and row.estimates[self.metric.key].known:
                return row.estimates[self.metric.key]
        return None

    def flops(self, method: str, length: int) -> float:
        """Return FLOPs of one inference with the longest example; nan where unknown."""
        if self.costs is None:
            return math.nan
        row = self.costs.find("flops", WORK, self.costs.batches[0]).get(method, {}).get(length)
        return math.nan if row is None or not row.value or row.mark == "uncounted" else row.value


def series(
    tables: Sequence[Table],
    costs: Sequence[Costs],
    lengths: Mapping[str, Mapping[str, int]],
) -> tuple[Series, ...]:
    """Gather the tables of the datasets that were run at several lengths.

    Parameters
    ----------
    lengths
        By dataset, the name that it has at each length with the frames of its longest example.
    """
    found = []
    for base, names in lengths.items():
        own = {
            int(length): table
            for name, length in names.items()
            for table in tables
            if table.dataset == clean(name)
        }
        if len(own) < 2:
            continue
        cost = next((c for c in costs if c.dataset == base), None)
        found.append(gathered(f"s{len(found) + 1}", clean(base), dict(sorted(own.items())), cost))
    return tuple(found)


def gathered(anchor: str, title: str, tables: Mapping[int, Table], costs: Costs | None) -> Series:
    """Put one dataset's tables together, and its comparisons with the baseline."""
    last = tables[max(tables)]
    # In the order of the longest; a length that is not done yet lacks some.
    found = (
        row.label for length in sorted(tables, reverse=True) for row in tables[length].standings
    )
    methods = tuple(dict.fromkeys(found))
    baseline = next((t.baseline for t in tables.values() if t.baseline is not None), None)
    bare = Series(
        anchor, title, f"{costs.lead} steps" if costs else "steps", last.primary, baseline,
        methods, tables, {}, costs,
    )  # fmt: skip
    contrasts: dict[str, list[Contrast]] = {}
    for length, table in tables.items():
        for each in table.evidence:
            if each.other == table.baseline:
                ratio = bare.flops(each.method, length) / bare.flops(each.other, length)
                contrasts.setdefault(each.method, []).append(Contrast(length, each, ratio))
    return Series(
        anchor, title, bare.unit, bare.metric, bare.baseline, bare.methods, tables,
        {name: tuple(several) for name, several in contrasts.items()}, costs,
    )  # fmt: skip


def conclusion(shown: Series, method: str) -> Sentence:
    """Say in one sentence what a method is against the baseline as sequences grow.

    ``better`` and ``worse`` are after Holm over all that the plan compares. Whether a claim of the
    form "better, at less compute" held is read from the lengths at which the method costs less.
    """
    anchor = f"{shown.anchor}-contrasts"
    names = (Name(method), " against ", Name(shown.baseline or ""))
    several = shown.contrasts.get(method, ())
    if not several:
        return sentence(*names, ": no length at which both have a result.", anchor=anchor)
    where = {
        word: [integer(c.length) for c in several if chosen(c)]
        for word, chosen in (("better", lambda c: c.better), ("worse", lambda c: c.worse))
    }
    untested = all(math.isnan(c.adjusted) for c in several)
    nothing = "no length could be tested" if untested else "not separated at any length"
    verdicts = [f"{word} at {''.join(in_a_row(found))}" for word, found in where.items() if found]
    last = several[-1]
    change = difference(shown.metric, last.evidence.test.difference)
    cost = f", with {number(last.ratio, 2)} times its FLOPs" if math.isfinite(last.ratio) else ""
    cheaper = [c for c in several if c.ratio < 1]
    known = any(math.isfinite(c.ratio) for c in several)
    held = claim(cheaper, bool(cheaper) and cheaper[-1] is last) if known else UNKNOWN
    return sentence(
        *names,
        f", {integer(several[0].length)} to {integer(last.length)} {shown.unit}: "
        f"{', '.join(verdicts) or nothing} (Holm over {shown.tests} comparisons); "
        f"{change} {shown.metric.unit} at {integer(last.length)}{cost}. Better at less compute: "
        f"{held}.",
        anchor=anchor,
    )


def claim(cheaper: Sequence[Contrast], at_the_longest: bool) -> str:
    """Whether "better, at less compute, as sequences grow" held where the method costs less."""
    if not cheaper:
        return "it costs less at no length, so the claim is not tested here"
    if all(math.isnan(c.adjusted) for c in cheaper):
        return "could not be tested"
    better, worse = any(c.better for c in cheaper), any(c.worse for c in cheaper)
    if better and worse:
        return "held at some of the lengths where it costs less, contradicted at others"
    if worse:
        return "contradicted"
    if not better:
        return "not separated"
    return "held" if at_the_longest and cheaper[-1].better else "held, but not at the longest"
