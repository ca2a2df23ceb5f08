"""The label is how long after the visual event the audio event comes, round a clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .base import SimulatedTask
from .channel import MODALITIES
from .settings import refuse

SLOTS_PER_LAG = 4


class Lag(SimulatedTask):
    """An onset in each modality; the label is their timing to each other modulo a window.

    The window is the first ``shortest`` seconds of a clip, cut into 4 K slots. The visual event
    falls into a uniform slot v, the audio event into slot a = v + 4 y mod 4 K, so that each alone
    is uniform whatever the label y: both together reach 1, either alone 1 / K. With K = 3 the
    audio event comes with the visual one, or a third of the window after or before it.
    """

    name: ClassVar[str] = "lag"
    defaults: ClassVar[Mapping[str, Any]] = {
        "clips": 960, "speakers": 30, "symbols": 3, "audio_width": 12, "visual_width": 16,
        "shortest": 3.0, "longest": 4.0,
    }  # fmt: skip

    @property
    def slots(self) -> int:
        """Slots of the window."""
        return SLOTS_PER_LAG * self.settings.symbols

    def check(self, owner: str) -> None:
        """Raise UserError where a slot is shorter than a step, besides the common conditions."""
        super().check(owner)
        rate = min(self.rates.values())
        if self.settings.shortest * rate < self.slots:
            least = f"{self.slots / rate:.3g} s or more: {self.slots} slots of one step"
            raise refuse(owner, self.settings, "shortest", least)

    def joint(self) -> np.ndarray:
        """P(y, a, v) = 1 / (K S) where a = v + 4 y mod S, of S = 4 K slots."""
        shape = (self.settings.symbols, self.slots, self.slots)
        label, audio, visual = np.indices(shape)
        late = (audio - visual) % self.slots
        return np.where(late == SLOTS_PER_LAG * label, 1 / (shape[0] * self.slots), 0.0)

    def steps_per_slot(self, modality: str) -> float:
        """Steps of a modality in one slot."""
        return self.settings.shortest * self.rates[modality] / self.slots

    def events(
        self,
        symbols: Mapping[str, np.ndarray],
        lengths: Mapping[str, np.ndarray],  # noqa: ARG002
    ) -> dict[str, np.ndarray]:
        """An event begins with its slot."""
        starts = {name: symbols[name] * self.steps_per_slot(name) for name in MODALITIES}
        return {name: start.astype(np.int64)[:, None] for name, start in starts.items()}

    def shapes(self, modality: str, position: int) -> tuple[np.ndarray, list[int]]:
        """One direction, on from the clip's event to its end."""
        step = np.arange(self.clips.lengths[modality][position])
        on = step >= self.clips.events[modality][position]
        return on.astype(float)[None], [0]
