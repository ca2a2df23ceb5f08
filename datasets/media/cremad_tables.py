"""What CREMA-D's tables say of actors and clips; what they lack costs a flag and no clip."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...benchmark.contract import UserError
from ..cremad_metadata.names import CLASSES
from ..cremad_metadata.tables import LETTERS, read_csv, read_sexes

DEMOGRAPHICS = "VideoDemographics.csv"
VOTES = "processedResults/tabulatedVotes.csv"
KINDS = ("voice", "face", "both")  # what the raters of rows 1xxxxx, 2xxxxx and 3xxxxx were shown
NO_SEXES = "no draw of actors can be balanced by sex"
NO_VOTES = "the protocol `perceived` has no labels"


@dataclass
class Metadata:
    """The actors' sexes and the clips' perceived emotions.

    Attributes
    ----------
    sexes, perceived
        By actor, and by clip; a clip without a majority has no perceived emotion.
    unheard
        By clip, of which kinds (voice, face, both) no votes are there.
    notes
        Which table is missing or damaged, and what follows from it.
    """

    sexes: dict[str, str] = field(default_factory=dict)
    perceived: dict[str, str] = field(default_factory=dict)
    unheard: dict[str, tuple[str, ...]] | None = None
    notes: list[str] = field(default_factory=list)

    def lacking(self, clip: str, actor: str) -> tuple[str, ...]:
        """Return the flags of a clip; a table that is not there is noted once, not for each."""
        flags = []
        if self.sexes and actor not in self.sexes:
            flags.append("unknown sex of the actor")
        if self.unheard is not None:
            lacks = self.unheard.get(clip, KINDS)
            flags += [f"no votes of {' and '.join(lacks)}"] if lacks else []
        return tuple(flags)


def read_metadata(root: Path) -> Metadata:
    """Read ``VideoDemographics.csv`` and ``processedResults/tabulatedVotes.csv``."""
    found = Metadata()
    if (root / DEMOGRAPHICS).exists():
        try:
            sexes = read_sexes(root, "cremad")
            found.sexes = {actor: sex for actor, sex in sexes.items() if sex}
        except UserError as error:
            found.notes.append(f"{error}. Until then {NO_SEXES}.")
    else:
        found.notes.append(f"No {DEMOGRAPHICS} in the folder: {NO_SEXES}.")
    if (root / VOTES).exists():
        try:
            read_perceived(root / VOTES, found)
        except UserError as error:
            found.notes.append(f"{error}. Until then {NO_VOTES}.")
    else:
        found.notes.append(f"No {VOTES} in the folder: {NO_VOTES}.")
    return found


def read_perceived(table: Path, found: Metadata) -> None:
    """Count the votes; a row that cannot be read is one that is missing."""
    rows = read_csv(table, ["Unnamed: 0", *LETTERS, "fileName"], "cremad")
    votes: dict[str, np.ndarray] = {}
    for kind, *counts, clip in rows[["Unnamed: 0", *LETTERS, "fileName"]].to_numpy(str):
        if kind[:1] in ("1", "2", "3") and all(map(is_count, counts)):
            kinds = votes.setdefault(str(clip), np.zeros((len(KINDS), len(LETTERS)), np.int64))
            kinds[int(kind[0]) - 1] += np.array(counts, np.int64)
    found.unheard = {}
    for clip, kinds in votes.items():
        found.unheard[clip] = tuple(s for s, n in zip(KINDS, kinds, strict=True) if not n.any())
        both = kinds[-1]
        if both.any() and (both == both.max()).sum() == 1:
            found.perceived[clip] = CLASSES[int(both.argmax())]


def is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
