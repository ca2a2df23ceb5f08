"""RAVDESS: speech of 24 actors, as ``bench data prepare ravdess`` made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..benchmark.registry import dataset
from .features import Features


@dataset("ravdess", source="Livingstone and Russo, PLoS ONE, 2018", argument="path", local=True)
class Ravdess(Features):
    """RAVDESS's eight emotions in 1,440 spoken clips, from a folder of ``bench data prepare``.

    The corpus has no split of its own: six folds of four actors (01-04, 05-08, ...), each tested in
    turn, the next one validates. ``audio`` is openSMILE's 130 columns; ``visual`` what the folder
    was prepared from: embeddings or faces of the videos, or one vector of action units a clip.

    Raises
    ------
    UserError
        No store at the path, or one of another corpus.
    """

    @dataclass(frozen=True)
    class Config(Features.Config):
        """Settings of RAVDESS: those of a feature store, with folds by actor unless set."""

        protocol: Literal["auto", "drawn", "folds", "given"] = "folds"

    name = "ravdess"

    def words(self) -> list[str]:
        if self.store.corpus != "ravdess":
            raise self.fault(f"it holds {self.store.corpus!r}, not RAVDESS; use features:PATH")
        return super().words()
