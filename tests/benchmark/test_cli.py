"""The command as a user meets it: what it prints, and one line with exit code 2 for a mistake."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.arguments import assignments, bytes_, part, seconds
from fusemark.benchmark.cli import main

from .conftest import TOY

PLUGIN = ["--plugin", str(TOY)]
RUN = ["run", *PLUGIN, "--methods", "toy-linear", "--datasets", "toy", "--no-report"]


@pytest.fixture
def bench(monkeypatch, capsys, tmp_path):
    """Call the command in an empty folder; return its exit code, output and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FUSEMARK_DATA", raising=False)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def manifest(folder: Path, *rows: str) -> str:
    import numpy as np

    np.save(folder / "a.npy", np.zeros((4, 3), np.float32))
    np.save(folder / "nan.npy", np.full((4, 3), np.nan, np.float32))
    np.save(folder / "wide.npy", np.zeros((4, 5), np.float32))
    np.save(folder / "empty.npy", np.zeros((0, 3), np.float32))
    file = folder / "data.csv"
    file.write_text("\n".join(["id,label,speaker,split,audio", *rows]) + "\n")
    return f"manifest:{file}"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["run", "--methods", "mlut", "--datasets", "simulated:synergy"], ["'mlut'", "'mult'"]),
        (["run", "--methods", "mult", "--datasets", "utd-mhda"], ["'utd-mhda'", "'utd-mhad'"]),
        (["run", "--methods", "mult", "--datasets", "utd-mhad"], ["FUSEMARK_DATA", "--data-root"]),
        (
            ["run", "--methods", "mult", "--datasets", "utd-mhad", "--data-root", "nowhere"],
            ["'nowhere'", "not a folder"],
        ),
        (["run", "--methods", "mult"], ["no datasets"]),
        (["run", "--methods", "mult", "--seeds"], ["--seeds"]),
        (["run", "--nonsense"], ["--nonsense"]),
        (["run", "--config", "none.toml"], ["none.toml", "does not exist"]),
        (["run", "--preset", "fast"], ["'fast'", "quick"]),
        ([*RUN, "--set", "training.epochs"], ["PATH=VALUE"]),
        ([*RUN, "--set", "training.epochs=many"], ["training.epochs", "many"]),
        ([*RUN, "--time-limit", "soon"], ["'soon'", "2h"]),
        ([*RUN, "--memory-limit", "lots"], ["'lots'", "8GiB"]),
        ([*RUN, "--only-cells", "3/2"], ["'3/2'", "i/n"]),
        (["run", *PLUGIN, "--methods", "toy-linear+nothing", "--datasets", "toy"], ["'nothing'"]),
        (["run", "--plugin", "none.py", "--methods", "a", "--datasets", "b"], ["none.py"]),
        (["list", "papers"], ["papers", "datasets"]),
        (["report", "nowhere"], ["nowhere"]),
        (["check", "mlut"], ["'mlut'", "'mult'"]),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(bench, words, parts):
    code, _, err = bench(*words)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for text in parts:
        assert text in err


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ("x,happy,s2,train,gone.npy", ["row 3", "gone.npy"]),
        ("x,happy,s2,train,nan.npy", ["row 3", "NaN"]),
        ("x,happy,s2,train,wide.npy", ["row 3", "5"]),
        ("x,happy,s2,train,empty.npy", ["row 3"]),
        ("a,happy,s2,train,a.npy", ["row 3", "'a'"]),
        ("x,happy,s2,sometimes,a.npy", ["row 3", "'sometimes'"]),
    ],
)
def test_a_bad_row_is_named_by_its_number(bench, tmp_path, row, parts):
    name = manifest(tmp_path, "a,sad,s1,train,a.npy", row, "z,sad,s9,test,a.npy")
    code, _, err = bench("run", "--methods", "late-concat", "--datasets", name)
    assert code == 2
    assert err.count("\n") == 1
    for text in parts:
        assert text in err


def test_a_class_without_training_examples_is_named(bench, tmp_path):
    rows = ["a,sad,s1,train,a.npy", "b,sad,s2,valid,a.npy", "c,angry,s3,test,a.npy"]
    code, _, err = bench("run", "--methods", "late-concat", "--datasets", manifest(tmp_path, *rows))
    assert code == 2
    assert "'angry' has no training example" in err


def test_a_plugin_that_raises_is_one_line(bench, tmp_path):
    (tmp_path / "bad.py").write_text("raise RuntimeError('not today')")
    code, _, err = bench("list", "methods", "--plugin", "bad.py")
    assert code == 2
    assert "bad.py" in err
    assert "raised RuntimeError on import: not today" in err
    assert err.count("\n") == 1


def test_a_bug_of_ours_keeps_its_traceback(bench, monkeypatch):
    monkeypatch.setattr("fusemark.benchmark.cli.listed", lambda text: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bench(*RUN)


def test_run_then_run_again(bench, tmp_path):
    words = [*RUN, "--seeds", "2", "--set", "training.epochs=2", "--out", "out"]
    code, _, err = bench(*words)
    assert code == 0
    assert "2 cells to run" in err
    code, _, err = bench(*words)
    assert code == 0
    assert "nothing to do" in err


def test_dry_run_prints_cells_and_time_and_runs_nothing(bench, tmp_path):
    code, out, _ = bench(*RUN, "--seeds", "3", "--dry-run", "--out", "out")
    assert code == 0
    assert out.count("toy-linear on toy, seed") == 3
    assert "3 cells, at most about" in out
    assert not (tmp_path / "out").exists()


def test_list_shows_what_is_registered(bench):
    code, out, _ = bench("list", "methods", *PLUGIN)
    assert code == 0
    for text in (
        "only:<modality>",
        "mult",
        "Tsai et al",
        "published",
        "reconstruction",
        "toy-linear",
    ):
        assert text in out
    assert "utd-mhad" in bench("list", "datasets")[1]
    assert "missing-modality" in bench("list", "strategies")[1]


def test_flags_are_read():
    assert assignments(["a.b=1", "c=x=y"]) == {"a.b": "1", "c": "x=y"}
    assert [seconds(t) for t in ("90", "90s", "1.5m", "2h")] == [90, 90, 90, 7200]
    assert [bytes_(t) for t in ("1KiB", "8GiB", "1.5 G")] == [1024, 8 * 2**30, 3 * 2**29]
    assert part("2/7") == (2, 7)
    for wrong in ("0/3", "4/3", "1", "a/b"):
        with pytest.raises(UserError):
            part(wrong)


@pytest.mark.slow
def test_the_wheel_works_where_nothing_of_this_folder_is(tmp_path):
    """Build the wheel, install it in an empty environment and run `bench list` there."""
    root = Path(__file__).resolve().parents[2]
    pip = [sys.executable, "-m", "pip"]
    subprocess.run(
        [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, root], check=True
    )
    (wheel,) = tmp_path.glob("fusemark-*.whl")
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", wheel], check=True)
    # The dependencies are those of this environment; its editable fusemark is not, since a .pth
    # file's folders are searched without their own .pth files.
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(str(Path(pytest.__file__).parents[1]))
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for words in (["list", "methods"], ["run", "--preset", "quick", "--dry-run", "--seeds", "1"]):
        out = subprocess.run(
            [environment / "bin" / "bench", *words], cwd=tmp_path, env=clean, check=True,
            capture_output=True, text=True,
        ).stdout  # fmt: skip
        assert "mult" in out
    where = "import fusemark.benchmark as b; print(b.__file__)"
    found = subprocess.run([python, "-c", where], capture_output=True, text=True, cwd=tmp_path)
    assert Path(found.stdout.strip()).is_relative_to(environment)
