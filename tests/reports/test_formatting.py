"""Numbers and names as they are printed."""

import doctest
import math

import pytest
from fusemark.reports import formatting, markdown
from fusemark.reports.grids import Entry
from fusemark.reports.metrics import CLASSIFICATION, columns


@pytest.mark.parametrize("module", [formatting, markdown])
def test_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0


def test_p_values_never_round_across_alpha():
    for p in (0.0496, 0.04999, 0.0499999, 0.05, 0.0500001, 0.0504):
        shown = float(formatting.p_value(p))
        assert (shown < 0.05) == (p < 0.05)


def test_points_have_one_decimal_and_differences_two():
    f1 = CLASSIFICATION[0]
    assert formatting.value(f1, 0.80249) == "80.2"
    assert formatting.difference(f1, -0.01234) == "−1.23"
    assert formatting.value(f1, math.nan) == "–"


def test_a_written_number_knows_its_value_for_sorting():
    f1 = CLASSIFICATION[0]
    assert Entry(formatting.p_value(1e-9)).order == "1e-09"
    assert Entry(formatting.value(f1, 0.802493)).order == "80.2493"
    assert Entry(formatting.integer(1234567)).order == "1.23457e+06"
    assert Entry(formatting.number(math.nan)).order == ""
    assert Entry("2–5", sort=2).order == "2"
    assert Entry("mult", sort=math.inf).order == ""


def test_a_rounded_zero_has_no_sign():
    assert formatting.number(-0.001, 1) == "0.0"


def test_the_asked_metric_comes_first_and_none_is_lost():
    shown = columns("classification", "uar")
    assert shown[0].key == "uar"
    assert {m.key for m in shown} == {m.key for m in CLASSIFICATION}
    assert columns("regression", "macro_f1")[0].key == "mae"
    assert columns("classification", "micro_f1")[0].key == "micro_f1"


def test_an_interval_ends_where_the_measure_does():
    share, loss = CLASSIFICATION[0], CLASSIFICATION[-1]
    assert share.ends(-0.2, 1.1) == (0.0, 1.0)
    assert share.ends(0.4, 0.6) == (0.4, 0.6)
    assert loss.ends(-0.2, 1.1) == (0.0, 1.1)
    r2 = {metric.key: metric for metric in columns("regression", None)}["r2"]
    assert r2.ends(-3.0, 1.1) == (-3.0, 1.0)
