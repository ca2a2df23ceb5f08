"""What several datasets say together, against scipy."""

import numpy as np
import pytest
from fusemark.reports.across_view import together
from fusemark.reports.collect import collect
from fusemark.reports.multiples import multiples
from fusemark.reports.svg import style
from scipy import stats

from .stores import Spec, write_store

METHODS = {"late-concat": 1.0, "mult": 1.02, "ladder": 1.3, "tfn": 0.9}


def store(path, datasets, **others):
    spec = Spec(
        methods=METHODS, datasets=[f"data-{i}" for i in range(datasets)], examples=90, **others
    )
    return collect(write_store(path, spec))


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    return store(tmp_path_factory.mktemp("eight"), 8, seeds=tuple(range(8)))


def test_ranks_and_friedman_are_scipys(eight):
    (found,) = eight.together
    means = np.array(
        [
            [
                next(r for r in t.standings if r.label == m).estimates["macro_f1"].mean
                for m in found.methods
            ]
            for t in eight.tables
        ]
    )
    assert found.means == pytest.approx(means)
    ranks = stats.rankdata(-means, axis=1).mean(0)
    assert found.order.friedman.mean_ranks == pytest.approx(ranks)
    assert (np.diff(ranks) >= 0).all()
    assert found.order.friedman.chi2 == pytest.approx(stats.friedmanchisquare(*means.T).statistic)
    n, k = means.shape
    f = (n - 1) * found.order.friedman.chi2 / (n * (k - 1) - found.order.friedman.chi2)
    assert found.order.friedman.p == pytest.approx(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))


def test_pairs_are_wilcoxons_and_the_diagram_stands(eight):
    (found,) = eight.together
    for (i, j), p in zip(found.order.pairs.pairs, found.order.pairs.p, strict=True):
        assert p == pytest.approx(stats.wilcoxon(found.means[:, i], found.means[:, j]).pvalue)
    part = together(found)
    assert part.diagram is not None
    assert "Nemenyi" in part.diagram.caption
    assert not any("no critical-difference diagram" in text for text in part.sentences)


def test_profiles_and_interquartile_means_count_the_runs(eight):
    (found,) = eight.together
    for one in found.profiles:
        runs = np.array(
            [
                [o.metrics["macro_f1"] for o in row.outcomes]
                for t in eight.tables
                for row in t.standings
                if row.label == one.method
            ]
        )
        assert runs.shape == (8, 8)
        expected = [(runs > level).mean() for level in one.profile.thresholds]
        assert one.profile.above == pytest.approx(expected)
        assert one.middle.mean == pytest.approx(stats.trim_mean(runs.ravel(), 0.25))
        assert one.profile.low[50] <= one.profile.above[50] <= one.profile.high[50]
        assert one.middle.low < one.middle.mean < one.middle.high
    assert [one.method for one in found.profiles if one.baseline] == ["late-concat"]


def test_few_datasets_say_why_there_is_no_diagram_and_runs_why_no_interval(tmp_path):
    (found,) = store(tmp_path, 3, seeds=(0, 1, 2)).together
    part = together(found)
    assert part.diagram is None
    text = " ".join(part.sentences)
    assert "There is no critical-difference diagram: it takes 6 datasets" in text
    assert "the smallest p of a pair is 0.25" in text  # 2 / 2**3
    assert part.profile is not None
    assert {row[3].below for row in part.ranks.rows} == {"withheld"}
    assert "it takes 8" in part.ranks.caption


def test_one_dataset_has_no_such_part(tmp_path):
    assert store(tmp_path, 1).together == ()


def test_methods_that_a_dataset_lacks_are_named(tmp_path):
    write_store(tmp_path, Spec(methods=METHODS, datasets=["a"], seeds=(0, 1), examples=60))
    part = {m: s for m, s in METHODS.items() if m != "tfn"}
    write_store(tmp_path, Spec(methods=part, datasets=["b"], seeds=(0, 1), examples=60), salt="x")
    (found,) = collect(tmp_path).together
    assert found.left_out == ("tfn",)
    assert set(found.methods) == set(part)
    assert "left out: tfn" in " ".join(together(found).sentences)


def test_tables_of_one_dataset_are_no_two_datasets(tmp_path):
    write_store(tmp_path, Spec(methods=METHODS, datasets=["a"], seeds=(0, 1), epochs=10))
    write_store(tmp_path, Spec(methods=METHODS, datasets=["a"], seeds=(0, 1), epochs=20), salt="x")
    found = collect(tmp_path)
    assert len(found.tables) == 2
    assert found.together == ()


def test_errors_are_ranked_and_not_profiled(tmp_path):
    (found,) = store(tmp_path, 2, kind="regression", metric="mae").together
    assert found.methods[0] == "ladder"
    assert found.profiles == ()
    assert "no performance profile" in " ".join(together(found).sentences)


def test_a_panel_places_values_linearly():
    with style():
        _, panels = multiples(5, 9.6, 1.0, (0.0, 10.0), (-1.0, 1.0), ("x", "y"))
    first, fifth = panels[0], panels[4]
    assert first.across([0, 5, 10]) == pytest.approx(
        [first.left, first.left + first.width / 2, first.left + first.width]
    )
    assert first.up([-1, 0, 1]) == pytest.approx(
        [first.bottom, first.bottom + 0.5, first.bottom + 1.0]
    )
    assert (first.left, first.width) == (fifth.left, fifth.width)
    assert first.bottom > fifth.bottom + fifth.height
