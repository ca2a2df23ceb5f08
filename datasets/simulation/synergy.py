"""The label is the sum of two symbols, one in each modality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .base import SimulatedTask


class Synergy(SimulatedTask):
    """Label = audio symbol + visual symbol mod K: both together reach 1, either alone 1 / K.

    Logits that are a sum of one term a modality cannot represent it: cross-entropy is convex in
    such terms, and where each symbol alone says nothing of the label its minimum is the uniform
    prediction, ln K. ``late-average`` is so the negative control.
    """

    name: ClassVar[str] = "synergy"
    defaults: ClassVar[Mapping[str, Any]] = {
        "clips": 480, "speakers": 30, "symbols": 3, "audio_width": 12, "visual_width": 16,
    }  # fmt: skip

    def joint(self) -> np.ndarray:
        """P(y, a, v) = 1 / K^2 where y = a + v mod K."""
        symbols = self.settings.symbols
        label, audio, visual = np.indices((symbols,) * 3)
        return np.where(label == (audio + visual) % symbols, 1 / symbols**2, 0.0)
