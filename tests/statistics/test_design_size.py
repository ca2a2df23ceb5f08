"""The size that a report simulates of its own design, against the committed study."""

import csv
from pathlib import Path

import numpy as np
import pytest
from fusemark.benchmark.statistics import design_size
from fusemark.benchmark.statistics.design_size import CORRECTED, PAPER, SPEAKERS, simulated
from fusemark.benchmark.statistics.paired import paired_t
from fusemark.benchmark.statistics.resampled import resampled_t

STUDY = Path(__file__).parents[2] / "results" / "reference" / "statistics" / "size_redrawn.csv"
NAMES = {
    PAPER: "paper's paired t, one-sided",
    CORRECTED: "Nadeau-Bengio, two-sided",
    SPEAKERS: "t over speakers",
}
SETTINGS = {
    "only speakers differ": "speakers",
    "only seeds differ": "seeds",
    "both differ": "both",
}


@pytest.mark.parametrize(("speakers", "tested"), [(20, 3), (91, 14)])
def test_sizes_are_those_of_the_study(speakers, tested):
    """Twenty re-drawn splits; the study draws a new pattern in every run, a report has one."""
    with STUDY.open(newline="", encoding="utf-8") as file:
        study = {
            (r["method"], r["setting"]): float(r["rate"])
            for r in csv.DictReader(file)
            if (r["seeds"], r["speakers"]) == ("20", str(speakers))
        }
    rng = np.random.default_rng(1)
    held = np.argsort(rng.random((20, speakers)), axis=1) < tested
    found = simulated(held[:, held.any(0)], "redrawn", tested / (speakers - 2 * tested))
    assert {size.test for size in found} == set(NAMES)
    for size in found:
        for spread, rate in size.rates.items():
            expected = study[NAMES[size.test], SETTINGS[spread]]
            assert rate == pytest.approx(expected, abs=0.03)


def test_a_claim_for_new_seeds_alone_holds_its_level_and_one_for_new_speakers_does_not():
    (size,) = simulated(np.ones((20, 20), dtype=bool), "crossed")
    assert size.rates["only seeds differ"] == pytest.approx(0.05, abs=0.015)
    assert size.rates["only speakers differ"] > 0.3
    assert size.worst == size.rates["only speakers differ"]


def test_the_rates_are_those_of_the_tests_themselves(monkeypatch):
    """Every run again by ``paired_t`` and ``resampled_t``, on the very same draws."""
    held, ratio, runs = np.ones((4, 5), dtype=bool), 0.25, 200
    scores = []

    def recorded(values):
        scores.append(values)
        return kept(values)

    kept = design_size.statistics
    monkeypatch.setattr(design_size, "statistics", recorded)
    found = design_size.rates(
        held, "redrawn", ratio, (1.0, 0.5, 1.0), runs, np.random.default_rng(3)
    )
    over_seeds, over_speakers = scores
    assert found == {
        PAPER: np.mean([paired_t(x, 0 * x).p < 0.05 for x in over_seeds]),
        CORRECTED: np.mean([resampled_t(x, 0 * x, ratio).p < 0.05 for x in over_seeds]),
        SPEAKERS: np.mean([paired_t(x, 0 * x, "two-sided").p < 0.05 for x in over_speakers]),
    }
    assert found[PAPER] > 0.05
