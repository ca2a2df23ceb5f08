"""The committed results: made by a clean commit of this code, naming no machine's folders."""

import json
import platform
import re
import subprocess
from pathlib import Path

import pytest
from fusemark.benchmark import Store
from fusemark.benchmark.digest import HARNESS, code_digest
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.registry import datasets
from fusemark.reports.readme_table import updated

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "results" / "reference"
REFERENCES = sorted(p.parent for p in COMMITTED.rglob("plan.json"))


def ids(path: Path) -> str:
    return path.relative_to(COMMITTED).as_posix()


@pytest.fixture(params=REFERENCES, ids=ids)
def reference(request) -> Store:
    return Store(request.param)


def trained(reference: Store) -> list[dict]:
    """Return the records of cells that were trained; costs are tested beside those of sweeps."""
    return [r for r in reference.records() if r["cell"].get("kind") != "cost"]


def test_every_planned_cell_is_there_and_ok(reference):
    plan = reference.plan()
    assert plan is not None
    records = {r["id"]: r for r in reference.records()}
    costs = {name for names in plan.get("costs", {}).values() for name in names}
    assert set(plan["cells"]) | costs == set(records)
    assert {r["status"] for r in records.values()} == {"ok"}


def test_records_come_from_a_clean_ancestor_commit(reference):
    commits = {(r["git"]["commit"], r["git"]["dirty"]) for r in reference.records()}
    assert {dirty for _, dirty in commits} == {False}
    for commit, _ in commits:
        words = ["git", "-C", str(ROOT), "merge-base", "--is-ancestor", commit, "HEAD"]
        assert subprocess.run(words, check=False).returncode == 0, f"{commit} is no ancestor"


def test_the_code_that_made_them_is_the_code_that_stands(reference):
    for record in trained(reference):
        cell, recipe = record["cell"], parse(record["cell"]["method"])
        classes = [recipe.entry.cls, *(s.cls for s in recipe.strategies)]
        classes.append(datasets[re.split("[:@]", cell["dataset"])[0]].cls)
        if "rate" in cell["dataset_config"]:  # a corpus at another length
            classes.append(datasets["resampled"].cls)
        digest = code_digest((*HARNESS, *(c.__module__ for c in classes)))
        assert record["code"]["digest"] == digest, f"{cell['method']}: run it again"


def test_metrics_follow_from_the_predictions(reference):
    for record in trained(reference):
        stored = reference.predictions(record["id"])
        said = stored["probabilities"].argmax(1)
        right = (said == stored["labels"]).mean()
        assert record["metrics"]["accuracy"] == pytest.approx(right)
        assert len(set(stored["ids"])) == record["counts"]["test"]


def test_no_path_and_no_host_name(reference):
    names = [re.escape(n) for n in (platform.node(), str(Path.home()), str(ROOT)) if len(n) > 3]
    machine = re.compile("|".join([r"/home/", r"/root/", r"/tmp/", r"/Users/", r"/work/", *names]))
    for path in reference.path.rglob("*"):
        if path.suffix in (".json", ".md", ".html", ".svg", ".csv"):
            found = machine.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path.name} names {found[0]}"


def test_the_command_stands_beside_them(reference):
    plan = json.loads((reference.path / "plan.json").read_text())
    assert plan["command"].startswith("bench run ")
    assert plan["command"] in (ROOT / "README.md").read_text().replace("\\\n  ", "")


def test_readme_tables_are_read_from_the_records():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert updated(text, ROOT) == text
