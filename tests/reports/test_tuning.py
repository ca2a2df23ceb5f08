"""The page of a tuning, from a result that was written by hand."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from fusemark.benchmark import UserError
from fusemark.reports.tuning_figures import place
from fusemark.reports.tuning_page import write
from fusemark.reports.writing import write as write_report

from .stores import write_store

SPACE = [
    {"path": "a|b.lr", "low": 1e-4, "high": 1e-2, "log": True, "choices": [], "default": 1e-3},
    {"path": "a|b.taps", "low": None, "high": None, "log": False, "choices": [[1.0], [2.0, 3.0]],
     "default": [1.0]},
]  # fmt: skip


def trial(number, state, score, lr, reason=None):
    return {
        "number": number, "state": state, "values": None if score is None else [score],
        "params": {"a|b.lr": lr, "a|b.taps": [1.0]}, "seconds": 2.0, "reason": reason,
        "default": number == 0, "scores": None, "reported": [0.1],
    }  # fmt: skip


def described(found):
    params = found["params"]
    return {"number": found["number"], "values": found["values"], "chosen": params,
            "settings": params}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    trials = [
        trial(0, "complete", 0.5, 1e-3), trial(1, "pruned", None, 1e-4, "pruned after epoch 1"),
        trial(2, "complete", 0.75, 1e-2), trial(3, "fail", None, 1e-2, "<script> | *x*"),
    ]  # fmt: skip
    counts = {"trials": 4, "complete": 2, "pruned": 1, "fail": 1, "running": 0, "given_back": 0}
    study = {
        "method": "a|b", "dataset": "d/1", "name": "n", "score": "macro_f1", "reused": False,
        "seconds": 8.0, "counts": counts, "space": SPACE, "best": described(trials[2]),
        "default": described(trials[0]), "front": [], "importance": {"a|b.lr": 1.0},
        "trials": trials,
    }  # fmt: skip
    result = {
        "datasets": ["d/1"], "methods": ["a|b"], "size": "small", "settings": {},
        "budget": {"trials": 4, "seconds": 60.0, "text": "4 trials and at most 60 s of computing"},
        "seeds": [10000], "objectives": ["score"], "pruner": "median", "seed": 0,
        "storage": "an SQLite file", "studies": [study],
    }  # fmt: skip
    (tmp_path / "tune.json").write_text(json.dumps(result))
    return tmp_path


def cells(page):
    row = next(line for line in page.splitlines() if line.startswith("| <code>a&#124;b</code> | 2"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_page_states_the_budget_and_what_came_of_it(folder):
    write(folder)
    page = (folder / "tune.md").read_text()
    assert "same budget: 4 trials and at most 60 s of computing; 4 trials, of which 1" in page
    assert cells(page)[1:] == ["2", "4", "2", "1", "1", "0", "8 s", "50.0", "75.0"]
    assert "a&#124;b.lr = 0.01 |" in page  # changed; the taps stayed at the default
    assert "<script>" not in page


def test_equal_results_give_equal_files_that_parse(folder):
    write(folder)
    files = sorted((folder / "tune_files").iterdir())
    assert [f.name for f in files] == ["t1-history.svg", "t1-importance.svg", "t1-parallel.svg"]
    first = [f.read_bytes() for f in files]
    write(folder)
    assert [f.read_bytes() for f in files] == first
    page = (folder / "tune.md").read_text()
    for file in files:
        assert "aria-label" in ElementTree.parse(file).getroot().attrib
        assert f"](tune_files/{file.name})" in page


def test_tuning_before_a_run_joins_its_report(folder, tmp_path):
    store = tmp_path / "run"
    write_store(store)
    (store / "tuning").mkdir()
    (folder / "tune.json").rename(store / "tuning" / "tune.json")
    write_report(store)
    page, html = (store / "report.md").read_text(), (store / "report.html").read_text()
    assert cells(page)[-2:] == ["50.0", "75.0"]
    assert "](report_files/t1-history.svg)" in page
    assert (store / "report_files" / "t1-history.svg").exists()
    for known in ('href="#t1"', 'id="t1"', 'id="t1-spent"', "&lt;script&gt; | *x*"):
        assert known in html, known
    # The summary names the budget, with a link to the table.
    assert "([table](#t1-spent))" in page[: page.index("## <a")]


def test_place_of_a_value_in_its_space():
    assert place(SPACE[0], 1e-3) == pytest.approx(0.5)  # the middle of a logarithmic interval
    assert [place(SPACE[1], value) for value in ([1.0], [2.0, 3.0])] == [0.0, 1.0]


def test_a_folder_without_a_tuning_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no tuning"):
        write(tmp_path)
