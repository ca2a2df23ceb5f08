"""CREMA-D's file names: actor, sentence, emotion and intensity (Cao et al., 2014)."""

from __future__ import annotations

import re
from dataclasses import dataclass

SOURCE = "https://github.com/CheyneyComputerScience/CREMA-D"
CLIPS = 7442
EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
CLASSES = tuple(EMOTIONS.values())
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": ""}
NAME = re.compile(r"(1\d{3})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)")


@dataclass(frozen=True)
class ClipName:
    """What a name such as ``1001_IEO_HAP_LO`` says; intensity is ``""`` where it is unspecified."""

    actor: str
    sentence: str
    emotion: str
    intensity: str


def read_name(name: str) -> ClipName | None:
    """Read a clip's name without suffix; None where it is none of the corpus's."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    actor, sentence, emotion, level = match.groups()
    # One clip of the corpus, 1040_ITH_SAD_X, has a single X.
    return ClipName(actor, sentence, EMOTIONS[emotion], INTENSITIES[level.ljust(2, "X")])
