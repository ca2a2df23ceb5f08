"""What a report says of a run that added seeds in looks."""

import json

import numpy as np
import pytest
from fusemark.benchmark.statistics.sequential import holm_plan
from fusemark.reports import evidence_grid, looks_grid, write
from fusemark.reports.collect import collect
from fusemark.reports.verdicts import tally
from scipy import stats

from .stores import Spec, write_store

LOOKS = (5, 10, 15, 20)
METHODS = {"late-concat": 1.0, "far": 2.6, "same": 1.02, "near": 1.06}


def store(path, scope="seeds", seeds=20, missing=(), **more):
    """Write a store whose plan has looks; methods as far apart as they say."""
    spec = Spec(methods=METHODS, seeds=tuple(range(seeds)), missing=missing, **more)
    write_store(path, spec)
    plan = json.loads((path / "plan.json").read_text())
    pairs = [
        {"dataset": spec.datasets[0], "method": m, "other": "late-concat", "metric": "macro_f1",
         "scope": scope}
        for m in METHODS if m != "late-concat"
    ]  # fmt: skip
    plan |= {
        "family": "baseline", "alpha": 0.05, "margin": 1.0, "comparisons": pairs,
        "looks": {"at": LOOKS, "spending": "obrien-fleming", "futility": 0.05, "scope": "auto"},
        "registered": {"time": "2026-11-20T10:00:00+00:00", "cells": 0},
    }  # fmt: skip
    (path / "plan.json").write_text(json.dumps(plan))
    return path


def scores(path, method):
    found = [json.loads(p.read_text()) for p in (path / "cells").glob("*.json")]
    mine = sorted((r["cell"]["seed"], r) for r in found if r["cell"]["method"] == method)
    return np.array([r["metrics"]["macro_f1"] for _, r in mine])


def test_looks_bounds_and_statistics(tmp_path):
    table = collect(store(tmp_path)).tables[0]
    shown, grid = table.looks, looks_grid.grid(table)
    d = scores(tmp_path, "far") - scores(tmp_path, "late-concat")
    bounds = holm_plan(LOOKS, 3).bounds(0.05 / 3).p
    p = [stats.ttest_1samp(d[:n], 0).pvalue for n in LOOKS]
    first = next(k for k in range(4) if p[k] <= bounds[k])
    assert shown.course.verdict(0) == "better"
    assert shown.course.used(0) == LOOKS[first]
    row = grid.rows[0]
    assert [entry.text for entry in row[:2]] == ["far", "late-concat"]
    assert row[2 + first].below.endswith(f"bound {bounds[first]:.2g}")
    assert all(entry.text == "–" for entry in row[3 + first : -2])
    assert "for new seeds on these speakers" in grid.caption
    assert "at most 0.05" in grid.caption


def test_saved_seeds_are_not_missing(tmp_path):
    whole = collect(store(tmp_path / "whole")).tables[0].looks
    missing = [
        (method, seed)
        for (_, method), n in whole.asked.items()
        for seed in range(n, 20)
    ]  # fmt: skip
    assert missing
    report = collect(store(tmp_path / "stopped", missing=missing))
    table = report.tables[0]
    assert table.looks.course == whole.course
    assert table.looks.saved == (len(missing), 80)
    assert report.gaps.missing_cells == 0
    assert report.gaps.missing == ()
    assert {row.label: (row.done, row.asked) for row in table.standings} == {
        method: (n, n) for (_, method), n in whole.asked.items()
    }
    write(tmp_path / "stopped", ("md", "html"), tmp_path / "out")
    for name in ("report.md", "report.html"):
        text = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert f"{len(missing)} of 80 trainings saved" in text
        assert "looks after 5, 10, 15, 20 seeds" in text
        assert "have no record" not in text


def test_a_look_whose_cells_are_not_all_there_is_not_taken(tmp_path):
    missing = [(m, s) for m in METHODS for s in range(7, 20)]
    report = collect(store(tmp_path, missing=missing))
    shown = report.tables[0].looks
    assert len(shown.course.looks) == 1
    going = [m for (_, m), n in shown.asked.items() if n == 10]
    assert report.gaps.missing_cells == 3 * len(going)


def test_evidence_and_looks_say_the_same_for_new_speakers(tmp_path):
    """A verdict over re-drawn splits is that of the looks, whatever its last p says."""
    table = collect(store(tmp_path, scope="speakers", design="re-drawn")).tables[0]
    course = table.looks.course
    said = {e.method: e.verdict for e in table.evidence}
    for i, pair in enumerate(course.pairs):
        decided = course.verdict(i) in ("better", "worse")
        assert (said[pair.method] in ("better", "worse")) == decided
    grid = looks_grid.grid(table)
    assert "for new speakers and new seeds" in grid.caption
    assert "over all looks and these at 0.05: " in str(tally(table))
    assert "at a corrected p" not in evidence_grid.grid(table).caption


@pytest.mark.parametrize("speakers", [4])
def test_looks_with_too_few_speakers_are_withheld(tmp_path, speakers):
    table = collect(
        store(tmp_path, scope="speakers", design="re-drawn", speakers=speakers)
    ).tables[0]  # fmt: skip
    grid = looks_grid.grid(table)
    assert {entry.text for row in grid.rows for entry in row[2:6]} == {"withheld"}
    assert "it takes 8 seeds and 8 speakers" in grid.caption
    assert {row[-1].text for row in grid.rows} == {
        "cannot be tested: it takes 8 seeds and 8 speakers"
    }
    assert not [e for e in table.evidence if e.verdict in ("better", "worse")]


def test_a_plan_without_looks_says_nothing_of_them(tmp_path):
    write_store(tmp_path, Spec(seeds=(0, 1, 2)))
    table = collect(tmp_path).tables[0]
    assert table.looks is None
    assert looks_grid.grid(table) is None
