"""The committed costs, swept or beside a run: of a clean commit of this code, and the formulas'."""

import subprocess
from pathlib import Path

import pytest
from fusemark.benchmark import Store
from fusemark.benchmark.contract import Modality, Task
from fusemark.benchmark.cost.cells import CostCell
from fusemark.benchmark.cost.study import digest
from fusemark.benchmark.cost.sweep import shapes
from fusemark.benchmark.store import read_json

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "results" / "reference"
REFERENCES = sorted(p.parent for p in COMMITTED.rglob("cost.json"))
BESIDE = [p.parent for p in sorted(COMMITTED.rglob("plan.json")) if read_json(p).get("costs")]


def ids(path: Path) -> str:
    return path.relative_to(COMMITTED).as_posix()


@pytest.fixture(params=REFERENCES, ids=ids)
def reference(request) -> Store:
    return Store(request.param)


@pytest.fixture(params=[*REFERENCES, *BESIDE], ids=ids)
def records(request) -> list[dict]:
    return [r for r in Store(request.param).records() if r["cell"].get("kind") == "cost"]


def asked(record) -> CostCell:
    """Return the cell of a record as it was asked for."""
    fields = dict(record["cell"])
    modalities = {
        name: Modality(**{**m, "shape": tuple(m["shape"])})
        for name, m in fields["task"]["modalities"].items()
    }
    task = Task(modalities, tuple(fields["task"]["outputs"]), fields["task"]["kind"])
    return CostCell(**{**fields, "task": task})


def test_every_cell_is_there_and_ok(reference):
    records = {r["id"]: r for r in reference.records()}
    assert set(read_json(reference.path / "cost.json")["cells"]) == set(records)
    assert {r["status"] for r in records.values()} == {"ok"}
    for name, record in records.items():
        assert asked(record).id == name


def test_counts_are_the_formulas_of_this_code(records):
    assert records
    for record in records:
        cell = asked(record)
        model = cell.builder(cell.method, "meta")(cell.lengths)
        for work in ("inference", "training"):
            counted = record["result"][work]
            assert not counted["uncounted"]
            formula = model.flops(cell.batch, dict(cell.lengths), work == "training")
            assert counted["total"] == formula


def test_they_were_made_by_this_code_at_a_clean_ancestor(records):
    for record in records:
        assert record["git"]["dirty"] is False
        words = ["merge-base", "--is-ancestor", record["git"]["commit"], "HEAD"]
        assert subprocess.run(["git", "-C", str(ROOT), *words], check=False).returncode == 0
        assert record["code"]["digest"].split("-")[0] == digest(asked(record)).split("-")[0]


def test_the_command_stands_beside_them(reference):
    command = read_json(reference.path / "cost.json")["asked"]["command"]
    assert command.startswith("bench cost ")
    assert command in (ROOT / "README.md").read_text().replace("\\\n  ", "")


def test_break_even_lengths_are_where_the_formulas_cross(reference):
    """Each factor is the quotient of two formulas at that time, evaluated here anew."""
    found = read_json(reference.path / "cost.json")
    cells = {r["cell"]["batch"]: asked(r) for r in reference.records()}
    configs = {asked(r).method: asked(r) for r in reference.records()}
    assert set(cells) == {1}
    vary = found["asked"]["vary"]
    modalities = {
        name: Modality(**{**m, "shape": tuple(m["shape"])})
        for name, m in found["task"]["modalities"].items()
    }
    task = Task(modalities, tuple(found["task"]["outputs"]))
    rate = task.modalities["visual"].rate

    def flops(method, seconds, training):
        (shape,) = shapes(task, [round(seconds * rate)], vary)
        model = configs[method].builder(method, "meta")(shape.lengths)
        return model.flops(1, dict(shape.lengths), training)

    for each in found["break_even"]:
        training = each["work"] == "training"
        assert set(each["factors"]) == {"10.0", "30.0", "60.0"}
        for seconds, factor in each["factors"].items():
            base, own = (flops(each[k], float(seconds), training) for k in ("baseline", "method"))
            assert factor == pytest.approx(base / own, rel=1e-12)
