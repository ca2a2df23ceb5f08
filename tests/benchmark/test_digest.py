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


@pytest.fixture
def copy(tmp_path):
    """A copy of the code, and a function that returns the digests of two methods in it."""
    for folder in ("benchmark", "methods", "datasets"):
        shutil.copytree(ROOT / folder, tmp_path / folder)

    def digests():
        words = [sys.executable, "-c", CODE, str(tmp_path)]
        out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        return out.split()

    return tmp_path, digests


def test_what_makes_a_method_stale(copy):
    """An edit of MulT's own file reaches MulT alone; a comment or docstring reaches nothing."""
    root, digests = copy
    mult, other = digests()
    file = root / "methods" / "mult.py"
    text = file.read_text()

    file.write_text("# a comment\n" + text.replace('"""', '"""Other words. ', 1))
    assert digests() == [mult, other]

    file.write_text(text + "\nSOMETHING = 1\n")
    assert digests()[0] != mult
    assert digests()[1] == other


def test_the_formula_of_a_cost_reaches_nothing(copy):
    """Nor does what it alone imports: no prediction can depend on it."""
    root, digests = copy
    before = digests()
    (root / "methods" / "blocks" / "counts.py").write_text("TWO = 2\n")
    file = root / "methods" / "mult.py"
    start = "    def forward(self, batch: Batch)"
    body = "        from .blocks.counts import TWO\n        return TWO\n\n"
    formula = "    def flops(self, batch):\n" + body
    assert start in file.read_text()
    file.write_text(file.read_text().replace(start, formula + start))
    assert digests() == before


def test_an_edit_of_a_block_reaches_the_methods_that_import_it(copy):
    root, digests = copy
    mult, _ = digests()
    block = root / "methods" / "blocks" / "attention.py"
    block.write_text(block.read_text().replace("10_000.0", "20_000.0"))
    assert digests()[0] != mult


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
