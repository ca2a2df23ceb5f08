"""Each speaker's own score: how much the people of the test parts differ, and who is hardest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .formatting import clean
from .grouping import Row
from .metrics import Metric
from .predictions import SCORES, Predictions, Stacked, truth

FEWEST = 2  # speakers of which there is a spread


@dataclass(frozen=True)
class Speakers:
    """Scores of each method on each speaker, averaged over the seeds that tested it.

    Attributes
    ----------
    names
        Speakers that every method was tested on, hardest first by the mean over methods.
    scores
        (methods, speakers), in the metric's own direction.
    examples
        (speakers,) test examples in a seed that tests the speaker.
    seeds
        (speakers,) seeds that tested it, of the method with most.
    """

    methods: tuple[str, ...]
    names: tuple[str, ...]
    scores: np.ndarray
    examples: np.ndarray
    seeds: np.ndarray


def speakers(rows: Sequence[Row], metric: Metric, said: Predictions) -> Speakers | None:
    """Score every method on every speaker.

    None where the metric does not follow from a speaker's own examples, or there are not two.
    """
    if metric.key not in SCORES:
        return None
    found = {row.label: (row, stack) for row in rows if (stack := said.stacked(row)) is not None}
    if not found:
        return None
    names = sorted(set.intersection(*(set(stack.speakers) for _, stack in found.values())))
    if len(names) < FEWEST:
        return None
    scores = np.stack(
        [by_speaker(said.scores(row, stack), stack, names) for row, stack in found.values()]
    )
    _, most = max(found.values(), key=lambda pair: len(pair[1].seeds))
    counts = truth(most.values).reshape(*most.values.shape[:2], -1).sum(2)
    counts = counts[:, [most.speakers.index(name) for name in names]]
    seeds = (counts > 0).sum(0)
    examples = counts.sum(0) / seeds
    order = np.argsort(scores.mean(0), kind="stable")
    return Speakers(
        tuple(found),
        tuple(clean(names[i]) for i in order),
        (scores if metric.higher else -scores)[:, order],
        examples[order],
        seeds[order],
    )


def by_speaker(scores: np.ndarray, stack: Stacked, names: Sequence[str]) -> np.ndarray:
    """Average every named speaker's scores over the seeds that tested it."""
    return np.nanmean(scores[:, [stack.speakers.index(name) for name in names]], axis=0)
