"""CSV whose names a spreadsheet does not run."""

import csv
import io

import pytest
from fusemark.benchmark.cost.rows import Row
from fusemark.benchmark.cost.rows import as_csv as cost_csv
from fusemark.benchmark.spreadsheet import as_csv

# OWASP, CSV Injection: = + - @, tab, carriage return, line feed, and their full-width forms.
RUN = ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "＠x"]


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("name", RUN)
def test_a_name_that_would_be_run_is_text(name):
    text = "'" + name.replace("\r", " ")
    assert read(as_csv([name], [[name, 1]])) == [[text], [text, "1"]]


def test_numbers_stay_numbers_and_names_stay_names():
    row = ["mult", "a=b", "x,y", 'say "no"', -0.25, -3, 1e-9, None, float("nan"), float("inf"), ""]
    (found,) = read(as_csv(["h"] * len(row), [row]))[1:]
    assert found == ["mult", "a=b", "x,y", 'say "no"', "-0.25", "-3", "1e-09", "", "", "", ""]
    assert float(found[4]) == -0.25


def test_the_tables_of_cost_are_escaped_too():
    known = {"quantity": "flops", "work": "training", "device": "", "dtype": "", "batch": 1,
             "length": 8, "seconds": None, "unit": "FLOP", "value": -1.0}  # fmt: skip
    more = {"threads": 1} if "threads" in Row.__dataclass_fields__ else {}
    head, found = read(cost_csv([Row(method="=1+1", **known, **more)], Row))
    said = dict(zip(head, found, strict=True))
    assert (said["method"], said["value"]) == ("'=1+1", "-1.0")
