"""What the pages say beside the verdict, and that a store which can say little says why."""

import csv
import io
import json
import re

import numpy as np
import pytest
from fusemark.reports import protocol_grid, write
from fusemark.reports.collect import collect
from fusemark.reports.protocol_datasets import signed_ranks
from fusemark.reports.protocol_export import statistics

from .stores import HOSTILE, Spec, write_store

STATISTICS = {
    "Effect size and power", "Bayesian correlated t-test", "McNemar's test, seed 0",
    "Benjamini-Hochberg",
}  # fmt: skip


def told(store):
    """Each dataset's part with its whole text, and the rows of the file in CSV."""
    report = collect(store)
    parts = [protocol_grid.part(table) for table in report.tables]
    texts = []
    for part in parts:
        entries = [f"{e.text} {e.below}" for grid in part.grids for row in grid.rows for e in row]
        captions = [grid.caption for grid in part.grids]
        said = [f"{name}: {text}" for name, text in part.words]
        texts.append(" ".join([part.lead, *part.notes, *captions, *entries, *said]))
        assert not re.search(r"\b(nan|inf|none|null)\b", texts[-1], re.IGNORECASE)
    rows = list(csv.DictReader(io.StringIO(statistics(report))))
    for row in rows:
        assert not {row[key] for key in ("value", "low", "high", "p")} & {"nan", "inf", "None"}
    return list(zip(parts, texts, strict=True)), rows


def anchors(part):
    return {grid.anchor.removeprefix("d1-") for grid in part.grids}


def test_everything_is_there_and_called_exploratory(tmp_path):
    ((part, text),), rows = told(write_store(tmp_path))
    assert text.startswith("Exploratory: no part of the verdict")
    assert anchors(part) == {"effects", "posteriors", "sizes", "models"}
    assert "5 seeds, 8 test speakers" in text
    assert {row["statistic"] for row in rows} >= STATISTICS
    against = {row["against"] for row in rows if row["quantity"] == "d_z"}
    assert against == {"late-concat"}
    assert [name for name, _ in part.words] == [
        row["method"] for row in rows if row["quantity"] == "d_z"
    ]


def test_pages_and_file(tmp_path):
    """The tables are folded, their sentences stand below them, a hostile name does no harm."""
    spec = Spec(methods={HOSTILE: 1.0, "late-concat": 1.2}, datasets=(HOSTILE,), seeds=(0, 1, 2))
    names = {p.name for p in write(write_store(tmp_path, spec), ("html", "md", "csv"))}
    assert "statistics.csv" in names
    page, text = (
        (tmp_path / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md")
    )
    head = "Effect sizes, power and other tests"
    after = page.split(f"<h3>{head}</h3>")[1]
    assert after.index("<details>") < after.index('id="d1-effects"') < after.index("</details>")
    assert "region of practical equivalence 1: probability" in after
    assert '<a id="d1-effects"></a>' in text.split(f"### {head}")[1]
    assert HOSTILE not in page
    assert HOSTILE not in text


def test_the_same_store_gives_the_same_file(tmp_path):
    store = write_store(tmp_path, Spec(design="re-drawn", speakers=20, seeds=(0, 1, 2, 3)))
    once, again = statistics(collect(store)), statistics(collect(store))
    assert once == again
    assert "Monte Carlo" in once  # 20 speakers' signs are drawn


def test_three_seeds_are_the_least_and_two_say_so(tmp_path):
    ((three, _),), _ = told(write_store(tmp_path / "3", Spec(seeds=(0, 1, 2))))
    assert "effects" in anchors(three)
    ((two, text),), rows = told(write_store(tmp_path / "2", Spec(seeds=(0, 1))))
    assert anchors(two) == {"models"}  # a pair of models needs no second seed
    assert "Effect size and power, not given: 2 common seeds, of which no level" in text
    assert "it takes 3" in text
    reasons = {r["withheld"] for r in rows if r["statistic"] == "Effect size and power"}
    assert len(reasons) == 1


def test_a_sign_flip_test_that_cannot_reject_gives_no_p(tmp_path):
    spec = Spec(design="re-drawn", speakers=5, seeds=(0, 1, 2, 3))
    ((_, text),), rows = told(write_store(tmp_path, spec))
    assert "Sign-flip over speakers, not given: over 5 speakers its p cannot fall below" in text
    flips = [r for r in rows if r["statistic"] == "Sign-flip over speakers"]
    assert len(flips) == 4
    assert {r["p"] for r in flips} == {""}


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (Spec(methods={"mult": 1.0}, baseline="mult"), "the only method with a complete seed"),
        (Spec(baseline=None), "there is no baseline to compare with (--baseline METHOD)"),
        (
            Spec(fail={("late-concat", s): ("failed", "E", "x") for s in range(5)}),
            "the baseline late-concat has no complete seed",
        ),
        (
            Spec(fail={(m, s): ("failed", "E", "x") for m in Spec().methods for s in range(5)}),
            "no method has a complete seed",
        ),
    ],
)
def test_without_two_methods_nothing_can_be_concluded(tmp_path, spec, says):
    ((_, text),), rows = told(write_store(tmp_path, spec))
    assert "Nothing can be concluded beside the tables above" in text
    assert says in text
    assert any(says in row["withheld"] for row in rows)
    assert not [row for row in rows if row["statistic"] == "Effect size and power"]


def test_one_seed(tmp_path):
    ((_, text),), _ = told(write_store(tmp_path, Spec(seeds=(0,))))
    assert "1 common seed, of which no level was simulated" in text
    assert "Simulated size, not given" in text
    assert "Shares of the variance, not given: they take 3 seeds" in text


def test_a_metric_that_is_not_finite(tmp_path):
    store = write_store(tmp_path, Spec(seeds=(0, 1, 2)))
    for path in (store / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        if record["cell"]["method"] == "mult" and record["cell"]["seed"] == 1:
            record["metrics"] = dict.fromkeys(record["metrics"])
            path.write_text(json.dumps(record))
    ((_, text),), rows = told(store)
    assert "Effect size and power of mult, not given: macro F1 is not finite at seed 1" in text
    of_mult = [r for r in rows if r["method"] == "mult" and r["quantity"] == "d_z"]
    assert not of_mult
    assert [r for r in rows if r["method"] == "ladder" and r["quantity"] == "d_z"]


def test_seeds_that_differ_are_matched(tmp_path):
    missing = [("mult", 0), ("mult", 1), ("ladder", 3), ("only:audio", 2), ("only:audio", 3)]
    store = write_store(tmp_path, Spec(seeds=range(6), missing=missing))
    found = {a.method: a for a in collect(store).tables[0].further.against}
    assert found["mult"].seeds == (2, 3, 4, 5)
    assert found["ladder"].effect.size.n == 5
    assert found["only:audio"].models.keys() == {0, 1, 4, 5}
    told(store)


def test_methods_without_a_seed_in_common(tmp_path):
    missing = [("mult", 0), ("mult", 1), ("mult", 2), ("late-concat", 3), ("late-concat", 4)]
    ((_, text),), _ = told(write_store(tmp_path, Spec(missing=missing)))
    assert "Effect size and power of mult, not given: 0 common seeds" in text
    assert "McNemar's test of mult, not given: no seed of which both have predictions" in text


def test_methods_that_answer_alike(tmp_path):
    """The baseline's own predictions under another name: nothing differs, nothing is tested."""
    store = write_store(tmp_path, Spec(methods={"late-concat": 1.2, "twin": 1.2}))
    cells = {}
    for path in (store / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        cells[record["cell"]["method"], record["cell"]["seed"]] = path, record
    for seed in range(5):
        (source, first), (target, second) = (cells[m, seed] for m in ("late-concat", "twin"))
        second["metrics"] = first["metrics"]
        target.write_text(json.dumps(second))
        target.with_suffix(".npz").write_bytes(source.with_suffix(".npz").read_bytes())
    ((_, text),), _ = told(store)
    assert "Effect size and power, not given: the 5 differences do not vary" in text


@pytest.mark.parametrize("metric", ["mae", "pearson"])
def test_a_regression_has_no_points_and_no_right_answers(tmp_path, metric):
    ((part, text),), _ = told(write_store(tmp_path, Spec(kind="regression", metric=metric)))
    assert "McNemar's test, not given: a regression has no right and wrong answers" in text
    assert "t-test, not given: the region of practical equivalence is in points" in text
    assert "effects" in anchors(part)


def test_predictions_that_cannot_be_read(tmp_path):
    store = write_store(tmp_path, Spec(design="re-drawn", seeds=(0, 1, 2)))
    for path in (store / "cells").glob("*.npz"):
        path.write_bytes(b"torn")
    ((_, text),), _ = told(store)
    assert "McNemar's test, not given" in text
    assert "t and sign-flip over speakers, not given: no common seed, or predictions" in text


def test_folds_are_pooled_and_not_taken_for_splits(tmp_path):
    spec = Spec(folds=3, design="re-drawn", examples=60, seeds=(0, 1, 2))
    ((part, text),), _ = told(write_store(tmp_path, spec))
    assert "Nadeau and Bengio's test, not given: a seed's folds are pooled" in text
    assert "sizes" in anchors(part)


def test_signed_rank_over_datasets_takes_six_of_them(tmp_path):
    """Below six all datasets may have one sign by chance in more than 5 % of cases."""
    skills = {"late-concat": 1.2, "ladder": 2.5}
    for n, there in ((5, False), (6, True)):
        spec = Spec(methods=skills, datasets=[f"d{i}" for i in range(n)], seeds=(0, 1), examples=80)
        report = collect(write_store(tmp_path / str(n), spec))
        (found,) = report.together
        shown = protocol_grid.signed_ranks(signed_ranks(found, report.tables))
        rows = list(csv.DictReader(io.StringIO(statistics(report))))
        rows = [r for r in rows if r["statistic"] == "Bayesian signed-rank test"]
        p = np.array([float(r["value"]) for r in rows if r["value"]])
        if there:
            assert shown.anchor == "a1-signed-ranks"
            assert p.sum() == pytest.approx(1.0)
            assert p[0] > 0.95
        else:
            assert "not given: 5 datasets, on all of which one method is ahead by chance" in shown
            assert "in 6.25 % of cases" in shown
            assert not len(p)
