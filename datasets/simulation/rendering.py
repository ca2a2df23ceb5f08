"""From what was drawn for a clip to its sequences: patterns, speaker, sentence and noise."""

from __future__ import annotations

import numpy as np

from .base import SimulatedTask
from .channel import MODALITIES
from .streams import Purpose, stream

CYCLES = (1, 2)  # of a sentence's nuisance pattern over a clip, one component each


class Renderer:
    """Turns clips of one task into values.

    A step of modality m at relative time t is

        gain_m sum_j c_j(t) d_j + sentence_gain sum_k sin(2 pi (k t + phase_k)) p_k + o + noise,

    with the contours c and directions d of the symbol (orthonormal), the patterns p and phases of
    the sentence (p of unit length), the speaker's constant o and white noise. All but the noise
    has a rank of a few, so a clip costs little more than its normal numbers.
    """

    def __init__(self, task: SimulatedTask):
        self.task = task
        s, self.directions, self.patterns, self.phases, self.offsets = task.settings, {}, {}, {}, {}
        for index, name in enumerate(MODALITIES):
            width = s.width(name)
            drawn = stream(s.seed, Purpose.DIRECTIONS, index).standard_normal((width, s.symbols))
            self.directions[name] = np.linalg.qr(drawn)[0].T.astype(np.float32)
            rng = stream(s.seed, Purpose.SENTENCE_PATTERNS, index)
            patterns = rng.standard_normal((task.sentences, len(CYCLES), width))
            patterns /= np.linalg.norm(patterns, axis=-1, keepdims=True)
            self.patterns[name] = patterns.astype(np.float32)
            self.phases[name] = rng.random((task.sentences, len(CYCLES)))
            rng = stream(s.seed, Purpose.SPEAKERS, index)
            offsets = s.speaker_offset * rng.standard_normal((s.speakers, width))
            self.offsets[name] = offsets.astype(np.float32)

    def values(self, position: int, modality: str) -> np.ndarray:
        """Draw one modality of one clip, (T, width) float32, from the clip's own stream."""
        task, clips, settings = self.task, self.task.clips, self.task.settings
        length = int(clips.lengths[modality][position])
        sentence, speaker = clips.sentences[position], clips.speakers[position]
        contours, which = task.shapes(modality, position)
        courses = [task.gain[modality] * contours, np.ones((1, length))]
        rows = [
            self.directions[modality][which],
            self.offsets[modality][[speaker]],
        ]
        if task.sentence_gain:
            middle = (np.arange(length) + 0.5) / length
            turns = np.outer(CYCLES, middle) + self.phases[modality][sentence][:, None]
            courses.append(task.sentence_gain * np.sin(2 * np.pi * turns))
            rows.append(self.patterns[modality][sentence])
        purpose = Purpose.AUDIO_NOISE if modality == "audio" else Purpose.VISUAL_NOISE
        rng = stream(settings.seed, purpose, position)
        values = rng.standard_normal((length, settings.width(modality)), dtype=np.float32)
        values *= np.float32(settings.noise)
        values += np.concatenate(courses).T.astype(np.float32) @ np.concatenate(rows)
        return values
