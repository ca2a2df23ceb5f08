"""One modality shows the label, the other a symbol that has nothing to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .base import SimulatedTask
from .channel import MODALITIES
from .settings import TIMING, Settings, refuse


class Unique(SimulatedTask):
    """The informative modality alone reaches 1, the other 1 / K; to add it can only distract."""

    name: ClassVar[str] = "unique"
    has: ClassVar[frozenset[str]] = TIMING | {"symbols", "informative"}
    defaults: ClassVar[Mapping[str, Any]] = {
        "clips": 480, "speakers": 30, "symbols": 4, "audio_width": 12, "visual_width": 16,
    }  # fmt: skip

    def __init__(self, settings: Settings, owner: str):
        if settings.informative not in MODALITIES:
            raise refuse(owner, settings, "informative", " or ".join(MODALITIES))
        super().__init__(settings, owner)

    def joint(self) -> np.ndarray:
        """P(y, a, v) = 1 / K^2 where y is the informative modality's symbol."""
        symbols = self.settings.symbols
        same = np.eye(symbols) / symbols**2
        audio = self.settings.informative == "audio"
        return np.repeat(np.expand_dims(same, 2 if audio else 1), symbols, axis=2 if audio else 1)
