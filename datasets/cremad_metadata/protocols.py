"""CREMA-D's three protocols, which are not comparable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from ...benchmark.contract import Split

Name = Literal["paper", "perceived", "ogm"]
HELD = 0.15  # share of the actors in validation, and in test
OGM_TEST = 744 / 7442  # share of the clips that OGM-GE's line of work tests on
OGM_VALID = 0.1  # of the others, which are trained on in the end


@dataclass(frozen=True)
class Protocol:
    """How labels are made and clips are parted.

    Parameters
    ----------
    text
        One phrase for the report.
    leaks
        Whether actors stand on both sides.
    training
        Training settings that the protocol calls for.
    """

    text: str
    leaks: bool = False
    training: Mapping[str, Any] = field(default_factory=dict)


PROTOCOLS: Mapping[str, Protocol] = {
    "paper": Protocol(
        "intended emotion; 70/15/15 of the actors, disjoint, balanced by sex, drawn per seed"
    ),
    "perceived": Protocol(
        "majority of the audio-visual votes, ties dropped; the actors' parts of `paper`"
    ),
    "ogm": Protocol(
        "intended emotion; 6,698/744 clips at random, actors on both sides, as OGM-GE has it; a "
        "tenth of the training clips validates, then all of them train",
        leaks=True,
        training=MappingProxyType({"refit": True}),
    ),
}


def split(
    protocol: str, rng: np.random.Generator, actors: np.ndarray, sexes: Mapping[str, str]
) -> Split:
    """Draw the parts.

    Parameters
    ----------
    actors
        (N,) the actor of each clip.
    sexes
        Of each actor; an actor without one is of a third kind.
    """
    if protocol == "ogm":
        order = rng.permutation(len(actors))
        test = max(1, round(OGM_TEST * len(actors)))
        valid = max(1, round(OGM_VALID * (len(actors) - test)))
        parts = order[test + valid :], order[test : test + valid], order[:test]
        return Split(*(np.sort(part) for part in parts))
    held = draw_actors(rng, {actor: sexes.get(actor, "") for actor in np.unique(actors).tolist()})
    valid, test = (np.isin(actors, part) for part in held)
    return Split(*(np.flatnonzero(part) for part in (~(valid | test), valid, test)))


def draw_actors(rng: np.random.Generator, sexes: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Draw the actors of validation and test: 15 % each, of every sex its share.

    What is left over after rounding down goes to the sex that lost most by it. Of CREMA-D's 48 men
    and 43 women 7 and 7 are in either part.
    """
    kinds = {kind: sorted(a for a in sexes if sexes[a] == kind) for kind in set(sexes.values())}
    exact = {kind: HELD * len(kinds[kind]) for kind in sorted(kinds)}
    count = {kind: int(share) for kind, share in exact.items()}
    left = max(1, round(HELD * len(sexes))) - sum(count.values())
    for kind in sorted(exact, key=lambda kind: count[kind] - exact[kind])[:left]:
        count[kind] += 1
    valid: list[str] = []
    test: list[str] = []
    for kind in exact:
        order = rng.permutation(np.asarray(kinds[kind])).tolist()
        valid += order[: count[kind]]
        test += order[count[kind] : 2 * count[kind]]
    return valid, test
