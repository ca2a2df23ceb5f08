"""Each sentence of the summary is true of its tables."""

import pytest
from fusemark.reports.collect import collect
from fusemark.reports.summary import summary

from .stores import Spec, write_store


def said(store):
    report = collect(store)
    return report, [str(s) for found in summary(report) for s in found.sentences]


def test_names_the_best_its_lead_and_its_verdicts(tmp_path):
    report, sentences = said(write_store(tmp_path))
    table = report.tables[0]
    first, second = table.standings[:2]
    lead = 100 * (first.estimates["macro_f1"].mean - second.estimates["macro_f1"].mean)
    text = " ".join(sentences)
    assert (
        f"ladder has the highest mean macro F1: {100 * first.estimates['macro_f1'].mean:.1f}"
        in text
    )
    assert f"{lead:.2f} points from the next, {second.label}." in text
    separated = [c for c in table.comparisons if c.separated]
    assert f"Of 4 methods, {len(separated)} are separated from late-concat" in text
    assert "for new seeds on these test speakers (8)" in text


@pytest.mark.parametrize("skills", [(1.0, 1.0, 1.0), (0.9, 2.5, 1.2), (2.5, 1.0, 1.1)])
def test_separated_is_said_exactly_where_p_is_below_alpha(tmp_path, skills):
    methods = dict(zip(("late-concat", "mult", "ladder"), skills, strict=True))
    report, sentences = said(write_store(tmp_path, Spec(methods=methods, oracle=None)))
    table = report.tables[0]
    first = table.standings[0].label
    against = [s for s in sentences if s.startswith(f"{first} against the baseline")]
    if first == "late-concat":
        assert not against
        passed = any(c.test.p < 0.05 for c in table.comparisons)
        assert any("this, the baseline" in s for s in sentences)
        assert any("By the paired test no method" in s for s in sentences) != passed
    else:
        p = next(c.test.p for c in table.comparisons if c.method == first)
        assert ("not separated" in against[0]) == (p >= 0.05)
    assert not any("equal" in s for s in sentences)


def test_lower_is_better_for_errors(tmp_path):
    _, sentences = said(write_store(tmp_path, Spec(kind="regression")))
    assert any(s.startswith("ladder has the lowest mean MAE") for s in sentences)


def test_re_drawn_splits_carry_their_warning(tmp_path):
    _, sentences = said(write_store(tmp_path, Spec(design="re-drawn")))
    tests = [s for s in sentences if "paired t(" in s]
    assert tests
    assert all("anti-conservative for new speakers" in s for s in tests)
    assert not any("for new seeds on these" in s for s in sentences)


def test_a_method_at_chance_is_named(tmp_path):
    spec = Spec(methods={"only:audio": -0.4, "late-concat": 2.5, "mult": 3.0}, classes=("a", "b"))
    _, sentences = said(write_store(tmp_path, spec))
    (found,) = [s for s in sentences if "chance" in s]
    assert found.startswith("only:audio is not separated from chance")


def test_leaks_and_mixed_code_and_uncommitted_changes_are_said(tmp_path):
    spec = Spec(
        leaks=True,
        patch={
            ("mult", 1): {"code": {"digest": "x", "harness": "h1"}},
            ("mult", 2): {"git": {"commit": "abc", "dirty": True}},
        },
    )
    _, sentences = said(write_store(tmp_path, spec))
    text = " ".join(sentences)
    assert "speakers stand on both sides" in text
    assert "Mixed code" in text
    assert "1 record came from a working tree with uncommitted changes" in text


def test_a_plan_without_a_baseline_says_so(tmp_path):
    _, sentences = said(write_store(tmp_path, Spec(baseline=None)))
    assert any("names no baseline" in s for s in sentences)


def test_a_baseline_without_a_record_is_missed(tmp_path):
    _, sentences = said(write_store(tmp_path, Spec(baseline="auxformer")))
    assert any(s.startswith("The baseline auxformer has no record on") for s in sentences)


def test_new_seeds_and_speakers_are_counted_as_the_table_says(tmp_path):
    methods = {"late-concat": 1.0, "far": 3.0, "worse": -0.3, "near": 1.02}
    report, sentences = said(write_store(tmp_path, Spec(methods=methods)))
    verdicts = [e.verdict for e in report.tables[0].evidence]
    (found,) = [s for s in sentences if s.startswith("For new seeds and new speakers")]
    assert "of 3 methods tested against the baseline late-concat (Holm)" in found
    for kind in ("better", "worse", "not separated"):
        number = verdicts.count(kind)
        assert (f"{number} {kind}" in found) == bool(number)
    assert "far is shown to be better than every other." in sentences


def test_methods_that_nothing_beats_are_named_together(tmp_path):
    methods = {"late-concat": 1.5, "twin": 1.5, "worse": -0.5}
    report, sentences = said(write_store(tmp_path, Spec(methods=methods)))
    first = report.tables[0].pairs.first
    assert set(first) == {"late-concat", "twin"}
    assert f"{first[0]} and {first[1]} are not shown to be worse than any of the 3 methods." in (
        sentences
    )


def test_shares_of_variance_are_the_means_of_the_table(tmp_path):
    report, sentences = said(write_store(tmp_path))
    seeds, speakers, rest = (round(100 * x) for x in report.tables[0].variance.mean)
    (found,) = [s for s in sentences if s.startswith("Of the variance")]
    assert f"{speakers} % lies between speakers, {seeds} % between seeds and {rest} %" in found


def test_several_datasets_have_sentences_of_their_own(tmp_path):
    methods = {"late-concat": 1.0, "mult": 1.5, "ladder": 2.5}
    datasets = tuple(f"data-{i}" for i in range(6))
    spec = Spec(methods=methods, datasets=datasets, seeds=(0, 1), examples=60)
    report = collect(write_store(tmp_path, spec))
    (found,) = [f for f in summary(report) if f.title == "Over 6 datasets"]
    assert found.anchor == "a1"
    (one,) = found.sentences
    assert one.anchor == "a1-ranks"
    rank = min(report.together[0].order.friedman.mean_ranks)
    assert str(one).startswith(f"ladder has the best mean rank, {rank:.2f} of 3")
    assert "tells the methods' ranks apart" in str(one)
