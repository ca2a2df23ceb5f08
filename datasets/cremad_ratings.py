"""CREMA-D without its media: the raters' votes as input."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..benchmark.contract import Example, FusionDataset, Modality, Split, Task, UserError
from ..benchmark.registry import dataset
from .cremad_metadata.names import CLASSES, read_name
from .cremad_metadata.protocols import PROTOCOLS, Name, split
from .cremad_metadata.tables import corpus_folder, read_sexes, read_votes

MODALITIES = ("audio", "visual")


@dataset("cremad-ratings", source="Cao et al., IEEE Transactions on Affective Computing, 2014")
class CremadRatings(FusionDataset):
    """CREMA-D's 7,442 clips, six emotions, 91 actors, as their raters voted: CSV files alone.

    ``audio`` are the votes of the raters who heard the voice, ``visual`` of those who saw the face.
    Labels, speakers and protocols are those of the corpus. Of all votes for the voice .400 name the
    intended emotion, for the face .574, and of those who were shown both, who are no input, .631.

    The protocol ``ogm`` has actors on both sides of the split, and is flagged as leaking.

    Raises
    ------
    UserError
        No data root, no folder ``cremad`` or ``CREMA-D`` in it, or a CSV missing or damaged.
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of the ratings.

        Parameters
        ----------
        protocol
            ``"paper"``: intended emotion, actors disjoint; ``"perceived"``: majority of the
            audio-visual votes, ties dropped, the same actors' parts; ``"ogm"``: intended emotion,
            clips at random.
        tokens
            ``"emotion"``: six steps, each an emotion (one of six) and its share of the votes;
            ``"vote"``: a step for each vote, sorted, an emotion (one of six).
        """

        protocol: Name = "paper"
        tokens: Literal["emotion", "vote"] = "emotion"

    name = "cremad-ratings"

    def __init__(self, config: Config, root: Path | None = None):
        super().__init__(config, root)
        folder = corpus_folder(root, self.name)
        votes = read_votes(folder, self.name)
        self.sexes = read_sexes(folder, self.name)
        names = [read_name(clip) for clip in votes.clips]
        intended = [CLASSES.index(name.emotion) if name else -1 for name in names]
        labels = votes.perceived() if config.protocol == "perceived" else np.array(intended)
        if min(intended) < 0:
            wrong = votes.clips[intended.index(-1)]
            raise UserError(
                f"cremad-ratings: tabulatedVotes.csv names {wrong!r}, no clip of CREMA-D; fetch it "
                "again"
            )
        kept = np.flatnonzero(labels >= 0)
        self.votes = {"audio": votes.audio[kept], "visual": votes.visual[kept]}
        self.labels = labels[kept].astype(np.int64)
        self.ids = [votes.clips[i] for i in kept]
        self.groups = [name.actor for name in (names[i] for i in kept) if name]
        protocol = PROTOCOLS[config.protocol]
        self.design, self.protocol = "re-drawn", protocol.text
        self.leaks, self.training = protocol.leaks, protocol.training
        self.task = Task({n: self.modality(n) for n in MODALITIES}, CLASSES)

    def modality(self, name: str) -> Modality:
        if self.config.tokens == "emotion":
            return Modality((len(CLASSES) + 1,), len(CLASSES))
        return Modality((len(CLASSES),), int(self.votes[name].sum(1).max()))

    def fingerprint(self) -> str:
        """Hash votes, labels and actors, and how they are told."""
        total = hashlib.blake2b(f"{self.config} {self.ids} {self.groups}".encode(), digest_size=16)
        for values in (self.labels, *self.votes.values()):
            total.update(np.ascontiguousarray(values, np.int64).tobytes())
        actors = sorted(set(self.groups))
        total.update(str([(actor, self.sexes.get(actor, "")) for actor in actors]).encode())
        return total.hexdigest()

    def split(self, rng: np.random.Generator, fold: int) -> Split:  # noqa: ARG002
        return split(self.config.protocol, rng, np.asarray(self.groups), self.sexes)

    def examples(self, positions: np.ndarray) -> Iterator[Example]:
        for position in positions:
            yield {name: self.tokens(self.votes[name][position]) for name in MODALITIES}

    def tokens(self, votes: np.ndarray) -> np.ndarray:
        """Return one modality's steps of votes (6,)."""
        emotions = np.eye(len(CLASSES), dtype=np.float32)
        if self.config.tokens == "vote":
            return np.repeat(emotions, votes, axis=0)
        return np.column_stack([emotions, votes / votes.sum()]).astype(np.float32)
