"""The parts of a report about cost and length, set: figures and tables of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import (
    break_even,
    break_even_measured,
    cost_figures,
    cost_grids,
    pareto,
    series_figures,
    series_grids,
)
from .collect import Table
from .cost_details import Fold, folds
from .cost_grids import WORK
from .costs import Costs
from .figures import Drawing
from .formatting import clean
from .grids import Grid
from .series import Series, conclusion
from .summary import Findings
from .wording import Sentence


@dataclass(frozen=True)
class CostPart:
    """Cost against length on one task."""

    anchor: str
    title: str
    figure: Drawing | None
    notes: tuple[str, ...]
    crossings: tuple[Grid, ...]
    folds: tuple[Fold, ...]

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        return () if self.figure is None else (self.figure,)


@dataclass(frozen=True)
class SeriesPart:
    """Quality against length of one dataset."""

    anchor: str
    title: str
    size: str
    sentences: tuple[Sentence, ...]
    figure: Drawing
    scores: Grid
    contrasts: Grid | None

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        return (self.figure,)


def cost_part(costs: Costs) -> CostPart:
    """Set what methods cost at several lengths, and where the costs of a sweep cross."""
    title = f"Cost against length: {costs.title}" if costs.dataset else costs.title
    crossed = (grid for work in WORK for grid in crossings(costs, work))
    return CostPart(
        costs.anchor,
        title,
        cost_figures.against_length(costs),
        tuple(cost_grids.notes(costs)),
        tuple(grid for grid in crossed if grid is not None),
        tuple(folds(costs)),
    )


def crossings(costs: Costs, work: str) -> tuple[Grid | None, ...]:
    """Set where FLOPs cross, by the study's formulas, and where memory and time do."""
    if len(costs.lengths) < 2:
        return ()
    counted = None
    if costs.study.get("break_even"):
        counted = break_even.grid(costs.study, work, f"{costs.anchor}-break-even")
    return counted, break_even_measured.grid(costs, work)


def series_part(shown: Series) -> SeriesPart:
    """Set what methods score at several lengths."""
    return SeriesPart(
        shown.anchor,
        shown.title,
        next(iter(shown.tables.values())).size,
        tuple(conclusion(shown, method) for method in shown.contrasts),
        series_figures.drawing(shown),
        series_grids.scores(shown),
        series_grids.contrasts(shown),
    )


def length_findings(part: SeriesPart) -> Findings:
    """Return what the summary says of quality against length."""
    return Findings(f"{part.title} against length", part.size, part.anchor, part.sentences)


def beside(
    table: Table, costs: Sequence[Costs]
) -> tuple[Drawing | None, Grid | None, tuple[Fold, ...]]:
    """Set the cost of one dataset's methods beside their results; of one length alone."""
    own = next(
        (c for c in costs if clean(c.dataset or "") == table.dataset and len(c.lengths) == 1), None
    )
    if own is None:
        return None, None, ()
    return pareto.drawing(table, own), cost_grids.beside(own), tuple(folds(own))
