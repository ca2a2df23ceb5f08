"""``bench cost`` from end to end, on methods whose cost is known."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fusemark.benchmark import Store, cli
from fusemark.benchmark.cost.cells import CostCell
from fusemark.benchmark.cost.study import formulas_beside, make_record
from fusemark.benchmark.cost.sweep import CREMAD, Shape
from fusemark.benchmark.cost.workers import CostDone
from fusemark.benchmark.registry import load_plugin


def bench(known, *arguments, monkeypatch):
    words = ["bench", "cost", "--plugin", str(known), "--workers", "1", *map(str, arguments)]
    monkeypatch.setattr(sys, "argv", words)
    cli.main()


def table(out):
    with (out / "cost.csv").open() as file:
        return list(csv.DictReader(file))


def values(out, quantity, work="inference"):
    return {
        (row["method"], int(row["length"])): float(row["value"]) if row["value"] else row["status"]
        for row in table(out)
        if (row["quantity"], row["work"]) == (quantity, work)
    }


@pytest.mark.slow
def test_known_costs_are_measured_right_on_all_axes(known, tmp_path, monkeypatch):
    bench(
        known, "--methods", "known-idle,known-product,known-bytes,known-sleep", "--lengths", "8",
        "--batch", 2, "--vary", "visual", "--budget", "3s", "--out", tmp_path,
        monkeypatch=monkeypatch,
    )  # fmt: skip
    probe = sys.modules[load_plugin(known)]
    flops = values(tmp_path, "flops")
    assert flops["known-product", 8] == 2 * probe.ROWS * probe.INNER * probe.COLUMNS
    assert flops["known-idle", 8] == flops["known-sleep", 8] == 0
    # The batch (values, labels and all), one weight for each output, and what is allocated.
    batch = 2 * (4 * (188 * 130 + 8 * 512) + 2 * 8 + 2 * 1 + 8 + 1 + 3 * 8)
    peak = batch + 4 * len(CREMAD.outputs) + probe.BYTES
    assert values(tmp_path, "predicted")["known-bytes", 8] == peak
    assert values(tmp_path, "memory")["known-bytes", 8] == peak
    latency = values(tmp_path, "latency")
    own = latency["known-sleep", 8] - latency["known-idle", 8]
    assert own == pytest.approx(probe.SLEEP, rel=0.02)


def test_a_changed_formula_is_counted_again(known, tmp_path):
    plugin = tmp_path / "own.py"
    text = known.read_text().replace("known-", "own-")
    digests = []
    for formula in ("return 1", "return 2"):
        plugin.write_text(f"{text}\n\ndef flops():\n    {formula}\n")
        formulas_beside.cache_clear()
        digests.append(formulas_beside(load_plugin(plugin)))
    assert digests[0] != digests[1]


def test_what_is_stored_is_not_run_again(known, tmp_path, monkeypatch):
    words = ("--methods", "known-product", "--only", "flops", "--out", tmp_path, "--batch", "1")
    bench(known, *words, "--lengths", "8:16", monkeypatch=monkeypatch)
    cells = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    bench(known, *words, "--lengths", "8:32", monkeypatch=monkeypatch)
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    assert len(cells) == 2
    assert len(after) == 3
    assert all(after[path] == moment for path, moment in cells.items())
    probe = sys.modules[load_plugin(known)]
    product = 2 * probe.ROWS * probe.INNER * probe.COLUMNS
    record = json.loads(next(iter(after)).read_text())
    assert record["result"]["inference"]["by_operator"] == {"mm": product}
    assert record["result"]["inference"]["analytic"] is None


def test_an_uncounted_operator_is_named_and_its_method_not_ranked(
    known, tmp_path, monkeypatch, capsys
):
    bench(
        known, "--methods", "known-transform,known-product", "--lengths", "8:16", "--batch", "1",
        "--only", "flops", "--out", tmp_path, monkeypatch=monkeypatch,
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert "not counted in known-transform: _fft_r2c" in printed
    first = printed.split("FLOPs, inference")[1]
    assert first.index("known-product") < first.index("known-transform")
    assert {row["mark"] for row in table(tmp_path) if row["method"] == "known-transform"} == {
        "uncounted"
    }


@pytest.mark.slow
def test_a_broken_memory_limit_is_a_result(known, tmp_path, monkeypatch, capsys):
    bench(
        known, "--methods", "known-greedy", "--lengths", "64:256", "--batch", "1", "--vary",
        "visual", "--only", "memory", "--memory-limit", "2GiB", "--out", tmp_path,
        monkeypatch=monkeypatch,
    )  # fmt: skip
    found = values(tmp_path, "memory")
    assert isinstance(found["known-greedy", 64], float)
    assert found["known-greedy", 128] == found["known-greedy", 256] == "memory"
    marks = {
        row["length"]: row["mark"]
        for row in table(tmp_path)
        if (row["quantity"], row["work"]) == ("predicted", "inference")
    }
    assert marks == {"64": "", "128": "over", "256": "over"}


@pytest.mark.slow
def test_a_pass_that_breaks_leaves_the_other_and_a_larger_limit_runs_it_again(
    tmp_path, monkeypatch
):
    """768 MiB in training alone: with the worker itself over 1 GiB, and under 4 GiB."""
    plugin = Path(__file__).parent / "breaking.py"
    words = (
        "--methods", "breaking-greedy", "--lengths", "101", "--batch", "1", "--vary", "visual",
        "--only", "memory", "--call-limit", "60s", "--out", tmp_path,
    )  # fmt: skip
    hoard = vars(sys.modules[load_plugin(plugin)])["HOARD"]
    bench(plugin, *words, "--memory-limit", "1GiB", monkeypatch=monkeypatch)
    inference = values(tmp_path, "memory")["breaking-greedy", 101]
    assert isinstance(inference, float)
    assert values(tmp_path, "memory", "training") == {("breaking-greedy", 101): "memory"}
    bench(plugin, *words, "--memory-limit", "4GiB", monkeypatch=monkeypatch)
    training = values(tmp_path, "memory", "training")["breaking-greedy", 101]
    assert isinstance(training, float)
    assert hoard < training < hoard + 2 * inference
    bench(plugin, *words, "--memory-limit", "1GiB", monkeypatch=monkeypatch)
    assert values(tmp_path, "memory") == {("breaking-greedy", 101): inference}
    assert values(tmp_path, "memory", "training") == {("breaking-greedy", 101): "memory"}


def test_what_failed_is_named_again_and_not_run_unless_asked(known, tmp_path, monkeypatch, capsys):
    task = replace(CREMAD, modalities={
        name: replace(m, max_length={"audio": 188, "visual": 8}[name])
        for name, m in CREMAD.modalities.items()
    })  # fmt: skip
    lengths = {"audio": 188, "visual": 8}
    asked = CostCell("flops", {"known-idle": {"known-idle": {}}}, task, 1, lengths)
    error = {"type": "ValueError", "message": "no such luck", "traceback": ""}
    done = CostDone(asked, "failed", {"error": error})
    store = Store(tmp_path).create()
    store.put(make_record(done, Shape(8, lengths, 8 / 30), "visual"), None)
    words = ("--methods", "known-idle", "--lengths", "8", "--batch", "1", "--vary", "visual",
             "--only", "flops", "--out", tmp_path)  # fmt: skip
    with pytest.raises(SystemExit) as exit_:
        bench(known, *words, monkeypatch=monkeypatch)
    assert exit_.value.code == 1
    told = capsys.readouterr()
    assert "1 cells failed before: --retry-failed runs them again" in told.err
    assert "known-idle flops at 8: ValueError: no such luck" in told.out
    bench(known, *words, "--retry-failed", "--memory-limit", "1MiB", "--time-limit", "1s",
          monkeypatch=monkeypatch)  # fmt: skip
    assert values(tmp_path, "flops") == {("known-idle", 8): 0.0}


def test_a_method_that_exits_or_cannot_be_trained_is_marked_alone(tmp_path, monkeypatch, capsys):
    plugin = Path(__file__).parent / "breaking.py"
    names = "breaking-not,breaking-exit,breaking-losses"
    words = ("--methods", names, "--lengths", "8", "--batch", "1,2", "--vary", "visual", "--budget",
             "0.1s", "--only", "flops,predicted,latency", "--baseline", "breaking-not")  # fmt: skip
    with pytest.raises(SystemExit) as exit_:
        bench(plugin, *words, "--out", tmp_path, monkeypatch=monkeypatch)
    assert exit_.value.code == 1
    flops, trained = (values(tmp_path, "flops", work) for work in ("inference", "training"))
    assert flops["breaking-losses", 8] == flops["breaking-not", 8]
    assert trained["breaking-losses", 8] == "failed"
    predicted = values(tmp_path, "predicted")
    assert predicted["breaking-losses", 8] == predicted["breaking-not", 8]
    assert values(tmp_path, "predicted", "training")["breaking-losses", 8] == "failed"
    latency = values(tmp_path, "latency")
    assert latency["breaking-exit", 8] == "failed"
    assert isinstance(latency["breaking-not", 8], float)
    out = capsys.readouterr().out
    assert out.count("breaking-losses flops at 8: KeyError: 'no losses'") == 1
    assert "breaking-exit latency at 8: SystemExit: 0" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--methods", "known-idel"), "did you mean 'known-idle'"),
        (("--lengths", "64-128"), "expected such as 64:4096"),
        (("--vary", "visul"), "did you mean 'visual'"),
        (("--only", "flop"), "did you mean 'flops'"),
        (("--batch", "0"), "batch '0'"),
        (("--dtype", "float16"), "--dtype 'float16'"),
        (("--baseline", "mult"), "--baseline 'mult' is not among the methods"),
        (("--set", "mult.layers=2"), "reaches no method"),
        (("--set", "methods.widht=2"), "'methods.widht' reaches no method"),
        (("--device", "cuda"), "finds no CUDA device"),
    ],
)
def test_a_mistake_is_one_line(known, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    if "--methods" not in words:
        words = ("--methods", "known-idle", *words)
    with pytest.raises(SystemExit) as exit_:
        bench(known, *words, "--out", tmp_path, monkeypatch=monkeypatch)
    assert exit_.value.code == 2
    printed = capsys.readouterr().err.strip()
    assert said in printed
    assert "\n" not in printed
