"""CREMA-D's own CSV files: the actors' sexes and the raters' votes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...benchmark.contract import UserError
from .names import CLASSES, SOURCE

if TYPE_CHECKING:
    import pandas as pd

FOLDERS = ("cremad", "CREMA-D")
LETTERS = ("A", "D", "F", "H", "N", "S")  # of the votes' columns, in the order of the classes
SHOWN = ("audio", "visual", "both")  # what the raters of rows 1xxxxx, 2xxxxx and 3xxxxx were shown


def corpus_folder(root: Path | None, owner: str) -> Path:
    """Return the corpus's folder under the data root.

    Raises
    ------
    UserError
        No data root, or no folder ``cremad`` or ``CREMA-D`` in it.
    """
    if root is None:
        raise UserError(
            f"{owner}: no data root to look for CREMA-D in; set --data-root DIR or FUSEMARK_DATA "
            f"to the folder that holds {FOLDERS[0]!r} (the corpus: {SOURCE})"
        )
    for name in FOLDERS:
        if (root / name).is_dir():
            return root / name
    raise UserError(
        f"{owner}: no folder {str(root / FOLDERS[0])!r}; set --data-root DIR or FUSEMARK_DATA to "
        f"the folder that holds it (the corpus: {SOURCE})"
    )


def read_csv(path: Path, columns: list[str], owner: str) -> pd.DataFrame:
    """Read some columns of a CSV as text."""
    import pandas as pd

    try:
        return pd.read_csv(path, usecols=columns, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise UserError(
            f"{owner}: no {path.name} in {str(path.parent)!r}; fetch it from {SOURCE} (it is no "
            "media, a clone without git-lfs has it)"
        ) from error
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(
            f"{owner}: {path.name} cannot be read ({said}); fetch it again from {SOURCE}"
        ) from error


def read_sexes(folder: Path, owner: str) -> dict[str, str]:
    """Return each actor's sex as the corpus has it: ``Female`` or ``Male``."""
    table = read_csv(folder / "VideoDemographics.csv", ["ActorID", "Sex"], owner)
    return dict(zip(table["ActorID"], table["Sex"], strict=True))


@dataclass(frozen=True)
class Votes:
    """How often each emotion was chosen for each clip.

    Parameters
    ----------
    clips
        Names, sorted.
    audio, visual, both
        (N, 6) int64 votes of the raters who were shown the voice, the face, or both.
    """

    clips: tuple[str, ...]
    audio: np.ndarray
    visual: np.ndarray
    both: np.ndarray

    def accuracy(self, shown: str, labels: np.ndarray) -> float:
        """Return the share of all votes for the intended emotion (N,): .400, .574 and .631."""
        votes = getattr(self, shown)
        return float(votes[np.arange(len(votes)), labels].sum() / votes.sum())

    def perceived(self) -> np.ndarray:
        """Return the majority of the audio-visual votes, (N,) int64; -1 where it is a tie."""
        most = self.both.max(1, keepdims=True)
        single = (self.both == most).sum(1) == 1
        return np.where(single, self.both.argmax(1), -1)


def read_votes(folder: Path, owner: str) -> Votes:
    """Read ``processedResults/tabulatedVotes.csv``.

    Raises
    ------
    UserError
        The file is missing or damaged, or a clip lacks votes of one kind.
    """
    path = folder / "processedResults" / "tabulatedVotes.csv"
    table = read_csv(path, ["Unnamed: 0", *LETTERS, "fileName"], owner)
    try:
        counts = table[list(LETTERS)].astype(int).to_numpy(np.int64)
        kinds = table["Unnamed: 0"].str[0].astype(int).to_numpy() - 1
    except ValueError as error:
        raise UserError(f"{owner}: {path.name} is damaged ({error}); fetch it again") from error
    names, places = np.unique(table["fileName"].to_numpy(str), return_inverse=True)
    votes = np.zeros((3, len(names), len(CLASSES)), np.int64)
    known = (kinds >= 0) & (kinds < 3)
    np.add.at(votes, (kinds[known], places[known]), counts[known])
    if not known.all() or (votes.sum(2) == 0).any() or (counts < 0).any():
        raise UserError(
            f"{owner}: {path.name} is damaged (a clip lacks votes of voice, face or both); fetch "
            f"it again from {SOURCE}"
        )
    return Votes(tuple(map(str, names)), *votes)
