"""Six emotions in voice and face, as hard to tell as people find those of CREMA-D."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .base import SimulatedTask
from .confusion import CLIPS, EMOTIONS, FACE_VOTES, VOICE_VOTES
from .settings import TIMING


class CremadLike(SimulatedTask):
    """Each modality shows a class drawn from the human confusion matrix of CREMA-D.

    Shapes are those of the corpus in the literature: 130 acoustic features at 62.5 Hz, 512 visual
    ones at 30 Hz, clips of 1.3 to 5 s (about 2.5 s), 91 speakers, 12 sentences, 7,442 clips. Given
    the class, the two modalities' votes are independent. With the corpus's prior (neutral has
    1,087 clips, each other emotion 1,271) the ceilings are .398 for the voice, .574 for the face
    and .620 for both.
    """

    name: ClassVar[str] = "cremad-like"
    rates: ClassVar[Mapping[str, float]] = {"audio": 62.5, "visual": 30.0}
    has: ClassVar[frozenset[str]] = TIMING
    defaults: ClassVar[Mapping[str, Any]] = {
        "clips": 7442, "speakers": 91, "symbols": 6, "audio_width": 130, "visual_width": 512,
        "speaker_offset": 0.3, "shortest": 1.3, "longest": 5.0,
    }  # fmt: skip
    gain: ClassVar[Mapping[str, float]] = {"audio": 10.0, "visual": 10.0}
    level: ClassVar[float] = 0.2
    sentences: ClassVar[int] = 12
    sentence_gain: ClassVar[float] = 1.0

    @property
    def training(self) -> Mapping[str, Any]:
        """Some 1,000 steps of 32 clips: half of the labels are what the votes do not tell.

        Trained on, a model learns them by heart: the validation loss rises from the third epoch of
        the whole corpus on, and patience only makes that late.
        """
        return {"epochs": min(60, math.ceil(6 * self.defaults["clips"] / self.settings.clips))}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The emotions, in the order of the confusion matrices."""
        return EMOTIONS

    def joint(self) -> np.ndarray:
        """P(y, a, v) = P(y) P(voice vote a | y) P(face vote v | y)."""
        prior = CLIPS / CLIPS.sum()
        voice = VOICE_VOTES / VOICE_VOTES.sum(axis=1, keepdims=True)
        face = FACE_VOTES / FACE_VOTES.sum(axis=1, keepdims=True)
        return np.einsum("y,ya,yv->yav", prior, voice, face)
