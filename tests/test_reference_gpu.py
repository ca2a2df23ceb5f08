"""What was measured on a GPU: of a clean ancestor, and what this code predicts."""

import subprocess
from pathlib import Path

import pytest
from fusemark.benchmark.registry import methods
from fusemark.benchmark.store import read_json

from .speed.gpu_memory import Case

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "results" / "reference" / "gpu"
SEEDS, MEMORY = (read_json(FOLDER / name) for name in ("gpu.json", "memory.json"))


@pytest.mark.parametrize("record", [SEEDS, MEMORY], ids=["seeds", "memory"])
def test_it_was_made_at_a_clean_ancestor_by_a_command_of_the_readme(record):
    assert not record["git"]["dirty"]
    ancestor = ["git", "-C", str(ROOT), "merge-base", "--is-ancestor"]
    subprocess.run([*ancestor, record["git"]["commit"], "HEAD"], check=True)
    assert f"\n{record['command']}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    own = {e.name for e in methods if e.cls.__module__.startswith("fusemark.methods.")}
    assert {row["method"].partition(":")[0] for row in record["rows"]} == own


def test_twenty_seeds_of_mult_take_at_most_four_times_as_long_as_one():
    rows = {row["method"]: row for row in SEEDS["rows"]}
    assert rows["mult"]["seeds"] == 20
    assert rows["mult"]["ratio"] <= 4
    assert [name for name, row in rows.items() if row["why_not"]] == ["unillm"]


def test_every_step_of_over_a_gibibyte_is_predicted_within_a_tenth():
    assert {row["length"] for row in MEMORY["rows"]} == {256, 1024}
    for row in MEMORY["rows"]:
        assert row["allocated"] > 2**30
        assert row["predicted"] == pytest.approx(row["allocated"], rel=0.1)


@pytest.mark.parametrize("method", ["late-concat", "tfn"])
def test_the_predictions_are_those_of_this_code(method):
    (row,) = (r for r in MEMORY["rows"] if (r["method"], r["length"]) == (method, 256))
    predicted = Case(method, 256, row["dtype"]).predicted(row["batch"])
    assert predicted["training"] == row["predicted"]
