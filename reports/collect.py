"""From a store to frozen tables: everything that a page shows, and no word about how."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..benchmark.contract.errors import UserError
from ..benchmark.store import Store, read_json
from . import evidence_tests, family
from .across import Across, across
from .cells import Cell
from .comparisons import (
    Comparison,
    against_baseline,
    fusion_against_single,
    holds_for,
    over_seeds,
)
from .costs import Costs, costs
from .details import (
    Absence,
    Confusion,
    Curve,
    PerClass,
    absences,
    confusions,
    curve,
    per_class,
)
from .evidence import Evidence, Rules
from .family import Family
from .formatting import clean
from .gaps import Gaps, gaps
from .grouping import Group, Row, grouped
from .looks import Looks, looks
from .metrics import LEVELLED, Metric, columns
from .outcomes import Outcome, outcomes
from .pairwise import Pairwise, pairwise
from .predictions import Predictions, design_of
from .protocol import Further, further
from .protocol_examples import Examples
from .provenance import Provenance, provenance
from .published import Published, published
from .speakers import Speakers, speakers
from .standings import Estimate, Standing, over, ranked, standing
from .variance import Variance, variance


@dataclass(frozen=True)
class Protocol:
    """How a table's test parts are made, and from what.

    ``train``, ``valid``, ``test`` are the least and greatest number of examples of a cell.
    """

    text: str
    design: str
    folds: int
    leaks: bool
    test_groups: int
    train: tuple[int, int]
    valid: tuple[int, int]
    test: tuple[int, int]

    @property
    def holds_for(self) -> str:
        return holds_for(self.design, self.test_groups)


@dataclass(frozen=True)
class Table:
    """All that is reported of one dataset at one size.

    Attributes
    ----------
    anchor
        Prefix of the ids of its parts on a page.
    metrics
        The primary one first.
    levelled
        The metric that ``chance`` and ``ceiling`` speak about.
    chance, ceiling
        Level of a constant answer; accuracy of the oracle of all modalities, measured.
    ceiling_exact
        The same in closed form; nan where nobody knows it.
    compared
        Every two methods: the comparisons that the plan fixed, and the exploratory others.
    family
        What the plan's comparisons are corrected over, here and on the other datasets.
    further
        The protocol's statistics beside the verdict.
    settings
        The dataset's own.
    harnesses
        Digests of the code that all methods share; one, unless code was mixed.
    """

    anchor: str
    title: str
    dataset: str
    size: str
    kind: str
    metrics: tuple[Metric, ...]
    levelled: Metric
    standings: tuple[Standing, ...]
    baseline: str | None
    comparisons: tuple[Comparison, ...]
    single: Comparison | None
    looks: Looks | None
    compared: tuple[Evidence, ...]
    family: Family
    further: Further
    speakers: Speakers | None
    variance: Variance | None
    published: tuple[Published, ...]
    settings: Mapping[str, Any]
    protocol: Protocol | None
    chance: Estimate
    ceiling: float
    ceiling_exact: float
    classes: PerClass | None
    confusions: tuple[Confusion, ...]
    absences: tuple[Absence, ...]
    curves: tuple[Curve, ...]
    score: str
    trained_apart: str
    asked_metric: str
    harnesses: tuple[str, ...]

    @property
    def primary(self) -> Metric:
        return self.metrics[0]

    @property
    def crossed(self) -> bool:
        """Whether every seed is tested on the same examples."""
        return self.protocol is None or self.protocol.design == "crossed"

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The comparisons that the plan fixed."""
        return tuple(found for found in self.compared if found.confirmatory)

    @cached_property
    def pairs(self) -> Pairwise | None:
        """Every two methods in both directions, with the ranks that are left open."""
        return pairwise(self.standings, self.compared, self.primary)

    @property
    def measured(self) -> tuple[Standing, ...]:
        """Methods with at least one seed done."""
        return tuple(row for row in self.standings if row.done)

    @property
    def has_ceiling(self) -> bool:
        return math.isfinite(self.ceiling)

    @property
    def seeds(self) -> tuple[int, int]:
        """Least and greatest number of seeds done, of the methods that have any."""
        done = [row.done for row in self.measured] or [0]
        return min(done), max(done)

    @property
    def mixed_methods(self) -> tuple[str, ...]:
        return tuple(row.label for row in self.standings if row.mixed_code)


@dataclass(frozen=True)
class Report:
    """A whole store: its tables, what is missing, and where it came from."""

    tables: tuple[Table, ...]
    gaps: Gaps
    provenance: Provenance
    cells: int
    done: int
    baseline: str | None
    together: tuple[Across, ...]
    costs: tuple[Costs, ...]
    measured: int
    """Cost cells of the store."""
    crossings: Mapping[str, Any] | None
    """What ``bench cost`` found of break-even lengths, if it wrote into this store."""
    tuning: Mapping[str, Any] | None
    """What ``bench run --tuned`` found before it ran, of its own folder beside the cells."""
    lengths: Mapping[str, Mapping[str, int]]
    """By dataset that was run at several lengths, its name at each with the frames."""


def collect(store_path: Path) -> Report:
    """Read a store.

    Raises
    ------
    UserError
        No such folder of results.
    """
    store = Store(store_path)
    plan = store.plan()
    if not store.path.is_dir() or (plan is None and not store.cells.is_dir()):
        raise UserError(
            f"{str(store_path)!r} holds no results; expected a folder that `bench run` made"
        )
    records, damaged = store.found()
    cells = [Cell(r) for r in records if r["cell"]["kind"] == "quality"]
    measured = [Cell(r) for r in records if r["cell"]["kind"] != "quality"]
    others = [cell.id for cell in measured]
    groups = grouped(cells, plan)
    crossings = read_json(store.path / "cost.json")
    seen = looks(plan, records, store)
    lengths = (plan or {}).get("series", {})
    # One dataset at five lengths is not five datasets.
    at_a_length = {clean(name) for names in lengths.values() for name in names}
    lacks = gaps(cells, plan, others, seen.spared() if seen else {}, damaged)
    rules, baseline = Rules.of(plan or {}), (plan or {}).get("baseline")
    tables = family.corrected(
        [table(i, group, plan, store, seen) for i, group in enumerate(groups, start=1)],
        family.unrecorded(groups, lacks.missing, baseline, rules),
        rules.alpha,
    )
    return Report(
        tables=tables,
        gaps=lacks,
        provenance=provenance(cells, plan, measured),
        cells=len(cells),
        done=sum(cell.ok for cell in cells),
        baseline=baseline,
        together=across([t for t in tables if t.dataset not in at_a_length], rules.alpha),
        costs=costs(records, plan, crossings),
        measured=len(others),
        crossings=crossings,
        tuning=read_json(store.path / "tuning" / "tune.json"),
        lengths=lengths,
    )


def table(
    index: int, group: Group, plan: Mapping[str, Any] | None, store: Store, seen: Looks | None
) -> Table:
    """Build one dataset's part of the report."""
    plan = plan or {}
    planned = any(row.planned for row in group.rows)
    seen = seen.on(group.dataset) if seen and planned else None
    ended = [cell for cell in group.cells if cell.ok]
    kind = ended[0].record["kind"] if ended else "classification"
    metrics = columns(kind, plan.get("metric"), ended[0].record["outputs"] if ended else ())
    folds = max(cell.folds for cell in group.cells)
    base = baseline_row(group, plan.get("baseline"))
    rows, design = [], design_of(group.rows)
    for row in group.rows:
        done, unreadable = outcomes(row.cells, folds, store)
        shown = (*metrics, LEVELLED[kind])
        asked = plan.get("seeds", [])
        if seen:
            asked = asked[: seen.asked.get((group.dataset, row.method), len(asked))]
        rows.append(standing(row, done, unreadable, shown, asked, row is base, design))
    standings = ranked(rows, metrics[0])
    measured = [outcome for row in standings for outcome in row.outcomes]
    baseline = next((row for row in standings if row.baseline), None)
    classes = tuple(clean(name) for name in ended[0].record["outputs"]) if ended else ()
    by_label = {row.label: row for row in group.rows}
    curves = (curve(s.label, s.baseline, by_label[s.label].cells) for s in standings)
    levelled = LEVELLED[kind]
    ordered = [by_label[s.label] for s in standings]
    examples = Examples(store)
    said = Predictions(examples, metrics[0].key)
    values = {row.label: over_seeds(row, metrics[0]) for row in standings}
    every = evidence_tests.compared(ordered, base, metrics[0], Rules.of(plan), design, said, values)
    return Table(
        anchor=f"d{index}",
        title=group.title,
        dataset=clean(group.dataset),
        size=group.size,
        kind=kind,
        metrics=metrics,
        levelled=levelled,
        standings=standings,
        baseline=baseline.label if baseline else None,
        comparisons=against_baseline(standings, baseline, metrics[0], design),
        single=fusion_against_single(standings, metrics[0], design),
        looks=seen,
        compared=seen.judged(every) if seen else every,
        family=Family(),
        further=further(standings, by_label, metrics[0], Rules.of(plan), design, said, examples),
        speakers=speakers(ordered, metrics[0], said),
        variance=variance(ordered, base, metrics[0], design, said),
        published=published(group.dataset),
        settings=group.cells[0].asked["dataset_config"],
        protocol=protocol(ended, folds) if ended else None,
        chance=chance(measured, "chance" if kind == "classification" else "chance_mae"),
        ceiling=over(measured, lambda o: o.all).mean,
        ceiling_exact=over(measured, lambda o: o.all_exact).mean,
        classes=per_class(standings, classes),
        confusions=confusions(standings, classes),
        absences=absences(standings, levelled.key),
        curves=tuple(c for c in curves if c is not None),
        score=next((c.record["history"].get("score", "") for c in ended), ""),
        trained_apart=group.trained_apart,
        asked_metric=clean(plan.get("metric") or metrics[0].key),
        harnesses=tuple(sorted({clean(c.record["code"]["harness"]) for c in ended})),
    )


def baseline_row(group: Group, name: str | None) -> Row | None:
    """Return the baseline's row; of several configurations the planned one, then the fullest."""
    rows = [row for row in group.rows if row.method == name]
    return max(rows, key=lambda row: (row.planned, len(row.cells))) if rows else None


def chance(measured: Sequence[Outcome], key: str) -> Estimate:
    """Average the level of a constant answer over seeds: it is the same for every method."""
    by_seed = {outcome.seed: outcome for outcome in measured}
    return over(list(by_seed.values()), lambda o: o.metrics.get(key, math.nan))


def protocol(ended: Sequence[Cell], folds: int) -> Protocol:
    """Read the protocol from the cells that ended well."""
    protocols = [cell.record["protocol"] for cell in ended]
    counts = [cell.record["counts"] for cell in ended]

    def extent(part: str) -> tuple[int, int]:
        return min(c[part] for c in counts), max(c[part] for c in counts)

    designs = {p["design"] for p in protocols}
    return Protocol(
        text=clean("; ".join(dict.fromkeys(p["text"] for p in protocols))),
        design=designs.pop() if len(designs) == 1 else "re-drawn",
        folds=folds,
        leaks=any(p["leaks"] for p in protocols),
        test_groups=len({g for p in protocols for g in p["test_groups"]}),
        train=extent("train"),
        valid=extent("valid"),
        test=extent("test"),
    )
