"""Each sentence of the summary is true of its tables."""

import json
from dataclasses import replace

import pytest
from fusemark.reports.collect import collect
from fusemark.reports.summary import summary
from scipy import stats
from statsmodels.stats.multitest import multipletests

from .stores import Spec, write_store

BOTH = "for new seeds and new speakers"


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
    better = [e.method for e in table.evidence if e.verdict == "better"]
    assert f"Of 4 planned comparisons with the baseline late-concat, {BOTH} at p < 0.05" in text
    assert f"{len(better)} better (" in text
    assert "for new seeds on these test speakers (8)" in text


def planned(store, **fields):
    """Change what the plan fixed."""
    plan = json.loads((store / "plan.json").read_text()) | fields
    (store / "plan.json").write_text(json.dumps(plan))
    return store


def one_tailed(table, method):
    """The papers' p, by scipy."""
    rows = {row.label: [o.metrics["macro_f1"] for o in row.outcomes] for row in table.standings}
    return stats.ttest_rel(rows[method], rows[table.baseline], alternative="greater").pvalue


def test_the_leader_has_the_corrected_verdict_and_not_the_uncorrected_one(tmp_path):
    """Seven methods: the first passes the papers' test, and is not separated after Holm."""
    methods = {"late-concat": 1.0, "ladder": 1.35} | {f"m{i}": 1 + 0.02 * i for i in range(6)}
    report, sentences = said(write_store(tmp_path, Spec(methods=methods, examples=120)))
    table = report.tables[0]
    assert table.standings[0].label == "ladder"
    assert one_tailed(table, "ladder") < 0.005
    (found,) = [s for s in sentences if s.startswith("ladder against the baseline")]
    assert found.startswith(f"ladder against the baseline late-concat: not separated {BOTH};")
    (leader,) = [e for e in table.evidence if e.method == "ladder"]
    corrected = multipletests([e.test.p for e in table.evidence], method="holm")[1]
    assert leader.adjusted == pytest.approx(corrected[table.evidence.index(leader)])
    assert leader.adjusted > 0.05
    assert f"after Holm over the 7 comparisons of the plan p = {leader.adjusted:.3f}"[:-5] in found
    (beside,) = [s for s in sentences if s.startswith("The papers' paired t")]
    assert "no verdict here (one-tailed, not corrected, of methods chosen after seeing" in beside


@pytest.mark.parametrize("alpha", [0.3, 0.05, 1e-4])
def test_the_verdict_is_at_the_plans_alpha(tmp_path, alpha):
    spec = Spec(methods={"late-concat": 1.0, "ladder": 1.5}, examples=120)
    report, sentences = said(planned(write_store(tmp_path, spec), alpha=alpha))
    (found,) = report.tables[0].evidence
    (text,) = [s for s in sentences if s.startswith("ladder against the baseline")]
    assert 1e-4 < found.adjusted < 0.05  # so that alpha decides
    assert ("not separated" in text) == (alpha == 1e-4)
    assert f"{100 * (1 - alpha):g} % interval" in text
    (beside,) = [s for s in sentences if s.startswith("The papers' paired t")]
    assert "chosen after" not in beside  # there was nothing to choose


def test_the_best_fusion_against_one_modality_is_said_of_the_corrected_pair(tmp_path):
    """Where the plan did not fix the pair, among the exploratory ones."""
    report, sentences = said(write_store(tmp_path))
    table = report.tables[0]
    (text,) = [s for s in sentences if s.startswith("ladder, the best fusion, against")]
    pair = table.pairs.pairs["ladder", "only:visual"]
    assert not pair.confirmatory
    assert f": {pair.verdict} {BOTH}" in text
    assert "after Holm over 6 exploratory comparisons" in text


def test_what_nothing_can_be_tested_is_said_once(tmp_path):
    _, sentences = said(write_store(tmp_path, Spec(seeds=(0, 1))))
    found = [s for s in sentences if "four seeds and four speakers" in s]
    assert found == [
        f"Of 4 planned comparisons with the baseline late-concat none can be tested {BOTH}: it "
        "takes four seeds and four speakers."
    ]
    assert not any(word in s for s in sentences for word in (": better", ": not separated"))


def test_lower_is_better_for_errors(tmp_path):
    _, sentences = said(write_store(tmp_path, Spec(kind="regression")))
    assert any(s.startswith("ladder has the lowest mean MAE") for s in sentences)


def test_re_drawn_splits_carry_their_warning_and_no_interval_over_seeds(tmp_path):
    _, sentences = said(write_store(tmp_path, Spec(design="re-drawn")))
    (test,) = [s for s in sentences if s.startswith("The papers' paired t")]
    assert "anti-conservative for new speakers" in test
    assert not any("for new seeds on these" in s for s in sentences)
    for text in sentences:
        assert ("95 % interval" in text) <= (BOTH in text)  # that of the two-way test alone
    (best,) = [s for s in sentences if "highest mean" in s]
    assert best.startswith("ladder has the highest mean macro F1: ")
    assert "over 5 seeds;" in best


def test_a_method_at_chance_is_named(tmp_path):
    spec = Spec(methods={"only:audio": -0.4, "late-concat": 2.5, "mult": 3.0}, classes=("a", "b"))
    _, sentences = said(write_store(tmp_path, spec))
    (found,) = [s for s in sentences if "chance" in s]
    assert found.startswith("only:audio is not separated from chance")
    redrawn = replace(spec, design="re-drawn", methods=spec.methods | {"only:audio": -0.8})
    _, sentences = said(write_store(tmp_path / "redrawn", redrawn))
    (found,) = [s for s in sentences if "by chance" in s]
    assert found.startswith("only:audio is not above chance in the mean accuracy")


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
    (found,) = [s for s in sentences if s.startswith("Of 3 planned")]
    assert "comparisons with the baseline late-concat" in found
    assert "after Holm over these:" in found
    for kind in ("better", "worse", "not separated"):
        number = verdicts.count(kind)
        assert (f"{number} {kind}" in found) == bool(number)
    assert any(
        s.startswith("far is shown to be better than every other, by the") for s in sentences
    )


def test_methods_that_nothing_beats_are_named_together(tmp_path):
    methods = {"late-concat": 1.5, "twin": 1.5, "worse": -0.5}
    report, sentences = said(write_store(tmp_path, Spec(methods=methods)))
    first = report.tables[0].pairs.first
    assert set(first) == {"late-concat", "twin"}
    text = f"{first[0]} and {first[1]} are not shown to be worse than any of the 3 methods, by"
    assert any(s.startswith(text) for s in sentences)


def test_shares_of_variance_are_the_means_of_the_table(tmp_path):
    report, sentences = said(write_store(tmp_path))
    seeds, speakers, rest = (round(100 * x) for x in report.tables[0].variance.mean)
    (found,) = [s for s in sentences if s.startswith("Of the variance")]
    assert f"{speakers} % lies between speakers, {seeds} % between seeds and {rest} %" in found
    assert "as estimated from up to 5 seeds and 8 speakers" in found


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


def test_a_lead_over_other_seeds_is_that_on_the_seeds_of_both(tmp_path):
    missing = [("ladder", seed) for seed in (1, 2, 3)]
    report, sentences = said(write_store(tmp_path, Spec(missing=missing)))
    first, second = report.tables[0].standings[:2]
    assert first.label == "ladder"
    assert len(first.seeds) == 2
    scores = [{o.seed: o.metrics["macro_f1"] for o in row.outcomes} for row in (first, second)]
    lead = 50 * sum(scores[0][seed] - scores[1][seed] for seed in (0, 4))
    told = f"; the next is {second.label}, {lead:+.2f} points in its favour on the 2 seeds of both."
    assert told.replace("-", "−") in " ".join(sentences)


def test_ranks_that_differ_over_datasets_of_which_no_pair_does(tmp_path):
    """Four datasets: Friedman's exact test can tell three methods, no signed rank can tell two."""
    names = ("simulated:redundant", "simulated:unique", "simulated:synergy", "simulated:lag")
    methods = {"late-concat": 1.0, "mult": 1.8, "ladder": 2.6}
    _, sentences = said(write_store(tmp_path, Spec(datasets=names, methods=methods)))
    (found,) = [s for s in sentences if "Friedman" in s]
    assert "tells the methods' ranks apart" in found
    assert found.endswith(", but no two of them are separated by themselves.")
