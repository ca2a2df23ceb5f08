"""All pairs: the evidence table's own tests, corrected in two families, set as a matrix."""

import json
import math

import numpy as np
import pytest
from fusemark.reports import grids, pairwise_grid
from fusemark.reports.collect import collect
from fusemark.reports.page import html
from fusemark.reports.sections import content
from statsmodels.stats.multitest import multipletests

from .stores import HOSTILE, ODD, Spec, write_store
from .test_pages import Page

SPEC = Spec(
    methods={"only:audio": 0.6, "late-concat": 1.0, "mult": 1.35, "ladder": 1.5, "tfn": 1.45},
    seeds=(0, 1, 2, 3),
)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return collect(write_store(tmp_path_factory.mktemp("pairs"), SPEC)).tables[0]


def test_the_matrix_says_what_the_evidence_table_says(table):
    assert len(table.evidence) == 4
    for found in table.evidence:
        assert table.pairs.pairs[found.method, found.other] == found
        turned = table.pairs.pairs[found.other, found.method]
        assert turned.test.p == found.test.p
        assert turned.adjusted == found.adjusted
        assert turned.test.difference == -found.test.difference
        opposite = {"better": "worse", "worse": "better"}
        assert turned.verdict == opposite.get(found.verdict, found.verdict)


def test_planned_and_exploratory_pairs_are_corrected_apart_by_holm(table):
    pairs = [e for (a, b), e in table.pairs.pairs.items() if a < b]
    assert len(pairs) == 10
    for planned in (True, False):
        family = [e for e in pairs if e.confirmatory == planned]
        expected = multipletests([e.test.p for e in family], method="holm")[1]
        assert [e.adjusted for e in family] == pytest.approx(expected.tolist())
        assert {("late-concat" in (e.method, e.other)) for e in family} == {planned}


def test_ranks_are_those_that_the_verdicts_leave_open(table):
    methods = table.pairs.methods
    assert methods == tuple(row.label for row in table.standings)
    for method in methods:
        verdicts = [
            table.pairs.pairs[method, other].verdict for other in methods if other != method
        ]
        low, high = table.pairs.rank(method)
        assert low == 1 + verdicts.count("worse")
        assert high == len(methods) - verdicts.count("better")
    assert table.pairs.first[0] == methods[0]


def test_the_leaderboard_shows_the_ranks(table):
    grid = grids.leaderboard(table)
    place = [column.label for column in grid.columns].index("rank")
    for row in grid.rows:
        low, high = table.pairs.rank(row[0].text)
        assert row[place].text == (str(low) if low == high else f"{low}–{high}")


def test_the_long_table_has_every_pair_once(table):
    grid = pairwise_grid.long(table)
    names = [frozenset((row[0].text, row[1].text)) for row in grid.rows]
    assert len(names) == len(set(names)) == 10
    p = [table.pairs.pairs[row[0].text, row[1].text].test.p for row in grid.rows]
    assert p == sorted(p)


def test_cells_carry_their_sentence_and_hostile_names_do_no_harm(tmp_path):
    spec = Spec(methods={HOSTILE: 1.0, ODD: 2.0, '" onmouseover="x': 1.5}, seeds=(0, 1, 2),
                baseline=HOSTILE)  # fmt: skip
    page = Page(html(content(collect(write_store(tmp_path, spec)))))
    cells = [a for a in page.all("td") if "data-sentence" in a]
    assert len(cells) == 6
    assert {(a["data-row"], a["data-column"]) for a in cells} == {
        (x, y) for x in spec.methods for y in spec.methods if x != y
    }
    for a in cells:
        assert a["data-sentence"].startswith(f"{a['data-row']} against {a['data-column']}: ")
        assert a["title"].startswith(f"{a['data-row']} against {a['data-column']}: ")
        assert not [name for name in a if name.startswith("on")]


def test_the_effect_of_a_cell_is_the_row_minus_the_column(table):
    matrix = pairwise_grid.matrix(table)
    means = {row.label: row.estimates["macro_f1"].mean for row in table.standings}
    for method, cells in matrix.rows:
        for other, cell in zip(matrix.methods, cells, strict=True):
            if method == other:
                assert cell is None
                continue
            shown = float(cell.effect.replace("−", "-"))
            assert shown == pytest.approx(100 * (means[method] - means[other]), abs=0.051)
            assert cell.mark in "▲▼=·?"


def test_seeds_whose_metric_is_not_finite_are_not_tested(tmp_path):
    store = write_store(tmp_path, SPEC)
    for path in (store / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        if (record["cell"]["method"], record["cell"]["seed"]) == ("mult", 2):
            record["metrics"]["macro_f1"] = None
            path.write_text(json.dumps(record))
    found = collect(store).tables[0]
    assert "mult" not in found.pairs.methods
    (against,) = [e for e in found.evidence if e.method == "mult"]
    assert against.verdict.startswith("cannot be tested")
    assert math.isnan(against.adjusted)
    assert np.isfinite([e.adjusted for e in found.evidence if e.method != "mult"]).all()


def test_two_seeds_rank_nothing(tmp_path):
    table = collect(write_store(tmp_path, Spec(seeds=(0, 1)))).tables[0]
    assert not table.pairs.tested
    grid = grids.leaderboard(table)
    assert "rank" not in [column.label for column in grid.columns]
    assert {c.mark for _, cells in pairwise_grid.matrix(table).rows for c in cells if c} == {"?"}
