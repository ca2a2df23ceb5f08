"""What a report shows of costs: spread, parts of a peak, orders, energy, limits, crossings."""

import json
import re

import numpy as np
import pytest
from fusemark.reports import write
from fusemark.reports.collect import collect
from fusemark.reports.cost_figures import draw
from fusemark.reports.cost_panels import chosen
from fusemark.reports.drawing import looks
from fusemark.reports.palette import PAPER
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from .cost_stores import Asked, put, records, write_costs, write_study
from .stores import Spec, write_store

LENGTHS = (64, 128, 256, 512)
METHODS = ("mult", "chunked")


def written(path):
    write(path, ("md", "html"))
    return (path / "report.md").read_text(), (path / "report.html").read_text()


def table(text, anchor):
    """Return a Markdown table's rows by (method, second column), each by its head."""
    lines = text.split(f'<a id="{anchor}"></a>')[1].split("\n\n")[1].splitlines()
    head, _, *rows = [[c.strip() for c in line.strip("| ").split(" | ")] for line in lines]
    return {(r[0].strip("`"), r[1]): dict(zip(head, r, strict=True)) for r in rows}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The report of two methods at four lengths."""
    path = tmp_path_factory.mktemp("plain")
    write_costs(path, METHODS, LENGTHS)
    return written(path)


def test_behind_a_latency_stand_its_spread_and_its_throughput(plain):
    text, page = plain
    row = table(text, "c1-spread-training-32-cpu-float32-1")["chunked", "128"]
    median = 3 * 1e-9 * 32 * (1e5 * 128 + 25 * 128**2)
    assert row["median"] == f"{median:.3g} s"
    assert row["p95"] == f"{1.05 * median:.3g} s"
    assert row["interquartile range"] == f"{30 * median:.3g} ms"
    assert row["repeats"] == "30"
    assert row["examples a second"] == f"{32 / median:.2f}"
    assert row["ratio to mult"] == "1.10<br>1.00 to 1.20"
    assert 'id="c1-spread-training-32-cpu-float32-1"' in page


def test_a_peak_has_its_parts_and_its_measurement_beside_it(plain):
    text, page = plain
    row = table(text, "c1-parts-32-cpu-float32")["mult", "64"]
    assert (row["parameters"], row["gradients"]) == ("390.6 KiB", "390.6 KiB")
    assert row["optimiser state"] == "781.2 KiB"
    assert row["predicted peak"] == row["measured peak"]
    assert row["predicted over measured, %"] == "0.00"
    assert "activations" in row
    assert 'id="c1-parts-32-cpu-float32"' in page


def test_the_declared_order_stands_beside_the_slope(tmp_path):
    found = list(records(METHODS, LENGTHS))
    put(tmp_path, found)
    growth = [{"method": "mult", "declared": "sum T_m T_n"}]
    write_study(tmp_path, found, growth=growth)
    text, _ = written(tmp_path)
    rows = table(text, "c1-flops-inference-1").values()
    assert {row["method"]: row["declared order"] for row in rows} == {
        "`mult`": "sum T_m T_n", "`chunked`": "–",
    }  # fmt: skip


def test_energy_is_that_of_one_example(tmp_path):
    write_costs(tmp_path, METHODS, LENGTHS, Asked(device="cuda", joules=0.64))
    text, _ = written(tmp_path)
    for batch, each in ((1, "640 mJ"), (32, "20 mJ")):
        row = table(text, f"c1-spread-inference-{batch}-cuda-float32-1")["mult", "64"]
        assert row["energy of one example"] == each
    assert "Energy was not measured" not in text


@pytest.mark.parametrize(("device", "why"), [("cpu", "NVML alone"), ("cuda", "nvidia-ml-py")])
def test_where_energy_is_absent_the_page_says_why(tmp_path, device, why):
    write_costs(tmp_path, METHODS, LENGTHS, Asked(device=device, quantities=("latency",)))
    text, page = written(tmp_path)
    for shown in (text, page):
        assert f"Energy was not measured on {device.upper()}: " in shown
        assert why in shown


def limited(path):
    """Both are predicted to break the limit at 256, and mult breaks it at 512 when it is run."""
    found = list(records(METHODS, LENGTHS))
    for record in found:
        cell, length = record["cell"], record["length"]
        if cell["quantity"] == "memory":
            record["limits"] = {"memory": int(2.7e8), "call": 0.5, "time": 600.0}
        if cell["quantity"] == "memory" and "mult" in cell["configs"] and length == 512:
            record["status"], record["result"] = "memory", {}
            record["error"] = {"type": "memory", "message": "went over", "traceback": ""}
        if cell["quantity"] == "latency" and length >= 256:
            for work in ("inference", "training"):
                del record["result"][work]["times"]["chunked"]
                record["result"][work]["too_large"] = {"chunked": 10**10}
    put(path, found)
    return found


def crosses(costs, quantity):
    """By method of a training step's panel the crosses: length, and whether it is hollow."""
    (panel,) = (p for p in chosen(costs) if (p.quantity, p.work) == (quantity, "training"))
    styles, axes = looks(costs.methods), Figure().add_subplot()
    draw(axes, costs, panel, styles)
    colours = {to_hex(style["color"]): method for method, style in styles.items()}
    return {
        (colours[to_hex(line.get_markeredgecolor())], int(line.get_xdata()[0]),
         to_hex(line.get_markerfacecolor()) == PAPER.light)
        for line in axes.lines
        if line.get_marker() == "X"
    }  # fmt: skip


def test_the_first_length_that_does_not_fit_is_marked(tmp_path):
    limited(tmp_path)
    (costs,) = collect(tmp_path).costs
    # A training step is predicted to take 32 (1e5 T + (20 + 5 i) T^2) / 3 bytes: at 256 over the
    # 270 MB of the limit for both methods, at 128 under it.
    assert crosses(costs, "memory") == {
        ("mult", 256, True), ("chunked", 256, True), ("mult", 512, False),
    }  # fmt: skip
    assert crosses(costs, "latency") == {("chunked", 256, True)}
    text, _ = written(tmp_path)
    rows = text.split('<a id="c1-predicted-training-32-cpu-float32"></a>')[1].split("\n\n")[1]
    assert re.search(r"`mult` \| [\d.]+ MiB \| [\d.]+ MiB \| [\d.]+ MiB<br>over the limit", rows)
    rows = text.split('<a id="c1-memory-training-32-cpu-float32-1"></a>')[1].split("\n\n")[1]
    assert re.search(r"`mult` \|.*\| memory limit \|", rows)
    rows = text.split('<a id="c1-latency-training-32-cpu-float32-1"></a>')[1].split("\n\n")[1]
    assert rows.count("memory limit<br>foreseen") == 2
    assert "A cross marks the first length that broke the memory or time limit." in text
    assert "A hollow cross marks the first length that is predicted to break it." in text


def test_what_a_study_marked_over_its_limit_is_marked_here(tmp_path):
    found = list(records(METHODS, LENGTHS, Asked(quantities=("predicted",))))
    put(tmp_path, found)
    over = {
        "method": "mult", "quantity": "predicted", "work": "training", "device": "cpu",
        "dtype": "float32", "batch": 32, "length": 512, "mark": "over",
    }  # fmt: skip
    write_study(tmp_path, found, rows=[over])
    (costs,) = collect(tmp_path).costs
    assert crosses(costs, "memory") == {("mult", 512, True)}


def test_time_and_memory_have_break_even_lengths(tmp_path):
    """Chunked takes (300 / T)^.5 of mult's time and (100 / T) of its memory."""
    found = list(records(METHODS, LENGTHS))
    rng = np.random.default_rng(0)
    for record in found:
        length, result = record["length"], record["result"]
        if record["cell"]["quantity"] == "latency":
            for work in ("inference", "training"):
                times = result[work]["times"]
                base = np.asarray(times["mult"]["samples"])
                share = (300 / length) ** 0.5 * rng.normal(1, 0.02, len(base))
                times["chunked"]["samples"] = (share * base).tolist()
        if record["cell"]["quantity"] == "memory":
            share = 100 / length if "chunked" in record["cell"]["configs"] else 1.0
            record["result"] = dict.fromkeys(("inference", "training"), 1e9 * length * share)
    put(tmp_path, found)
    text, page = written(tmp_path)
    ((_, row),) = table(text, "c1-less-inference").items()
    assert row["method"] == "`chunked`"
    assert row["less measured memory from"] == "about 100"
    about, low, high = map(int, re.findall(r"\d+", row["less time from"].replace("<br>", " ")))
    assert low <= about <= high
    assert about == pytest.approx(300, rel=0.03)
    # Half a standard error of the median, .02 sqrt(pi / 2 / 30), is 1 % of time, 2 % of length.
    assert high - low < 0.1 * about
    assert row["less predicted memory from"] == row["fewer FLOPs from"] == "no length"
    assert 'id="c1-less-training"' in page


def test_a_study_at_one_length_is_named_by_it(tmp_path):
    write_costs(tmp_path, METHODS, (64,))
    text, page = written(tmp_path)
    assert "Cost beside the results" not in text + page
    assert text.count("Cost at 64 steps of visual") >= 2
    assert table(text, "c1-spread-inference-1-cpu-float32-1")["mult", "64"]["repeats"] == "30"


def test_a_method_with_one_length_says_that_it_has_no_slope(tmp_path):
    found = [
        r for r in records(METHODS, LENGTHS, Asked(quantities=("flops",)))
        if "mult" in r["cell"]["configs"] or r["length"] == 64
    ]  # fmt: skip
    put(tmp_path, found)
    text, _ = written(tmp_path)
    slopes = {row["method"]: row["slope"] for row in table(text, "c1-flops-inference-1").values()}
    assert slopes["`chunked`"] == "no slope"
    assert slopes["`mult`"] != "no slope"


def test_beside_the_results_of_a_run_stand_the_same_details(tmp_path):
    """A dataset's own section has them, and the Pareto front a panel for each setting."""
    write_store(tmp_path, Spec(methods=dict.fromkeys(METHODS, 1.0), baseline="mult"))
    found = list(records(METHODS, (64,)))
    put(tmp_path, found)
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["costs"] = {plan["datasets"][0]: [record["id"] for record in found]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    text, page = written(tmp_path)
    own = text.split("### Cost")[1].split("###")[0]
    assert "Cost beside the results" in own
    assert "Energy was not measured on CPU" in own
    assert table(own, "c1-spread-inference-1-cpu-float32-1")["mult", "64"]["repeats"] == "30"
    assert "Latency on CPU, float32, 1 thread (Some CPU" in own
    assert page.count('id="c1-parts-32-cpu-float32"') == 1
