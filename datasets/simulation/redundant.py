"""Both modalities show the label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .base import SimulatedTask


class Redundant(SimulatedTask):
    """Each modality shows the label, so that either one suffices: every ceiling is 1."""

    name: ClassVar[str] = "redundant"
    defaults: ClassVar[Mapping[str, Any]] = {
        "clips": 480, "speakers": 30, "symbols": 4, "audio_width": 12, "visual_width": 16,
    }  # fmt: skip

    def joint(self) -> np.ndarray:
        """P(y, a, v) = 1 / K where y = a = v."""
        symbols = self.settings.symbols
        table = np.zeros((symbols,) * 3)
        each = np.arange(symbols)
        table[each, each, each] = 1 / symbols
        return table
