"""What cannot end in time is not begun, and what can is never passed over."""

import time
from dataclasses import replace

import pytest
import torch
from fusemark.benchmark.cost.ahead import FASTER, bound, told
from fusemark.benchmark.cost.blocks import latency_results
from fusemark.benchmark.cost.bounds import TooSlowError, fastest, least_seconds
from fusemark.benchmark.cost.cells import Before, CostCell, Limits
from fusemark.benchmark.cost.kinds import memory_results
from fusemark.benchmark.cost.measured import measure_memory
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


@pytest.mark.parametrize(
    ("work", "said"), [("inference", "prediction"), ("training", "training step")]
)
def test_a_call_over_the_limit_is_not_measured(work, said):
    asked = cell("memory", "late-concat")
    build = asked.builder("late-concat")
    with pytest.raises(TooSlowError, match=f"a {said} takes"):
        measure_memory(lambda: build(LENGTHS), 8, LENGTHS, work, limit=1e-9)


def test_what_a_shorter_length_took_bounds_the_next():
    """Twice the FLOPs take no less than 2 / 1.5 of the time; what broke the limit is not begun."""
    short, longer = LENGTHS, {name: 2 * steps for name, steps in LENGTHS.items()}
    asked = cell("latency", "late-concat", "chunked")
    result = {
        work: {
            "times": {"late-concat": {"median": 0.3}},
            "too_slow": {"chunked": 2.0},
            "too_large": {},
            "broken": {},
        }
        for work in ("inference", "training")
    }
    limits = told(Limits(2**40), asked, result)
    took = {"late-concat": 0.3, "chunked": 2.0}
    assert limits.before == Before(short, {"inference": took, "training": took})
    ahead = replace(asked, lengths=longer)
    model = asked.builder("late-concat", "meta")
    more = model(longer).flops(8, longer, True) / model(short).flops(8, short, True)
    least = bound(ahead, "late-concat", "training", limits.before)
    assert least == pytest.approx(0.3 * more / FASTER)
    assert least > bound(ahead, "late-concat", "training", None)
    (found,) = latency_results([ahead], replace(limits, call=0.35, budget=0.1))
    for work in ("inference", "training"):
        assert set(found[work]["too_slow"]) == {"late-concat", "chunked"}
        assert found[work]["too_slow"]["chunked"] > 2.0


def test_what_is_slow_in_prediction_is_not_trained():
    asked = cell("latency", "late-concat", "chunked")
    before = Before(LENGTHS, {"inference": {"chunked": 9.0}, "training": {}})
    (found,) = latency_results([asked], Limits(2**40, call=5.0, budget=0.1, before=before))
    assert set(found["training"]["times"]) == {"late-concat"}
    assert set(found["training"]["too_slow"]) == {"chunked"}
