"""CREMA-D: audio and faces as ``bench data prepare cremad`` made them, under its protocols."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ..benchmark.contract import Split
from ..benchmark.registry import dataset
from .cremad_metadata.protocols import PROTOCOLS, Name, split
from .storage.prepared import PreparedDataset


@dataset(
    "cremad",
    source="Cao et al., IEEE Transactions on Affective Computing, 2014",
    argument="path",
    local=True,
)
class Cremad(PreparedDataset):
    """CREMA-D's six emotions by 91 actors, from a folder of ``bench data prepare cremad``.

    ``audio`` is openSMILE's 130 columns, ``visual`` an embedding or a face for each picture. The
    protocols are not comparable with one another; ``ogm`` has actors on both sides of the split,
    and is flagged as leaking.

    Raises
    ------
    UserError
        No store at the path, or one of another corpus; for ``perceived`` one that was prepared
        without the corpus's votes.
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of CREMA-D.

        Parameters
        ----------
        path
            The prepared folder.
        protocol
            ``"paper"``: intended emotion, actors disjoint; ``"perceived"``: majority of the
            audio-visual votes, ties dropped, the same actors' parts; ``"ogm"``: intended emotion,
            clips at random.
        modalities
            Which to use; all where none is given.
        flag
            Whether a last number of each visual vector says if a face was seen (vectors only).
        """

        path: str = ""
        protocol: Name = "paper"
        modalities: tuple[str, ...] = ()
        flag: bool = False

    name = "cremad"

    def words(self) -> list[str]:
        if self.store.corpus != "cremad":
            raise self.fault(f"it holds {self.store.corpus!r}, not CREMA-D; use features:PATH")
        if self.config.protocol != "perceived":
            return self.store.columns["label"]
        words = self.store.columns["perceived"]
        if not any(words):
            raise self.fault(
                "no perceived emotions: processedResults/tabulatedVotes.csv was not in CREMA-D's "
                "folder; fetch it and prepare again (nothing is computed twice)"
            )
        return words

    def choose_protocol(self) -> None:
        chosen = PROTOCOLS[self.config.protocol]
        self.design, self.protocol = "re-drawn", chosen.text
        self.leaks, self.training = chosen.leaks, chosen.training
        columns = (self.store.columns["speaker"], self.store.columns["sex"])
        self.sexes = dict(zip(*columns, strict=True))
        self.need_speakers(np.arange(len(self)), 3)

    def fingerprint(self) -> str:
        """Hash the content in use, the protocol's labels, and the actors' sexes."""
        text = f"{super().fingerprint()} {self.config.protocol} {sorted(self.sexes.items())}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def split(self, rng: np.random.Generator, fold: int) -> Split:  # noqa: ARG002
        return split(self.config.protocol, rng, np.asarray(self.groups), self.sexes)
