"""Counter-based random streams: every draw is found by its name, without drawing what precedes it.

Philox 4x64 (Salmon et al., SC 2011) is keyed by the seed and the purpose; the index of a clip or a
speaker stands in the counter, 2^128 draws from the next one.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for; streams of different purposes are independent."""

    SYMBOLS = 0
    LABEL_NOISE = 1
    SENTENCES = 2
    SPEED = 3
    SPEAKER_SPEED = 4
    EVENTS = 5
    DIRECTIONS = 6
    SPEAKERS = 7
    SENTENCE_PATTERNS = 8
    AUDIO_NOISE = 9
    VISUAL_NOISE = 10


def stream(seed: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """Open the stream of a purpose at an index (a clip, a speaker); cheap enough to do for each."""
    key = np.array([seed, int(purpose)], dtype=np.uint64)
    counter = np.array([0, 0, index, 0], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
