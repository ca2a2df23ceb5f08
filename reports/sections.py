"""The order of a report: what stands where, the same on every kind of page."""

from __future__ import annotations

from dataclasses import dataclass

from . import captions, evidence_grid, grids
from .collect import Report, Table
from .figures import Drawing, drawings
from .gaps import Failure
from .grids import Grid
from .provenance import Provenance
from .summary import Findings, summary


@dataclass(frozen=True)
class Section:
    """One dataset's part of the report."""

    table: Table
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    leaderboard: Grid
    tests: Grid | None
    evidence: Grid | None
    absences: Grid | None
    per_class: tuple[Grid, ...]
    worst: Grid | None
    scores: Drawing | None
    curves: Drawing | None
    confusion: Drawing | None

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        return tuple(d for d in (self.scores, self.curves, self.confusion) if d is not None)


@dataclass(frozen=True)
class Content:
    """A report that is ready to be set."""

    title: str
    cells: int
    done: int
    findings: tuple[Findings, ...]
    sections: tuple[Section, ...]
    failures: Grid | None
    tracebacks: tuple[Failure, ...]
    missing: Grid | None
    missing_cells: int
    other_plans: int
    provenance: Provenance
    facts: Grid | None
    settings: Grid | None
    methods: Grid | None


def content(report: Report) -> Content:
    """Set a report's tables, draw its figures and write its summary."""
    origin = report.provenance
    datasets = list(dict.fromkeys(table.dataset for table in report.tables))
    return Content(
        title="Results: " + ", ".join(datasets) if datasets else "Results",
        cells=report.cells,
        done=report.done,
        findings=summary(report),
        sections=tuple(section(table) for table in report.tables),
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


def section(table: Table) -> Section:
    """Set one dataset's part."""
    drawn = drawings(table)
    return Section(
        table=table,
        warnings=tuple(captions.warnings(table)),
        notes=tuple(captions.notes(table)),
        leaderboard=grids.leaderboard(table),
        tests=grids.tests(table),
        evidence=evidence_grid.grid(table),
        absences=grids.absences(table),
        per_class=grids.per_class(table),
        worst=grids.worst(table),
        scores=drawn.get("scores"),
        curves=drawn.get("curves"),
        confusion=drawn.get("confusion"),
    )
