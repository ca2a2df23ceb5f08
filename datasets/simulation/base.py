"""Base of the simulated tasks: a channel from labels to symbols, and how a symbol shows in time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .channel import MODALITIES, Channel
from .settings import EVERYWHERE, MAX_LENGTH, TIMING, Settings, refuse
from .streams import Purpose, stream


@dataclass(frozen=True)
class Clips:
    """What was drawn for all clips, apart from their values; arrays of (n,) int64.

    Parameters
    ----------
    labels
        Classes after label noise.
    symbols, lengths
        By modality: the symbol shown, and the number of steps.
    events
        By modality (n, events): the steps at which events begin, in tasks that have events.
    speakers, sentences
        Who speaks, and which sentence.
    """

    labels: np.ndarray
    symbols: Mapping[str, np.ndarray]
    lengths: Mapping[str, np.ndarray]
    events: Mapping[str, np.ndarray]
    speakers: np.ndarray
    sentences: np.ndarray


class SimulatedTask(ABC):
    """One task; a subclass stands in one file and gives its channel and its defaults.

    Attributes
    ----------
    name
        What follows the colon in ``simulated:<name>``.
    rates
        Steps per second of each modality, Hz.
    defaults, has
        The task's own defaults, and the settings that it has beside those of every task.
    gain
        By modality, amplitude of a symbol's pattern along its direction of unit length.
    level
        Mean over time of a pattern's contour, whose cycle has amplitude 1.
    sentences, sentence_gain
        Number of sentences, each with a duration and a nuisance pattern of its own, and the
        pattern's amplitude.
    """

    name: ClassVar[str]
    rates: ClassVar[Mapping[str, float]] = {"audio": 12.0, "visual": 8.0}
    defaults: ClassVar[Mapping[str, Any]]
    has: ClassVar[frozenset[str]] = TIMING | {"symbols"}
    gain: ClassVar[Mapping[str, float]] = {"audio": 6.0, "visual": 6.0}
    level: ClassVar[float] = 0.5
    sentences: ClassVar[int] = 1
    sentence_gain: ClassVar[float] = 0.0

    def __init__(self, settings: Settings, owner: str):
        self.settings = settings
        self.check(owner)
        self.channel = Channel(self.joint(), settings.label_noise)

    @abstractmethod
    def joint(self) -> np.ndarray:
        """Return P(label, audio symbol, visual symbol), which sums to one."""

    @property
    def own(self) -> frozenset[str]:
        """All settings on which the task's examples depend."""
        return EVERYWHERE | self.has | {"symbols"}

    @property
    def training(self) -> Mapping[str, Any]:
        """Training settings that the task calls for, unless the run sets them."""
        return {}

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(str(label) for label in range(self.channel.classes))

    def check(self, owner: str) -> None:
        """Raise UserError where a setting is impossible in this task."""
        s = self.settings
        (slow, least), (fast, most) = sorted(self.rates.items(), key=lambda item: item[1])
        if s.shortest * least < 1:
            raise refuse(owner, s, "shortest", f"{1 / least:.3g} s or more: one {slow} step")
        if s.longest * most > MAX_LENGTH:
            longest = f"{MAX_LENGTH / most:.4g} s or less: {MAX_LENGTH:,} {fast} steps"
            raise refuse(owner, s, "longest", longest)

    @property
    def max_lengths(self) -> dict[str, int]:
        """By modality the steps of the longest possible clip."""
        return {name: int(self.settings.longest * self.rates[name]) for name in MODALITIES}

    def lengths(self, speakers: np.ndarray, sentences: np.ndarray) -> dict[str, np.ndarray]:
        """Draw by modality the steps (n,) of all clips.

        A duration is the geometric mean of the shortest and the longest, times a factor of the
        sentence from exp(-.2) to exp(.2), over the speed of speaker and clip; log-normal, then
        brought within the bounds.
        """
        s = self.settings
        usual = 0.5 * np.log(s.shortest * s.longest)
        factors = np.linspace(-0.2, 0.2, self.sentences) if self.sentences > 1 else np.zeros(1)
        own = stream(s.seed, Purpose.SPEED).standard_normal(len(speakers))
        speakers_own = stream(s.seed, Purpose.SPEAKER_SPEED).standard_normal(s.speakers)
        speed = np.log(s.speaking_rate) + s.rate_spread * np.sqrt(0.5) * (
            own + speakers_own[speakers]
        )
        duration = np.exp(usual + factors[sentences] - speed).clip(s.shortest, s.longest)
        return {name: (duration * self.rates[name]).astype(np.int64) for name in MODALITIES}

    def events(
        self, symbols: Mapping[str, np.ndarray], lengths: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Place by modality the first steps (n, events) of events; by default there are none."""
        return {name: np.zeros((len(lengths[name]), 0), np.int64) for name in symbols}

    @cached_property
    def clips(self) -> Clips:
        """All clips but their values; each kind of draw from its own stream."""
        s = self.settings
        n = s.clips
        labels, symbols = self.channel.draw(stream(s.seed, Purpose.SYMBOLS).random(n))
        labels = self.channel.corrupt(labels, stream(s.seed, Purpose.LABEL_NOISE).random((n, 2)))
        speakers = np.arange(n) % s.speakers
        sentences = stream(s.seed, Purpose.SENTENCES).integers(self.sentences, size=n)
        lengths = self.lengths(speakers, sentences)
        events = self.events(symbols, lengths)
        return Clips(labels, symbols, lengths, events, speakers, sentences)

    def shapes(self, modality: str, position: int) -> tuple[np.ndarray, list[int]]:
        """Return how a clip's symbol shows: contours (components, T), and each one's direction.

        Directions are counted as symbols are, one for each. By default a symbol has a direction of
        its own, along which it follows one slow cycle over the clip whose phase is its own too,
        around a level: the lower this is, the less the mean over time tells, which the speaker's
        offset blurs, and the more the course in time does.
        """
        length = self.clips.lengths[modality][position]
        symbol = int(self.clips.symbols[modality][position])
        middle = (np.arange(length) + 0.5) / length
        cycle = np.cos(2 * np.pi * (middle - symbol / self.settings.symbols))
        return (self.level + cycle)[None], [symbol]
