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
