"""Short events far apart in a long sequence: what truncation loses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .base import SimulatedTask
from .channel import MODALITIES
from .settings import MAX_LENGTH, refuse
from .streams import Purpose, stream
from .truncation import Keep, touched, whole

SHORTEST = 0.75  # of the longest clip
MAX_SYMBOLS = 8  # the label is one of their triples
WINDOW = 8  # a visual event begins in the first or the last of so many parts of a clip


class Long(SimulatedTask):
    """Two visual events, one at each end of the clip, and one audio event anywhere.

    Each event shows one of q = ``symbols`` symbols and the label is the triple of all three: to
    miss one costs a factor of q. Both modalities reach 1, visual alone 1 / q, audio alone
    1 / q^2, and so for whatever a truncation leaves (:meth:`truncated_ceiling`).

    A clip has L visual steps, uniform from 3/4 of ``length`` to ``length``, and half as many audio
    steps. The early visual event begins uniformly in the first eighth, the late one ends uniformly
    in the last eighth, at least 5/8 L steps later; the audio event lies uniformly over the clip
    and lasts half as many steps, at half the rate.
    """

    name: ClassVar[str] = "long"
    rates: ClassVar[Mapping[str, float]] = {"audio": 15.0, "visual": 30.0}
    has: ClassVar[frozenset[str]] = frozenset({"symbols", "length", "event"})
    gain: ClassVar[Mapping[str, float]] = {"audio": 4.0, "visual": 4.0}
    defaults: ClassVar[Mapping[str, Any]] = {
        "clips": 960, "speakers": 30, "symbols": 2, "audio_width": 12, "visual_width": 16,
    }  # fmt: skip

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the classes: the symbols of the early, the late and the audio event."""
        triples = np.indices((self.settings.symbols,) * 3).reshape(3, -1).T
        return tuple("-".join(map(str, triple)) for triple in triples)

    def check(self, owner: str) -> None:
        """Raise UserError where there are too many classes, or an event is too long for a clip."""
        s = self.settings
        if s.symbols > MAX_SYMBOLS:
            classes = f"{MAX_SYMBOLS**3} classes"
            raise refuse(owner, s, "symbols", f"2 to {MAX_SYMBOLS}, which makes {classes}")
        if not 2 * WINDOW <= s.length <= MAX_LENGTH:
            raise refuse(owner, s, "length", f"{2 * WINDOW} to {MAX_LENGTH:,} visual steps")
        longest = self.shortest // WINDOW
        if not 1 <= s.event <= longest:
            raise refuse(owner, s, "event", f"1 to {longest} steps with length {s.length}")

    def joint(self) -> np.ndarray:
        """P(y, a, v) = 1 / q^3 where y = q v + a and v = q (early symbol) + late symbol."""
        q = self.settings.symbols
        label, audio, visual = np.indices((q**3, q, q**2))
        return np.where(label == q * visual + audio, q**-3.0, 0.0)

    @property
    def shortest(self) -> int:
        """Visual steps of the shortest clip."""
        return int(np.ceil(SHORTEST * self.settings.length))

    @property
    def max_lengths(self) -> dict[str, int]:
        """By modality the steps of the longest clip."""
        return {"audio": self.settings.length // 2, "visual": self.settings.length}

    def lasts(self, modality: str) -> int:
        """Steps that an event of a modality lasts."""
        return self.settings.event if modality == "visual" else max(1, self.settings.event // 2)

    def lengths(self, speakers: np.ndarray, sentences: np.ndarray) -> dict[str, np.ndarray]:  # noqa: ARG002
        """Draw the visual steps uniformly; audio has half as many."""
        rng = stream(self.settings.seed, Purpose.SPEED)
        spread = self.settings.length - self.shortest + 1
        visual = self.shortest + (rng.random(len(speakers)) * spread).astype(np.int64)
        return {"audio": visual // 2, "visual": visual}

    def places(self, length: int) -> dict[str, list[np.ndarray]]:
        """By modality, for each event the equally likely steps at which it begins.

        ``length`` counts visual steps.
        """
        window = np.arange(length // WINDOW)
        late = length - self.lasts("visual") - window
        anywhere = np.arange(length // 2 - self.lasts("audio") + 1)
        return {"audio": [anywhere], "visual": [window, late]}

    def events(
        self,
        symbols: Mapping[str, np.ndarray],  # noqa: ARG002
        lengths: Mapping[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        """Draw the first steps of the events."""
        uniform = stream(self.settings.seed, Purpose.EVENTS).random((len(lengths["visual"]), 3))
        starts = {name: [] for name in MODALITIES}
        for length, (audio, early, late) in zip(lengths["visual"], uniform, strict=True):
            places = self.places(int(length))
            for name, draws in (("audio", [audio]), ("visual", [early, late])):
                chosen = [p[int(u * len(p))] for p, u in zip(places[name], draws, strict=True)]
                starts[name].append(chosen)
        return {name: np.array(rows, np.int64) for name, rows in starts.items()}

    def shapes(self, modality: str, position: int) -> tuple[np.ndarray, list[int]]:
        """Each event turns its symbol's direction on while it lasts."""
        since = np.arange(self.clips.lengths[modality][position])
        since = since - self.clips.events[modality][position][:, None]
        shown = (since >= 0) & (since < self.lasts(modality))
        symbol, q = int(self.clips.symbols[modality][position]), self.settings.symbols
        return shown.astype(float), [symbol] if modality == "audio" else [symbol // q, symbol % q]

    def truncated_ceiling(self, kept: Mapping[str, Keep]) -> float:
        """Best accuracy of a method that is given a part of each modality's steps.

        An event is seen where at least one of its steps is kept, and each one that is not leaves
        q symbols equally likely: with p the chance that an event is seen, the sum over lengths L
        of P(L) prod (p + (1 - p) / q). All chances are counted, none is simulated.

        For events of E steps, ``frame_discard(n)`` of the visual steps comes close to
        (p + (1 - p) / q)^2 with p = min(1, E / n), and a visual ``crop`` that is shorter than
        5/8 of every clip to 1 / q where it covers one end's window, to 1 / q^2 where it covers
        none.

        Parameters
        ----------
        kept
            By modality, which steps remain; a modality that is left out is read as a whole.
        """
        q, total = self.settings.symbols, 0.0
        possible = range(self.shortest, self.settings.length + 1)
        for length in possible:
            accuracy = 1.0
            for name, places in self.places(length).items():
                steps = length if name == "visual" else length // 2
                remains = kept.get(name, whole)(steps)
                for starts in places:
                    seen = float(touched(remains, self.lasts(name), starts).mean())
                    accuracy *= seen + (1 - seen) / q
            total += accuracy
        return self.channel.with_label_noise(total / len(possible))
