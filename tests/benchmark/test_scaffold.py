"""What `bench new method` writes must work as it stands, and never write over anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.conformance import PROPERTIES
from fusemark.benchmark.scaffold import new_method

ROOT = Path(__file__).parents[2]


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=cwd, text=True, capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new")
    return folder, new_method("early-gate2", folder)


def test_the_files_are_python_modules_side_by_side(written):
    folder, files = written
    assert files == (folder / "early_gate2.py", folder / "test_early_gate2.py")
    assert sorted(folder.iterdir()) == sorted(files)
    assert '"early-gate2"' in files[0].read_text(encoding="utf-8")


def test_they_pass_their_own_test(written):
    folder, (_, test) = written
    done = run("pytest", "-q", "-p", "no:cacheprovider", "-rs", test.name, cwd=folder)
    assert done.returncode == 0, done.stdout
    assert f"{len(PROPERTIES)} passed" in done.stdout


def test_only_public_names_are_imported(written):
    lines = written[1][0].read_text(encoding="utf-8").splitlines()
    imports = [line for line in lines if "fusemark" in line]
    assert len(imports) == 1
    assert imports[0].startswith("from fusemark.benchmark import ")


@pytest.mark.parametrize("which", [0, 1])
def test_ruff_finds_nothing_in_them(which, written):
    pytest.importorskip("ruff")
    folder, files = written
    config = ("--no-cache", "--config", ROOT / "pyproject.toml")
    # As for the tests of this repository, no docstring is asked of the functions of a test.
    ignored = ("--ignore", "D") if which == 1 else ()
    lint = run("ruff", "check", *config, *ignored, files[which], cwd=folder)
    assert lint.returncode == 0, lint.stdout
    form = run("ruff", "format", "--check", *config, files[which], cwd=folder)
    assert form.returncode == 0, form.stdout


@pytest.mark.parametrize(
    "name",
    ["", "Fusion", "my_method", "2d", "-a", "a-", "a--b", "mult+x", "a b", "a/b", "é", "a\n"],
)
def test_a_name_that_is_not_kebab_case(name, tmp_path):
    with pytest.raises(UserError, match="is not kebab case"):
        new_method(name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("late-concat", "method 'late-concat' is registered already"),
        ("missing-modality", "strategy 'missing-modality' is registered already"),
        ("training", "begins other settings' paths"),
    ],
)
def test_a_name_that_is_taken(name, message, tmp_path):
    with pytest.raises(UserError, match=message):
        new_method(name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("taken", ["my_idea.py", "test_my_idea.py"])
def test_nothing_is_written_over(taken, tmp_path):
    (tmp_path / taken).write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=f"{taken}' exists already"):
        new_method("my-idea", tmp_path)
    assert [(f.name, f.read_text(encoding="utf-8")) for f in tmp_path.iterdir()] == [
        (taken, "mine")
    ]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        new_method("my-idea", tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["none", "fusion", "batch", "late-fusion", "task"])
def test_words_that_python_or_the_contract_use_are_names_like_others(name, tmp_path):
    file, _ = new_method(name, tmp_path)
    found = run("py_compile", file, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    text = file.read_text(encoding="utf-8")
    assert text.count("class ") == 2
    assert "FusionFusion" not in text
    assert "class FusionMethod(" not in text
