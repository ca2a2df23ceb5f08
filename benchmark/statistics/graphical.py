"""Graphical alpha: how a rejected comparison passes its level on (Bretz et al. 2009)."""

from __future__ import annotations

from dataclasses import dataclass

from .wording import count


@dataclass(frozen=True)
class AlphaGraph:
    """Weights of the comparisons still open and the shares that each passes on.

    `weights` add up to at most 1; `transitions[i][j]` is the share of i's weight that j receives
    when i is rejected, rows adding up to at most 1 with zeros on the diagonal. Rejected
    comparisons have weight 0.
    """

    weights: tuple[float, ...]
    transitions: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Raise ValueError where weights or transitions could spend alpha twice."""
        m, slack = len(self.weights), 1e-9
        if len(self.transitions) != m or any(len(row) != m for row in self.transitions):
            raise ValueError(f"{m} weights need transitions of shape ({m}, {m})")
        numbers = [*self.weights, *(x for row in self.transitions for x in row)]
        if any(not x >= 0 for x in numbers):
            raise ValueError("weights and transitions must not be negative")
        if sum(self.weights) > 1 + slack or any(sum(row) > 1 + slack for row in self.transitions):
            raise ValueError("weights, and each row of transitions, must add up to at most 1")
        if any(self.transitions[i][i] != 0 for i in range(m)):
            raise ValueError("a comparison cannot pass its level on to itself")

    def reject(self, i: int) -> AlphaGraph:
        """Return the graph after comparison i is rejected and its level passed on."""
        w, g, m = self.weights, self.transitions, len(self.weights)
        weights = tuple(0.0 if j == i else w[j] + w[i] * g[i][j] for j in range(m))
        rows: list[tuple[float, ...]] = []
        for j in range(m):
            loop = g[j][i] * g[i][j]
            open_ = j != i and loop < 1 - 1e-12
            rows.append(
                tuple(
                    (g[j][k] + g[j][i] * g[i][k]) / (1 - loop) if open_ and k not in (i, j) else 0.0
                    for k in range(m)
                )
            )
        return AlphaGraph(weights, tuple(rows))

    def sentence(self) -> str:
        """Say the result in one sentence."""
        open_ = sum(w > 0 for w in self.weights)
        return (
            f"{count(open_, 'comparison')} of {len(self.weights)} share "
            f"{sum(self.weights):.3g} of alpha."
        )


def holm_graph(comparisons: int) -> AlphaGraph:
    """Return equal weights that pass on in equal parts, which is Holm's procedure."""
    if comparisons < 1:
        raise ValueError(f"comparisons is {comparisons}; expected at least 1")
    m = comparisons
    row = 1 / (m - 1) if m > 1 else 0.0
    transitions = tuple(tuple(0.0 if i == j else row for j in range(m)) for i in range(m))
    return AlphaGraph((1 / m,) * m, transitions)
