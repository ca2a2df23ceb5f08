"""LaTeX: nothing in a name is a command, the tables say what they test, and all of it compiles."""

import json
import re
import shutil
import subprocess

import pytest
from fusemark.reports import write
from fusemark.reports.collect import collect
from fusemark.reports.latex import escaped

from .stores import HOSTILE, ODD, Spec, write_store
from .test_pages import NASTY

EVERY = "".join(map(chr, range(32, 127)))


def texts(path):
    return {p.name: p.read_text(encoding="utf-8") for p in write(path, ("latex",))}


def unescaped(text):
    """Undo the escapes, from their definitions in LaTeX, to what is set on the page."""
    named = {
        "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<",
        "textgreater": ">", "textbar": "|", "textquotedbl": '"', "textasciigrave": "`",
        "textquotesingle": "'",
    }  # fmt: skip
    text = re.sub(r"\\([a-z]{3,})\{\}", lambda m: named[m[1]], text)
    text = re.sub(r"\{([-\[\]])\}", r"\1", text)
    return re.sub(r"\\([{}$&#%_])", r"\1", text)


def test_every_sign_is_set_as_it_stands():
    assert unescaped(escaped(EVERY)) == EVERY
    for sign in "\\{}$&#%_~^":
        assert escaped(sign) != sign
    assert escaped("\u202e漢é") == "??é"
    assert escaped("a\u0301") == "a?"


def test_a_hostile_name_is_no_command(tmp_path):
    found = texts(write_store(tmp_path, NASTY))
    for text in found.values():
        assert HOSTILE not in text
        assert ODD not in text
        assert escaped(HOSTILE) in text
        # No sign of a name starts a comment, a column or mathematics.
        assert not re.search(r"(?<!\\)%(?!\n)", text)
    board = found["d1-leaderboard.tex"]
    rows = [line for line in board.splitlines() if line.startswith(r"\texttt")]
    assert len(rows) == len(NASTY.methods)
    assert len({len(re.findall(r"(?<!\\)&", row)) for row in rows}) == 1


def test_best_in_bold_and_marks_where_the_tests_say_so(tmp_path):
    spec = Spec(methods={"late-concat": 0.8, "ladder": 3.5, "worse": -0.5, "near": 0.8})
    store = write_store(tmp_path, spec)
    board = texts(store)["d1-leaderboard.tex"]
    table = collect(store).tables[0]
    rows = {
        line.split("}")[0].removeprefix(r"\texttt{").replace("{-", "-"): line
        for line in board.splitlines()
        if line.startswith(r"\texttt")
    }
    verdicts = {e.method: e.verdict for e in table.evidence}
    assert set(verdicts.values()) >= {"better", "worse"}
    for method, verdict in verdicts.items():
        row = rows[method]
        assert (r"\blacktriangle$" in row) == (verdict == "better")
        assert (r"\blacktriangledown$" in row) == (verdict == "worse")
    ladder = table.standings[0].estimates["macro_f1"].mean
    assert rf"\textbf{{{100 * ladder:.1f}}}" in rows["ladder"]
    assert r"\textbf" not in rows["worse"]
    caption = board[: board.index(r"\toprule")]
    assert "two{-}sided t on the two{-}way jackknife" in caption
    assert "after Holm over 3 comparisons" in caption
    assert "5 seeds, 8 test speakers; crossed design" in caption
    assert all(command in board for command in (r"\toprule", r"\midrule", r"\bottomrule"))


def test_intervals_stand_in_the_comparisons(tmp_path):
    store = write_store(tmp_path, Spec(seeds=(0, 1, 2, 3)))
    text = texts(store)["d1-comparisons.tex"]
    for found in collect(store).tables[0].evidence:
        low, high = (f"{100 * abs(x):.2f}" for x in (found.test.low, found.test.high))
        assert re.search(rf"{low}\D+{high}", text)


def test_tables_of_an_earlier_report_go(tmp_path):
    store = write_store(tmp_path, Spec(methods={"late-concat": 1.0}, seeds=(0,)))
    (store / "report_tables").mkdir()
    (store / "report_tables" / "d9-leaderboard.tex").write_text("old")
    written = set(texts(store))
    assert {p.name for p in (store / "report_tables").iterdir()} < written


def broken_metrics(store):
    for path in (store / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        record["metrics"] = dict.fromkeys(record["metrics"])
        path.write_text(json.dumps(record))
    return store


def all_pairs(store):
    plan = json.loads((store / "plan.json").read_text()) | {"family": "pairs"}
    (store / "plan.json").write_text(json.dumps(plan))
    return store


WHY = ("failed", "RuntimeError", "no such kernel & \\end{document} %")
CASES = {
    "hostile": lambda path: write_store(path, NASTY),
    "one method and seed": lambda path: write_store(
        path, Spec(methods={EVERY: 1.0}, seeds=(0,), baseline=EVERY)
    ),
    "all failed": lambda path: write_store(
        path, Spec(fail={(m, s): WHY for m in Spec().methods for s in Spec().seeds})
    ),
    "nan": lambda path: broken_metrics(write_store(path, Spec(seeds=(0, 1)))),
    "regression": lambda path: write_store(path, Spec(kind="regression", metric="mae")),
    "long": lambda path: all_pairs(
        write_store(path, Spec(methods={f"method_{i}": 1 + i / 9 for i in range(9)}, examples=60))
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_compiles(tmp_path, case):
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no pdflatex (Debian: texlive-latex-base, texlive-latex-recommended)")
    write(CASES[case](tmp_path), ("latex",))
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-1500:]
    assert (tmp_path / "report.pdf").stat().st_size > 5000
    assert "LaTeX Error" not in said
    assert not re.search(r"Overfull \\hbox \((\d{3,})", said), said[-1500:]
