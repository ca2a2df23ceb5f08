"""Costs of several devices, types, studies and sweeps in one store: none is mixed with another."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from fusemark.reports import write
from fusemark.reports.collect import collect
from fusemark.reports.cost_figures import draw
from fusemark.reports.cost_panels import chosen
from fusemark.reports.cost_setting import COUNTED, Setting
from fusemark.reports.drawing import looks
from matplotlib.figure import Figure

from .cost_stores import Asked, put, records, write_costs, write_study

LENGTHS = (64, 128, 256)
METHODS = ("mult", "chunked")
MEASURED = ("predicted", "memory", "latency")
BASE = Asked()
OTHERS = (
    Asked("d", dtype="bfloat16", quantities=MEASURED, factor=0.5),
    Asked("e", device="cuda", quantities=MEASURED, factor=0.1),
    Asked("f", threads=2, quantities=("memory", "latency"), factor=0.7),
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """One sweep in four settings, each with a factor of its own."""
    path = tmp_path_factory.mktemp("mixed")
    for asked in (BASE, *OTHERS):
        write_costs(path, METHODS, LENGTHS, asked)
    return path


def setting(asked, quantity):
    return Setting(asked.device, asked.dtype, None if quantity == "predicted" else asked.threads)


def test_every_number_stands_in_its_own_setting(mixed):
    (costs,) = collect(mixed).costs
    for asked in OTHERS:
        for quantity in asked.quantities:
            for work in ("inference", "training"):
                base = costs.find(quantity, work, 1, setting(BASE, quantity))
                own = costs.find(quantity, work, 1, setting(asked, quantity))
                for method in METHODS:
                    values = [own[method][n].value / base[method][n].value for n in LENGTHS]
                    assert values == pytest.approx([asked.factor] * 3, rel=1e-3)


def test_a_slope_and_a_break_even_are_of_one_setting(mixed):
    """What is dearer by a factor everywhere grows alike; two settings in one fit would not."""
    (costs,) = collect(mixed).costs
    slopes = {}
    for growth in costs.growths:
        place = (growth.method, growth.quantity, growth.work, growth.batch)
        slopes.setdefault(place, []).append(growth.slope)
    several = [own for own in slopes.values() if len(own) > 1]
    assert several
    for own in several:
        assert own == pytest.approx([own[0]] * len(own), abs=1e-4)


def test_a_panel_draws_one_setting_and_its_own_band(mixed):
    (costs,) = collect(mixed).costs
    panels = list(chosen(costs))
    assert len({panel.title for panel in panels}) == len(panels)
    shown = {(p.quantity, p.setting) for p in panels}
    assert shown == {
        ("flops", COUNTED),
        *((q, setting(asked, q)) for q in ("memory", "latency") for asked in (BASE, *OTHERS)),
    }
    for panel in panels:
        axes = Figure().add_subplot()
        draw(axes, costs, panel, looks(costs.methods))
        if panel.quantity == "latency":
            s = panel.setting
            place = ("mult", panel.work, s.device, s.dtype, s.threads, panel.batch, LENGTHS[0])
            ends = np.quantile(costs.samples[place], [0.25, 0.75])
            edges = axes.collections[0].get_paths()[0].vertices
            assert sorted(set(edges[edges[:, 0] == LENGTHS[0]][:, 1])) == pytest.approx(ends)


def test_tables_and_ids_are_apart(mixed, tmp_path):
    write(mixed, ("md", "html"), tmp_path)
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for name in ("CPU, float32, 1 thread", "CPU, float32, 2 threads", "CPU, bfloat16, 1 thread",
                 "CUDA, float32, 1 thread"):  # fmt: skip
        assert text.count(f"Median latency of inference, 1 example, {name}") == 2  # and its spread
        assert f"<summary>Median latency of inference, 1 example, {name} (" in page


def older(found):
    """The records of an earlier study, under ids and a date of their own."""
    return [{**r, "id": f"0{r['id'][1:]}", "finished": "2026-11-19T13:00:21+00:00"} for r in found]


@pytest.mark.parametrize("named", [True, False])
def test_a_study_of_more_methods_replaces_the_one_before(tmp_path, named):
    """Its blocks of latencies are others; what they and the old ones share stands once."""
    before = [r for r in records(("mult",), LENGTHS) if r["cell"]["quantity"] == "latency"]
    found = list(records(METHODS, LENGTHS, replace(BASE, factor=2.0)))
    put(tmp_path, [*older(before), *found])
    if named:
        write_study(tmp_path, found)
    write(tmp_path, ("html", "md"))
    (costs,) = collect(tmp_path).costs
    place = Setting("cpu", "float32", 1)
    shown = costs.find("latency", "inference", 1, place)["mult"][64].value
    block = next(r for r in found if r["cell"]["quantity"] == "latency" and r["length"] == 64)
    assert shown == block["result"]["inference"]["times"]["mult"]["median"]
    text = (tmp_path / "report.md").read_text()
    why = "did not ask for them" if named else "newer ones stand in their place"
    assert f"Left out: {len(before)} older cost cells of mult; " in text
    assert why in text


def test_a_method_that_the_last_study_did_not_name_is_left_out(tmp_path):
    """Nothing was timed beside it."""
    before = older(records(("ladder",), LENGTHS))
    found = list(records(METHODS, LENGTHS))
    put(tmp_path, [*before, *found])
    write_study(tmp_path, found)
    (costs,) = collect(tmp_path).costs
    assert set(costs.methods) == set(METHODS)
    assert f"Left out: {len(before)} older cost cells of ladder" in costs.left_out


def test_two_sweeps_have_their_own_break_even_lengths(tmp_path):
    """A ``cost.json`` speaks of the sweep that its command ran, and of no other in the folder."""
    first = list(records(METHODS, LENGTHS, Asked("d", vary="all", quantities=("flops",))))
    second = list(records(METHODS, LENGTHS, Asked("e", quantities=("flops",))))
    put(tmp_path, [*first, *second])
    crossed = {
        "method": "chunked", "baseline": "mult", "work": "inference", "batch": 1, "length": 77,
        "seconds": 2.5, "always": False, "exact": True, "factors": {"10.0": 2.0},
    }  # fmt: skip
    write_study(tmp_path, second, break_even=[crossed])
    write(tmp_path, ("html", "md"))
    text, page = (tmp_path / "report.md").read_text(), (tmp_path / "report.html").read_text()
    assert text.count("fewer FLOPs than mult from") == 1
    own = text.split('## <a id="c2">')[1]
    assert "Cost as visual grows" in own.splitlines()[0]
    assert "| `chunked` | 77 (2.5 s) | 2 |" in own
    assert "Cost as every modality grows" in text
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_a_record_says_with_how_many_threads_it_was_measured(mixed):
    rows = {row.threads for row in collect(mixed).costs[0].rows if row.quantity == "latency p95"}
    assert rows == {1, 2}
    assert {r.threads for r in collect(mixed).costs[0].rows if r.quantity == "flops"} == {None}


def test_another_processor_is_said(tmp_path):
    found = list(records(METHODS, LENGTHS, Asked(quantities=("latency",))))
    found[0]["machine"]["processor"] = "Another CPU"
    put(tmp_path, found)
    write(tmp_path, ("md",))
    text = (tmp_path / "report.md").read_text()
    assert "CPU, float32, 1 thread was measured on 2 machines" in text
    assert json.loads(next((tmp_path / "cells").iterdir()).read_text())["cell"]["threads"] == 1
