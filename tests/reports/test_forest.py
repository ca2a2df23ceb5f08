"""The forest plot: a row for each planned comparison, at the table's own figures."""

import re
from xml.etree import ElementTree

import pytest
from fusemark.reports.collect import collect
from fusemark.reports.forest import drawn, forest
from fusemark.reports.palette import BLUE, MUTED, VERMILLION
from fusemark.reports.svg import style

from .stores import Spec, write_store

SPEC = Spec(methods={"late-concat": 1.0, "far": 3.0, "worse": -0.5, "near": 1.02})


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return collect(write_store(tmp_path_factory.mktemp("forest"), SPEC)).tables[0]


def test_points_and_intervals_are_those_of_the_test(table):
    found = sorted(table.evidence, key=lambda e: -e.test.difference)
    with style():
        axes = drawn(found, both=False).axes[0]
    lines = [line for line in axes.get_lines() if len(set(line.get_ydata())) == 1]
    colours = {"better": BLUE, "worse": VERMILLION}
    for i, one in enumerate(found):
        interval, point = lines[2 * i], lines[2 * i + 1]
        ends = [100 * one.test.low, 100 * one.test.high]
        assert interval.get_xdata() == pytest.approx(ends)
        assert point.get_xdata() == pytest.approx([100 * one.test.difference])
        assert interval.get_color() == colours.get(one.verdict, MUTED).light
        hollow = point.get_markerfacecolor() != interval.get_color()
        assert hollow == (not one.separated)
    assert [label.get_text() for label in axes.get_yticklabels()] == [e.method for e in found]
    (band,) = axes.patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-1.0, 2.0))


def test_it_is_titled_captioned_and_holds_every_name(table):
    figure = forest(table)
    root = ElementTree.fromstring(figure.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == figure.title
    text = " ".join(root.itertext())
    assert all(e.method in text for e in table.evidence)
    assert "95 % interval of t on the two-way jackknife" in figure.caption
    assert "±1 point, practically equal" in figure.caption
    assert not re.search(r"\d\.\d{3}", "".join(re.findall(r"<path[^>]*>", figure.svg)))


def test_without_an_interval_there_is_no_figure(tmp_path):
    for name, spec in (("a", Spec(seeds=(0, 1))), ("b", Spec(baseline=None))):
        assert forest(collect(write_store(tmp_path / name, spec)).tables[0]) is None
