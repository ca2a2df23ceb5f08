"""Published figures: read, matched by name, and marked where they do not compare."""

import numpy as np
import pytest
from fusemark.datasets.cremad_metadata.names import CLASSES, read_name
from fusemark.datasets.cremad_metadata.tables import corpus_folder, read_votes
from fusemark.reports import published_grid
from fusemark.reports.collect import collect
from fusemark.reports.figures import drawings
from fusemark.reports.metrics import COLUMNS
from fusemark.reports.published import everything, published
from fusemark.reports.readme_blocks import block

from .stores import Spec, write_store


def test_every_entry_has_a_source_a_protocol_and_shares():
    keys = {metric.key for metrics in COLUMNS.values() for metric in metrics}
    for entry in everything():
        assert entry.source
        assert entry.protocol
        assert entry.differs or entry.settings
        assert entry.metrics.keys() <= keys
        assert all(0 < value < 1 for value in entry.metrics.values())


def test_single_label_micro_figures_are_the_accuracy():
    """The paper prints micro F1, which for one label an example is the accuracy."""
    ladder = next(e for e in published("cremad") if e.method == "ladder")
    assert ladder.metrics == {
        "macro_precision": 0.803, "macro_recall": 0.804, "macro_f1": 0.802, "accuracy": 0.803
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "why"), [({"protocol": "paper"}, ""), ({"protocol": "ogm"}, "other protocol"),
                          ({}, "other protocol")]
)  # fmt: skip
def test_another_protocol_is_not_comparable(settings, why):
    ladder = next(e for e in published("cremad") if e.method == "ladder")
    assert ladder.apart(settings) == why


def test_other_inputs_are_never_comparable():
    (entry,) = published("utd-mhad")
    assert entry.apart({"protocol": "odd-even"}).startswith("other inputs")


def test_they_stand_beside_ours(tmp_path):
    methods = {"late-concat": 1.0, "ladder": 2.0}
    table = collect(write_store(tmp_path, Spec(methods=methods, datasets=["cremad"]))).tables[0]
    grid = published_grid.grid(table)
    labels = [column.label for column in grid.columns]
    ladder = next(row for row in grid.rows if row[0].below == "here ladder")
    ours = {row.label: row for row in table.standings}["ladder"].estimates["macro_f1"].mean
    at = labels.index("macro F1")
    assert ladder[at].text == "80.2"
    assert float(ladder[at + 1].text) == pytest.approx(100 * ours, abs=0.051)
    assert ladder[labels.index("comparable")].text == "not comparable: other protocol"
    people = [row for row in grid.rows if row[0].text.startswith("people")]
    assert len(people) == 4
    assert all("not a trained system" in row[labels.index("comparable")].text for row in people)


def test_the_level_of_people_is_a_line_and_stands_below_the_readmes_table(tmp_path, data_root):
    """It is the share of all audio-visual votes, in the corpus's file, for the intended emotion."""
    level = next(e for e in published("cremad-ratings") if e.level)
    votes = read_votes(corpus_folder(data_root, "cremad-ratings"), "cremad-ratings")
    intended = np.array([CLASSES.index(read_name(clip).emotion) for clip in votes.clips])
    assert level.metrics["accuracy"] == pytest.approx(votes.accuracy("both", intended), abs=5e-4)
    store = write_store(tmp_path, Spec(datasets=["cremad-ratings"]))
    table = collect(store).tables[0]
    assert "people 63.1" in drawings(table)["scores"].svg
    assert "dash-dotted: people, one vote" in drawings(table)["scores"].caption
    assert "People, one vote on voice and face: accuracy 63.1 (" in block(tmp_path)


def test_a_dataset_without_published_figures_has_no_table(tmp_path):
    assert published_grid.grid(collect(write_store(tmp_path)).tables[0]) is None


def test_a_prepared_folder_has_its_corpus_results():
    """``cremad:features/x`` is CREMA-D; a task of the simulated family is nobody's corpus."""
    assert published("cremad:features") == published("cremad") != ()
    assert published("simulated:cremad-like") == ()
