"""The page of a tuning, from a result that was written by hand."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from fusemark.benchmark import UserError
from fusemark.reports.tuning_figures import history, place
from fusemark.reports.tuning_page import write
from fusemark.reports.writing import write as write_report

from .stores import write_store
from .tuned import SPACE, write_tuning


@pytest.fixture
def folder(tmp_path):
    return write_tuning(tmp_path / "tuned")


def cells(page):
    row = next(line for line in page.splitlines() if line.startswith("| <code>a&#124;b</code> | 2"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_page_states_the_budget_and_what_came_of_it(folder):
    write(folder)
    page = (folder / "tune.md").read_text()
    assert "same budget: 4 trials and at most 60 s of computing; 4 trials, of which 1" in page
    assert cells(page)[1:] == ["2", "4", "2", "1", "1", "0", "8 s", "50.0", "75.0"]
    assert "| lr = 0.01 | taps |" in page  # changed; the taps stayed at the default
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


def test_tuning_before_a_run_joins_its_report(tmp_path):
    store = write_store(tmp_path / "run")
    write_tuning(store / "tuning")
    write_report(store)
    page, html = (store / "report.md").read_text(), (store / "report.html").read_text()
    assert cells(page)[-2:] == ["50.0", "75.0"]
    assert "](report_files/t1-history.svg)" in page
    assert (store / "report_files" / "t1-history.svg").exists()
    for known in ('href="#t1"', 'id="t1"', 'id="t1-spent"', "&lt;script&gt; | *x*"):
        assert known in html, known
    # The summary names the budget, with a link to the table.
    assert "([table](#t1-spent))" in page[: page.index("## <a")]


def test_the_best_so_far_is_drawn_to_the_last_trial(folder):
    """The best of 50 and 75 comes at trial 2 and still holds at trial 3, which failed."""
    study = json.loads((folder / "tune.json").read_text())["studies"][0]
    figure, _ = history([study])
    (line,) = (a for a in figure.axes[0].lines if a.get_drawstyle() == "steps-post")
    assert line.get_xydata().tolist() == [[0, 50], [2, 75], [3, 75]]


def test_place_of_a_value_in_its_space():
    assert place(SPACE[0], 1e-3) == pytest.approx(0.5)  # the middle of a logarithmic interval
    assert [place(SPACE[1], value) for value in ([1.0], [2.0, 3.0])] == [0.0, 1.0]


def test_a_folder_without_a_tuning_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no tuning"):
        write(tmp_path)
