"""Cost and length in the report: fronts, places of labels, verdicts, and what a page shows."""

import itertools
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from fusemark.benchmark.cost.cells import CostCell
from fusemark.benchmark.cost.study import make_record
from fusemark.benchmark.cost.sweep import CREMAD, shapes, task_at
from fusemark.benchmark.cost.workers import CostDone
from fusemark.reports import write
from fusemark.reports.collect import collect
from fusemark.reports.drawing import apart
from fusemark.reports.pareto import Point, front
from fusemark.reports.readme_blocks import block
from fusemark.reports.series import claim, conclusion, series
from scipy.optimize import minimize

from .stores import HOSTILE, Spec, write_store

LENGTHS = {64: 1.0e6, 128: 3.0e6, 256: 1.1e7}


def counted(method, length, factor=1.0, status="ok", quantity="flops"):
    """A cost record as the harness writes it, of ``factor`` times LENGTHS' FLOPs."""
    shape = shapes(CREMAD, [length], "all")[0]
    task = task_at(CREMAD, shape.lengths)
    cell = CostCell(quantity, {method: {method: {"width": 32}}}, task, 1, dict(shape.lengths))
    flops = int(factor * LENGTHS[length])
    each = {"extended": False, "uncounted": [], "analytic": flops}
    result = {
        "inference": {**each, "total": flops}, "training": {**each, "total": 3 * flops},
    }  # fmt: skip
    if status != "ok":
        result = {"error": {"type": "MemoryLimit", "message": "too large", "traceback": ""}}
    return make_record(CostDone(cell, status, result, 1.0), shape, "all")


@dataclass(frozen=True)
class Verdict:
    """What ``claim`` reads of a contrast."""

    better: bool = False
    worse: bool = False
    adjusted: float = 0.5


def sweep(folder, methods=(("late-concat", 1.0), ("mult", 2.0)), **plan):
    """A store of two methods on one dataset at three lengths, with FLOPs at each."""
    names = {f"simulated:long@{n}": n for n in LENGTHS}
    spec = Spec(
        methods={m: 1.0 + f for m, f in methods}, datasets=tuple(names), design="re-drawn",
        baseline="late-concat",
    )  # fmt: skip
    write_store(folder, spec)
    costs = {}
    for name, length in names.items():
        for method, factor in methods:
            record = counted(method, length, factor)
            (folder / "cells" / f"{record['id']}.json").write_text(json.dumps(record))
            costs.setdefault(name, []).append(record["id"])
    path = folder / "plan.json"
    kept = json.loads(path.read_text())
    kept |= {"costs": costs, "series": {"simulated:long": names}, **plan}
    path.write_text(json.dumps(kept))
    return folder


@pytest.mark.parametrize("higher", [True, False])
def test_the_front_is_what_no_point_dominates(higher):
    """Held against the definition, pair by pair."""
    rng = np.random.default_rng(0)
    sign = 1 if higher else -1
    for _ in range(20):
        points = [
            Point(f"m{i}", float(c), float(s), 0.0, 0.0)
            for i, (c, s) in enumerate(rng.integers(1, 7, (12, 2)))
        ]

        def dominates(a, b):
            no_worse = a.cost <= b.cost and sign * a.score >= sign * b.score
            return no_worse and (a.cost, a.score) != (b.cost, b.score)

        expected = {(p.cost, p.score) for p in points if not any(dominates(q, p) for q in points)}
        found = front(points, higher)
        assert {(p.cost, p.score) for p in found} == expected
        assert [p.cost for p in found] == sorted({c for c, _ in expected})


def test_labels_move_as_little_as_keeps_them_apart():
    """The least-squares answer under the gaps in the panel, as a general optimiser finds it."""
    rng = np.random.default_rng(1)
    for low in (0.0, 0.0, 0.2, 0.7, 0.7):  # where the wishes lie: also crowded at the top
        wanted = {f"m{i}": float(low + 0.3 * y) for i, y in enumerate(rng.random(6))}
        order = sorted(wanted, key=lambda name: wanted[name])
        target = np.array([wanted[name] for name in order])
        gaps = [{"type": "ineq", "fun": lambda y, i=i: y[i + 1] - y[i] - 0.1} for i in range(5)]
        best = minimize(
            lambda y, target=target: ((y - target) ** 2).sum(),
            target,
            constraints=gaps,
            bounds=[(0, 1)] * 6,
            tol=1e-12,
        )
        found = apart(wanted, 0.1)
        np.testing.assert_allclose([found[name] for name in order], best.x, atol=1e-4)


@pytest.mark.parametrize(
    ("cheaper", "longest", "said"),
    [
        ([], False, "it costs less at no length"),
        ([Verdict(), Verdict()], True, "not separated"),
        ([Verdict(), Verdict(better=True)], True, "held"),
        ([Verdict(better=True), Verdict()], True, "held, but not at the longest"),
        ([Verdict(better=True)], False, "held, but not at the longest"),
        ([Verdict(), Verdict(worse=True)], True, "contradicted"),
        ([Verdict(better=True), Verdict(worse=True)], True, "held at some of the lengths"),
        ([Verdict(adjusted=np.nan)], True, "could not be tested"),
    ],
)
def test_what_is_said_of_better_at_less_compute(cheaper, longest, said):
    assert claim(cheaper, longest).startswith(said)


def test_a_series_is_corrected_over_methods_and_lengths(tmp_path):
    """Every p of the series is Holm's over all of them, which is no less than over one length."""
    report = collect(sweep(tmp_path, (("late-concat", 1.0), ("mult", 1.1), ("ladder", 0.2))))
    (shown,) = series(report.tables, report.costs, report.lengths)
    several = list(itertools.chain(*shown.contrasts.values()))
    raw = sorted(c.evidence.test.p for c in several)
    assert len(several) == 6
    expected = np.maximum.accumulate([p * (6 - i) for i, p in enumerate(raw)]).clip(max=1)
    np.testing.assert_allclose(sorted(c.adjusted for c in several), expected)
    assert [c.ratio for c in shown.contrasts["ladder"]] == pytest.approx([0.2] * 3)
    text = str(conclusion(shown, "ladder"))
    assert "Holm over 6 comparisons" in text
    assert "with 0.20 times its FLOPs" in text


def test_one_dataset_at_three_lengths_is_not_three_datasets(tmp_path):
    assert collect(sweep(tmp_path / "a")).together == ()
    assert collect(sweep(tmp_path / "b", series={})).together != ()


def test_the_page_shows_quality_and_cost_against_length(tmp_path):
    store = sweep(tmp_path)
    write(store, formats=("md", "html"))
    page, text = (store / "report.html").read_text(), (store / "report.md").read_text()
    for part in ("s1-length", "c1-cost"):
        assert f'id="{part}-' in page or f"{part}.svg" in text
        assert (store / "report_files" / f"{part}.svg").is_file()
    assert "| `mult` | 2 M | 6 M | 22 M |" in text
    assert "simulated:long against length" in page


def test_a_limit_that_broke_is_a_mark_and_no_crash(tmp_path):
    """The cross stands in the figure, the word in the table."""
    folder = tmp_path / "cells"
    folder.mkdir()
    for length in LENGTHS:
        status = "memory" if length == 256 else "ok"
        record = counted("mult", length, status=status)
        (folder / f"{record['id']}.json").write_text(json.dumps(record))
        other = counted("late-concat", length)
        other["cell"]["configs"] = {HOSTILE: {HOSTILE: {"width": 32}}}
        (folder / f"{other['id']}.json").write_text(json.dumps(other))
    write(tmp_path, formats=("md", "html"))
    text = (tmp_path / "report.md").read_text()
    assert "| `mult` | 1 M | 3 M | memory limit |" in text
    assert "A cross marks the first length that broke the memory or time limit." in text
    assert "<script>alert" not in (tmp_path / "report.html").read_text()
    assert "The store holds costs alone" in text
    assert "trainings ended well" not in text


def test_slopes_are_those_of_the_powers_that_were_put_in(tmp_path):
    folder = tmp_path / "cells"
    folder.mkdir()
    for length in LENGTHS:
        record = counted("mult", length)
        for work in ("inference", "training"):
            record["result"][work]["total"] = 5 * length**2
        (folder / f"{record['id']}.json").write_text(json.dumps(record))
    (costs,) = collect(tmp_path).costs
    assert [g.slope for g in costs.growths] == pytest.approx([2.0, 2.0])
    assert [g.local for g in costs.growths] == pytest.approx([2.0, 2.0])


def test_the_readme_shows_lengths_and_claims(tmp_path):
    text = block(sweep(tmp_path))
    assert "64 visual steps" in text
    assert "- `mult` against `late-concat`, 64 to 256 visual steps: " in text
    assert "times its FLOPs. Better at less compute: it costs less at no length" in text


def test_of_a_method_without_a_count_nothing_is_ranked(tmp_path):
    """An uncounted operator makes FLOPs too small: no ratio, no place on the front."""
    store = sweep(tmp_path)
    for path in (store / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        if record["cell"]["kind"] == "cost" and "mult" in record["cell"]["configs"]:
            record["result"]["inference"]["uncounted"] = ["aten.bilinear"]
            path.write_text(json.dumps(record))
    report = collect(store)
    (shown,) = series(report.tables, report.costs, report.lengths)
    assert all(np.isnan(c.ratio) for c in shown.contrasts["mult"])
    text = str(conclusion(shown, "mult"))
    assert "times its FLOPs" not in text
    assert text.endswith("Better at less compute: what it costs is not known here, so the claim is "
                         "not tested.")  # fmt: skip


def test_a_series_that_is_not_done_names_its_baseline_and_every_method(tmp_path):
    """Where the longest has neither the baseline nor a cost yet, as a run goes on."""
    store = sweep(tmp_path, (("late-concat", 1.0), ("mult", 1.1), ("ladder", 0.2)))
    for path in (store / "cells").glob("*.json"):
        cell = json.loads(path.read_text())["cell"]
        late = cell.get("method") == "late-concat" and cell["dataset"].endswith("@256")
        if late or cell.get("kind") == "cost":
            path.unlink()
    report = collect(store)
    (shown,) = series(report.tables, report.costs, report.lengths)
    assert (shown.baseline, set(shown.methods)) == (
        "late-concat",
        {"late-concat", "mult", "ladder"},
    )
    assert "`mult` against `late-concat`, 64 to 128 steps: " in block(store)


def test_costs_without_a_plan_are_grouped_by_sweep(tmp_path):
    """Another modality's width is another task; the same task at other lengths is one sweep."""
    folder = tmp_path / "cells"
    folder.mkdir()
    for length in LENGTHS:
        record = counted("mult", length)
        wide = json.loads(json.dumps(record))
        wide["cell"]["task"]["modalities"]["visual"]["shape"] = [9]
        wide["id"] = f"f{record['id'][1:]}"
        for each in (record, wide):
            (folder / f"{each['id']}.json").write_text(json.dumps(each))
    found = collect(tmp_path).costs
    assert [c.lengths for c in found] == [(64, 128, 256)] * 2
    assert replace(found[0], inputs="").title == "Cost as every modality grows"
