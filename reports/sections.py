"""The order of a report: what stands where, the same on every kind of page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import (
    captions,
    evidence_grid,
    grids,
    looks_grid,
    pairwise_grid,
    protocol_grid,
    published_grid,
    speakers_view,
    tuning,
    variance_grid,
)
from .across_view import Together, together
from .collect import Report, Table
from .cost_details import Fold
from .costs import Costs
from .figures import Drawing, drawings
from .forest import forest
from .gaps import Failure
from .grids import Grid
from .growth_view import (
    CostPart,
    SeriesPart,
    beside,
    cost_part,
    length_findings,
    series_part,
)
from .protocol_datasets import signed_ranks
from .provenance import Provenance
from .series import series
from .summary import Findings, summary


@dataclass(frozen=True)
class Section:
    """One dataset's part of the report."""

    table: Table
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    leaderboard: Grid
    tests: Grid | None
    looks: Grid | None
    evidence: Grid | None
    matrix: pairwise_grid.Matrix | None
    pairs: Grid | None
    forest: Drawing | None
    beside: protocol_grid.Part
    speakers: Drawing | None
    hardest: Grid | None
    variance: Grid | None
    published: Grid | None
    absences: Grid | None
    per_class: tuple[Grid, ...]
    worst: Grid | None
    scores: Drawing | None
    pareto: Drawing | None
    costs: Grid | None
    cost_details: tuple[Fold, ...]
    curves: Drawing | None
    confusion: Drawing | None

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        found = (self.scores, self.pareto, self.forest, self.speakers, self.curves, self.confusion)
        return tuple(d for d in found if d is not None)


@dataclass(frozen=True)
class Content:
    """A report that is ready to be set."""

    title: str
    cells: int
    done: int
    measured: int
    findings: tuple[Findings, ...]
    sections: tuple[Section, ...]
    together: tuple[Together, ...]
    signed_ranks: Mapping[str, Grid | str]
    """By anchor of ``together``, or why there is none."""
    series: tuple[SeriesPart, ...]
    costs: tuple[CostPart, ...]
    tuning: tuple[tuning.TuningPart, ...]
    failures: Grid | None
    tracebacks: tuple[Failure, ...]
    missing: Grid | None
    missing_cells: int
    other_plans: int
    provenance: Provenance
    facts: Grid | None
    settings: Grid | None

    @property
    def holds(self) -> str:
        """How many results of either kind the store holds."""
        parts = []
        if self.cells or not self.measured:
            parts.append(f"{self.done} of {self.cells} trainings ended well")
        if self.measured:
            parts.append(f"{self.measured} cost cells")
        return ", ".join(parts) + "."

    methods: Grid | None

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        parts = (*self.sections, *self.series, *self.costs, *self.together, *self.tuning)
        return tuple(drawing for part in parts for drawing in part.drawings)


def content(report: Report) -> Content:
    """Set a report's tables, draw its figures and write its summary."""
    origin = report.provenance
    lengths = tuple(map(series_part, series(report.tables, report.costs, report.lengths)))
    tuned = tuning.parts(report.tuning)
    datasets = list(dict.fromkeys(table.dataset for table in report.tables))
    return Content(
        title="Results: " + ", ".join(datasets) if datasets else "Results",
        cells=report.cells,
        done=report.done,
        measured=report.measured,
        findings=(
            *map(length_findings, lengths),
            *summary(report),
            *map(tuning.findings, tuned),
        ),
        sections=tuple(section(table, report.costs) for table in report.tables),
        together=tuple(together(found) for found in report.together),
        signed_ranks={
            found.anchor: protocol_grid.signed_ranks(signed_ranks(found, report.tables))
            for found in report.together
        },
        series=lengths,
        costs=tuple(cost_part(c) for c in report.costs if len(c.lengths) > 1 or not c.dataset),
        tuning=tuned,
        failures=grids.failures(report.gaps),
        tracebacks=tuple(f for f in report.gaps.failures if f.traceback),
        missing=grids.missing(report.gaps),
        missing_cells=report.gaps.missing_cells,
        other_plans=report.gaps.other_plans,
        provenance=origin,
        facts=grids.facts("provenance-records", "Where the records came from.", origin.facts),
        settings=grids.facts(
            "provenance-settings", "Training and data settings, resolved.", origin.training
        ),
        methods=grids.methods(origin.methods),
    )


def section(table: Table, costs: Sequence[Costs]) -> Section:
    """Set one dataset's part."""
    drawn = drawings(table)
    pareto, cost, details = beside(table, costs)
    return Section(
        table=table,
        warnings=tuple(captions.warnings(table)),
        notes=tuple(captions.notes(table)),
        leaderboard=grids.leaderboard(table),
        tests=grids.tests(table),
        looks=looks_grid.grid(table),
        evidence=evidence_grid.grid(table),
        matrix=pairwise_grid.matrix(table),
        pairs=pairwise_grid.long(table),
        forest=forest(table),
        beside=protocol_grid.part(table),
        speakers=speakers_view.drawing(table),
        hardest=speakers_view.hardest(table),
        variance=variance_grid.grid(table),
        published=published_grid.grid(table),
        absences=grids.absences(table),
        per_class=grids.per_class(table),
        worst=grids.worst(table),
        scores=drawn.get("scores"),
        pareto=pareto,
        costs=cost,
        cost_details=details,
        curves=drawn.get("curves"),
        confusion=drawn.get("confusion"),
    )
