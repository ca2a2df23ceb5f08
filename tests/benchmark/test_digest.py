import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fusemark.benchmark.digest import HARNESS, code_digest, reached

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys, types
from pathlib import Path
root = Path(sys.argv[1])
for name in ("benchmark", "methods", "datasets", "reports"):
    package = types.ModuleType(f"fusemark.{name}")
fusemark = types.ModuleType("fusemark"); fusemark.__path__ = [str(root)]
sys.modules["fusemark"] = fusemark
from fusemark.benchmark.digest import code_digest
print(code_digest(["fusemark.methods.mult"]), code_digest(["fusemark.methods.late_average"]))
"""


def digests_in(root):
    """Return the digests of two methods, from a process that imports the code of this folder."""
    words = [sys.executable, "-c", CODE, str(root)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="module")
def before():
    return digests_in(ROOT)


@pytest.fixture
def copy(tmp_path):
    """A copy of the code."""
    for folder in ("benchmark", "methods", "datasets"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_what_makes_a_method_stale(copy, before):
    """An edit of MulT's own file reaches MulT alone; a comment or docstring reaches nothing."""
    mult, other = before
    file = copy / "methods" / "mult.py"
    text = file.read_text()

    file.write_text("# a comment\n" + text.replace('"""', '"""Other words. ', 1))
    assert digests_in(copy) == [mult, other]

    file.write_text(text + "\nSOMETHING = 1\n")
    edited, rest = digests_in(copy)
    assert edited != mult
    assert rest == other


def test_the_formula_of_a_cost_reaches_nothing(copy, before):
    """Nor does what it alone imports: no prediction can depend on it."""
    (copy / "methods" / "blocks" / "counts.py").write_text("TWO = 2\n")
    file = copy / "methods" / "mult.py"
    start = "    def forward(self, batch: Batch)"
    body = "        from .blocks.counts import TWO\n        return TWO\n\n"
    formula = "    def flops(self, batch):\n" + body
    assert start in file.read_text()
    file.write_text(file.read_text().replace(start, formula + start))
    assert digests_in(copy) == before


def test_an_edit_of_a_block_reaches_the_methods_that_import_it(copy, before):
    block = copy / "methods" / "blocks" / "attention.py"
    block.write_text(block.read_text().replace("10_000.0", "20_000.0"))
    assert digests_in(copy)[0] != before[0]


def test_a_method_without_attention_does_not_reach_the_attention_block(toy):
    assert "fusemark.methods.blocks.attention" in reached(["fusemark.methods.mult"])
    names = [n for n in sys.modules if n.startswith("fusemark_plugin_")]
    assert "fusemark.methods.blocks.attention" not in reached(names)
    assert "fusemark.benchmark.contract.method" in reached(names)


def test_the_harness_reaches_training_and_evaluation_and_no_method():
    found = reached(HARNESS)
    for name in ("cell", "training", "evaluation", "loading", "seeds", "settings"):
        assert f"fusemark.benchmark.{name}" in found
    assert not [n for n in found if n.startswith(("fusemark.methods", "fusemark.datasets"))]
    assert not [n for n in found if n.endswith((".cli", ".progress", ".store", ".executors"))]


def test_digests_do_not_depend_on_the_order_of_modules():
    names = ["fusemark.benchmark.loading", "fusemark.benchmark.seeds"]
    assert code_digest(names) == code_digest(names[::-1])
