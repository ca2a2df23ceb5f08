"""What the three Bayesian answers share: A better, practically equal, B better."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .wording import number


@dataclass(frozen=True)
class Posterior:
    """Posterior probabilities of the three answers, and the region of practical equivalence.

    `rope` is the half-width of that region, in the units of the scores.
    """

    n: int
    rope: float
    a_better: float
    equal: float
    b_better: float
    test: str

    def decision(self, threshold: float = 0.95) -> str | None:
        """Return the answer whose probability exceeds `threshold`, or None."""
        answers = {
            "A better": self.a_better,
            "practically equal": self.equal,
            "B better": self.b_better,
        }
        best = max(answers, key=lambda name: answers[name])
        return best if answers[best] > threshold else None

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if math.isnan(self.a_better):
            return f"{self.test}: too little data for a posterior."
        return (
            f"{self.test}, region of practical equivalence {number(self.rope)}: probability "
            f"{self.a_better:.3f} that A is better, {self.equal:.3f} that they are practically "
            f"equal, {self.b_better:.3f} that B is better."
        )
