"""What cannot end in time is not begun, and what can is never passed over."""

import time

import pytest
import torch
from fusemark.benchmark.cost.bounds import TooSlowError, fastest, least_seconds
from fusemark.benchmark.cost.cells import CostCell, Limits, latency_results, memory_results
from fusemark.benchmark.cost.steps import Measured, full_batch
from fusemark.benchmark.cost.sweep import CREMAD
from fusemark.benchmark.recipes import parse

LENGTHS = {"audio": 188, "visual": 90}


def cell(quantity, *names):
    configs = {name: parse(name).resolve("small", {}) for name in names}
    return CostCell(quantity, configs, CREMAD, 8, LENGTHS, baseline=names[0])


def test_a_call_takes_no_less_than_its_bound():
    """A lower bound: the same FLOPs as one large product are what no method's operators reach."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name in ("late-concat", "mult"):
            asked = cell("latency", name)
            model = asked.builder(name)(LENGTHS)
            bound = least_seconds(model, 8, LENGTHS, True, "cpu", "float32")
            measured, data = Measured(model.train()), full_batch(model.task, 8, LENGTHS, "cpu")
            times = []
            for _ in range(5):
                start = time.perf_counter()
                measured.train(data)
                times.append(time.perf_counter() - start)
            assert 0 < bound < min(times)
    finally:
        torch.set_num_threads(threads)


def test_it_grows_with_the_formula():
    model = cell("latency", "mult").builder("mult", "meta")(LENGTHS)
    bounds = [least_seconds(model, batch, LENGTHS, False, "cpu", "float32") for batch in (1, 4)]
    flops = model.flops(1, LENGTHS, False)
    assert bounds[0] * fastest("cpu", "float32") == pytest.approx(flops)
    assert bounds[1] == pytest.approx(4 * bounds[0])


def test_memory_of_what_is_too_slow_is_not_measured():
    with pytest.raises(TooSlowError, match="over the limit of a call, 1e-09 s"):
        next(memory_results([cell("memory", "late-concat")], Limits(2**40, call=1e-9)))


def test_latency_of_what_is_too_slow_is_a_mark():
    (found,) = latency_results([cell("latency", "late-concat", "mult")], Limits(2**40, call=1e-9))
    for work in ("inference", "training"):
        assert found[work]["times"] == {}
        assert set(found[work]["too_slow"]) == {"late-concat", "mult"}
