"""Speakers' own scores and where they vary, against scikit-learn and the analysis of variance."""

import numpy as np
import pytest
from fusemark.benchmark import Store
from fusemark.reports import speakers_view, variance_grid
from fusemark.reports.collect import collect
from sklearn.metrics import f1_score

from .stores import Spec, write_store

SPEC = Spec(methods={"late-concat": 1.0, "mult": 1.5, "ladder": 2.0}, seeds=(0, 1, 2, 3))


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """The table, and by method the scores (seeds, speakers) made anew."""
    store = Store(write_store(tmp_path_factory.mktemp("speakers"), SPEC))
    scores = {m: np.zeros((4, SPEC.speakers)) for m in SPEC.methods}
    for record in store.records():
        stored = store.predictions(record["id"])
        said, groups = stored["probabilities"].argmax(1), stored["groups"]
        for i, name in enumerate(np.unique(groups)):
            labels = stored["labels"][groups == name]
            scores[record["cell"]["method"]][record["cell"]["seed"], i] = f1_score(
                labels, said[groups == name], labels=np.unique(labels), average="macro",
                zero_division=0.0,
            )  # fmt: skip
    return collect(store.path).tables[0], scores


def test_each_speakers_score_is_that_of_its_own_examples(scored):
    table, scores = scored
    found = table.speakers
    order = np.argsort(np.mean([s.mean(0) for s in scores.values()], axis=0))
    names = sorted(f"subject-{2 * i}" for i in range(SPEC.speakers))
    assert found.names == tuple(names[i] for i in order)
    for method, row in zip(found.methods, found.scores, strict=True):
        assert row == pytest.approx(scores[method].mean(0)[order])
    assert found.examples.tolist() == [SPEC.examples / SPEC.speakers] * SPEC.speakers
    assert found.seeds.tolist() == [4] * SPEC.speakers


def test_the_hardest_come_first_and_name_their_best_method(scored):
    table, _ = scored
    grid = speakers_view.hardest(table)
    means = [float(row[3].text) for row in grid.rows]
    assert means == sorted(means)
    for i, row in enumerate(grid.rows):
        column = table.speakers.scores[:, i]
        assert row[5].text == table.speakers.methods[int(column.argmax())]
        assert float(row[4].text) == pytest.approx(100 * column.max(), abs=0.051)


def test_of_errors_the_greatest_are_the_hardest(tmp_path):
    found = collect(write_store(tmp_path, Spec(kind="regression", metric="mae"))).tables[0].speakers
    means = found.scores.mean(0)
    assert (np.diff(means) <= 0).all()
    assert (means > 0).all()


def test_variance_components_are_those_of_the_analysis_of_variance(scored):
    """Seeds x speakers without repetition: expected mean squares (Searle et al., 1992)."""
    table, scores = scored
    for spread in table.variance.spreads:
        x = scores[spread.method]
        k, s = x.shape
        rows, columns = x.mean(1, keepdims=True), x.mean(0)
        rest = ((x - rows - columns + x.mean()) ** 2).sum() / ((k - 1) * (s - 1))
        of_seeds = (s * rows.var(ddof=1) - rest) / s
        of_speakers = (k * columns.var(ddof=1) - rest) / k
        assert spread.scores.sources == ("seed", "speaker", "rest")
        assert spread.scores.estimates == pytest.approx((of_seeds, of_speakers, rest))
        kept = np.maximum([of_seeds, of_speakers, rest], 0)
        assert spread.scores.shares == pytest.approx((kept / kept.sum()).tolist())
    gains = {spread.method: spread.gains for spread in table.variance.spreads}
    assert gains.pop("late-concat") is None
    assert None not in gains.values()


@pytest.mark.parametrize(
    ("design", "says"),
    [
        ("crossed", "the split is the same for every seed, so that its share is not in these"),
        ("re-drawn", "initialisation, order of the data, dropout and the split at once"),
    ],
)
def test_what_the_design_cannot_tell_apart_is_said(tmp_path, design, says):
    table = collect(write_store(tmp_path, Spec(design=design, seeds=(0, 1, 2)))).tables[0]
    assert says in variance_grid.grid(table).caption
    assert "does not tell them apart" in variance_grid.grid(table).caption


def test_one_speaker_or_two_seeds_part_nothing(tmp_path):
    one = collect(write_store(tmp_path / "a", Spec(speakers=1))).tables[0]
    assert one.speakers is None
    assert speakers_view.drawing(one) is None
    assert one.variance is None
    two = collect(write_store(tmp_path / "b", Spec(seeds=(0, 1)))).tables[0]
    assert two.speakers is not None
    assert two.variance is None
