"""Tie groups: which methods the data do not tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checking import vector
from .wording import count


@dataclass(frozen=True)
class TieGroups:
    """Maximal groups of methods of which no two are separated, best first, as method indices.

    A method may stand in several groups: "not separated" is not transitive. (`low`, `high`) are
    the ranks that the verdicts leave open to each method (Mogstad et al. 2024): with familywise
    error alpha all of them hold at once with confidence 1 - alpha.
    """

    groups: tuple[tuple[int, ...], ...]
    low: tuple[int, ...]
    high: tuple[int, ...]

    def sentence(self) -> str:
        """Say the result in one sentence."""
        if not self.groups:
            return "There is no method to group."
        top = len(self.groups[0])
        what = "one method alone" if top == 1 else f"{top} methods that are not separated"
        return (
            f"{count(len(self.low), 'method')} fall into {count(len(self.groups), 'tie group')}; "
            f"the best group holds {what}."
        )


def tie_groups(means: ArrayLike, separated: ArrayLike) -> TieGroups:
    """Group methods by pairwise verdicts.

    Parameters
    ----------
    means
        Mean score (or minus the mean rank) of each method, shape (k,), higher is better.
    separated
        Whether each pair is separated, bool, shape (k, k), symmetric.

    Raises
    ------
    ValueError
        If the shapes do not fit or `separated` is not symmetric.
    """
    values = vector(means, "means")
    apart = np.asarray(separated, dtype=bool)
    k = len(values)
    if apart.shape != (k, k) or np.any(apart != apart.T) or np.any(np.diag(apart)):
        raise ValueError(f"separated has shape {apart.shape}; expected ({k}, {k}), symmetric")
    order = np.argsort(-values, kind="stable")
    near = ~apart[np.ix_(order, order)]
    np.fill_diagonal(near, False)
    neighbours = [frozenset(np.flatnonzero(row).tolist()) for row in near]
    found: list[tuple[int, ...]] = []
    _cliques(frozenset(), frozenset(range(k)), frozenset(), neighbours, found)
    groups = tuple(tuple(int(order[i]) for i in group) for group in sorted(found))
    better = (apart & (values[None, :] > values[:, None])).sum(axis=1)
    worse = (apart & (values[None, :] < values[:, None])).sum(axis=1)
    return TieGroups(groups, tuple((1 + better).tolist()), tuple((k - worse).tolist()))


def _cliques(
    held: frozenset[int],
    open_: frozenset[int],
    done: frozenset[int],
    neighbours: list[frozenset[int]],
    found: list[tuple[int, ...]],
) -> None:
    """Collect all maximal cliques (Bron and Kerbosch 1973, with a pivot)."""
    if not open_ and not done:
        if held:
            found.append(tuple(sorted(held)))
        return
    pivot = max(open_ | done, key=lambda i: len(neighbours[i] & open_))
    for i in sorted(open_ - neighbours[pivot]):
        _cliques(held | {i}, open_ & neighbours[i], done & neighbours[i], neighbours, found)
        open_, done = open_ - {i}, done | {i}
