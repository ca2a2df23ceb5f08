"""A run that added seeds in looks: what each look found, and which seeds nobody asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..benchmark.looks import Course, Pair, decided_in_passing, start
from ..benchmark.looks_store import StoreSource
from ..benchmark.store import Store
from .evidence import Evidence
from .formatting import clean


@dataclass(frozen=True)
class Looks:
    """The looks of a plan, retold from its store's records.

    Attributes
    ----------
    places
        The comparisons of ``course`` that are spoken of: all, or one dataset's.
    seeds
        The plan's, in the order in which looks take them.
    beyond
        For each comparison of ``course``, whether it is decided for new speakers and new seeds.
    """

    course: Course
    places: tuple[int, ...]
    seeds: tuple[int, ...]
    beyond: tuple[bool, ...]

    def on(self, dataset: str) -> Looks | None:
        """Return those of one dataset."""
        pairs = self.course.pairs
        places = tuple(i for i in self.places if pairs[i].dataset == dataset)
        return replace(self, places=places) if places else None

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(self.course.pairs[i] for i in self.places)

    @cached_property
    def asked(self) -> dict[tuple[str, str], int]:
        """Seeds that each (dataset, method) was to be run for by now."""
        datasets = {pair.dataset for pair in self.pairs}
        return {key: n for key, n in self.course.asked().items() if key[0] in datasets}

    @property
    def saved(self) -> tuple[int, int]:
        """Trainings that were not needed, and those of all seeds."""
        most = len(self.seeds)
        return sum(most - n for n in self.asked.values()), most * len(self.asked)

    def spared(self) -> dict[tuple[str, str], Collection[int]]:
        """Return the plan's seeds that each (dataset, method) need not have."""
        return {key: self.seeds[n:] for key, n in self.asked.items()}

    def judged(self, found: Sequence[Evidence]) -> tuple[Evidence, ...]:
        """Let the planned comparisons' verdicts follow the looks: a p at a chosen time is no p."""
        separated = {
            frozenset((clean(pair.method), clean(pair.other))): self.beyond[i]
            for i, pair in zip(self.places, self.pairs, strict=True)
        }
        return tuple(
            replace(one, looked=separated.get(frozenset((one.method, one.other))))
            if one.confirmatory
            else one
            for one in found
        )


def looks(
    plan: Mapping[str, Any] | None, records: Sequence[Mapping[str, Any]], store: Store
) -> Looks | None:
    """Take a plan's looks again from the records; None where the plan has none."""
    if not plan or not plan.get("looks") or not plan.get("comparisons"):
        return None
    pairs = [Pair(**fields) for fields in plan["comparisons"]]
    source = StoreSource(store, plan, records)
    course = start(plan["looks"], plan["alpha"], pairs).followed(source)
    return Looks(
        course, tuple(range(len(pairs))), tuple(plan["seeds"]), decided_in_passing(course, source)
    )
