"""The channel of a task: how a label shows as one symbol in each modality, and what it allows.

Everything that is known in closed form about a task follows from one table, the joint
probability of the label y, the audio symbol a and the visual symbol v.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

MODALITIES = ("audio", "visual")


@dataclass(frozen=True)
class Channel:
    """Joint distribution of label and symbols.

    Parameters
    ----------
    joint
        P(y, a, v), (classes, audio symbols, visual symbols) float64; sums to one.
    label_noise
        Probability that the label of a clip is replaced by a uniform draw over the classes. The
        symbols keep showing the original one.
    """

    joint: np.ndarray
    label_noise: float = 0.0

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.joint.shape[0]

    def draw(self, uniform: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Turn uniform numbers (n,) into labels before noise (n,) and symbols (n,) by modality."""
        cumulative = np.cumsum(self.joint.ravel())
        # Rounding may leave the last sum below one; a cell of probability zero is never drawn.
        last = np.flatnonzero(self.joint.ravel())[-1]
        cell = np.minimum(np.searchsorted(cumulative, uniform, side="right"), last)
        label, audio, visual = np.unravel_index(cell, self.joint.shape)
        return label, {"audio": audio, "visual": visual}

    def corrupt(self, labels: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Replace labels (n,) by a uniform draw with the probability of label noise.

        ``uniform`` (n, 2) decides in its first column whether, in its second to what.
        """
        drawn = np.minimum((uniform[:, 1] * self.classes).astype(np.int64), self.classes - 1)
        return np.where(uniform[:, 0] < self.label_noise, drawn, labels)

    def seen(self, modalities: Sequence[str]) -> np.ndarray:
        """P(y, symbols of these modalities); an unseen modality keeps an axis of length 1."""
        hidden = tuple(i + 1 for i, name in enumerate(MODALITIES) if name not in modalities)
        return self.joint.sum(axis=hidden, keepdims=True)

    def decide(self, symbols: Mapping[str, np.ndarray], modalities: Sequence[str]) -> np.ndarray:
        """Bayes decision (n,) int64 on the symbols (n,) of these modalities.

        Uniform label noise adds the same constant to every class's posterior and changes no
        decision. Where classes tie, the first is taken: its expected accuracy is the same.
        """
        best = self.seen(modalities).argmax(axis=0)
        shown = [symbols[n] if n in modalities else np.zeros_like(symbols[n]) for n in MODALITIES]
        return best[tuple(shown)].astype(np.int64)

    def ceiling(self, modalities: Sequence[str]) -> float:
        """Bayes accuracy from the symbols of these modalities.

        sum over symbols of max_y P(y, symbols) = c without label noise; with label noise r and
        K classes (1 - r) c + r / K.
        """
        return self.with_label_noise(float(self.seen(modalities).max(axis=0).sum()))

    def with_label_noise(self, accuracy: float) -> float:
        """Return what label noise leaves of an accuracy on the labels before noise."""
        return (1 - self.label_noise) * accuracy + self.label_noise / self.classes
