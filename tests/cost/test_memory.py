"""Predicted memory against the allocator's own events, and against closed forms."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest
from fusemark.benchmark.cost.cells import CostCell, Limits
from fusemark.benchmark.cost.measured import spans
from fusemark.benchmark.cost.memory import predict_memory
from fusemark.benchmark.cost.sweep import CREMAD, shapes, task_at
from fusemark.benchmark.cost.workers import CostJob, run_jobs
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.registry import methods, strategies

LIMITS = Limits(memory=6 * 2**30)


def builder(name, lengths, **settings):
    recipe = parse(name)
    chosen = recipe.resolve("small", {f"{name}.{field}": v for field, v in settings.items()})
    return lambda: recipe.build(task_at(CREMAD, lengths), chosen)


def measured(cells: list[CostCell]) -> dict[tuple[str, int], tuple[str, dict]]:
    """Measure each cell in a fresh process of its own."""
    jobs = [[CostJob((cell,), LIMITS, (), os.getpid(), 300.0)] for cell in cells]
    return {
        (done.cell.method, done.cell.lengths["visual"]): (done.status, done.result)
        for done in run_jobs(jobs, 1)
    }


def cell(name: str, length: int, batch: int) -> CostCell:
    lengths = dict(shapes(CREMAD, [length], "visual")[0].lengths)
    configs = {name: parse(name).resolve("small", {})}
    return CostCell("memory", configs, CREMAD, batch, lengths)


def check(names: list[str], lengths: list[int], batch: int) -> None:
    cells = [cell(name, length, batch) for name in names for length in lengths]
    found = measured(cells)
    for each in cells:
        status, result = found[each.method, each.lengths["visual"]]
        assert status == "ok", (each.method, result)
        predicted = predict_memory(builder(each.method, each.lengths), batch, each.lengths)
        off = predicted.training / result["training"] - 1
        assert abs(off) < 0.05, f"{each.method} at {each.lengths}: {off:+.1%}"


def test_prediction_is_within_a_twentieth_of_the_allocators_events():
    check(["mult", "mag"], [64], batch=4)


@pytest.mark.slow
@pytest.mark.parametrize("length", [256, 1024])
def test_prediction_of_every_method_is_within_a_twentieth(length):
    names = [f"{m.name}:audio" if m.argument else m.name for m in methods]
    check([*names, *(s.name for s in strategies)], [length], batch=8)


def test_what_is_always_there_has_a_closed_form():
    lengths = {"audio": 20, "visual": 10}
    model = builder("late-concat", lengths)()
    numbers = sum(p.numel() for p in model.parameters())
    found = predict_memory(builder("late-concat", lengths), 3, lengths)
    tensors = len(list(model.parameters()))
    assert found.parameters == 4 * numbers
    assert found.gradients == 4 * numbers
    assert found.optimiser == 8 * numbers + 4 * tensors  # Adam's two moments, and a step each
    values = 4 * 3 * (20 * 130 + 10 * 512)
    assert found.inputs == values + 3 * (2 * 8 + 2 * 1 + 8 + 1 + 3 * 8)
    parts = found.parameters + found.gradients + found.optimiser + found.inputs
    assert found.training == parts + found.activations


def test_attention_is_quadratic_in_training_alone():
    """Fused attention keeps no scores; with dropout on the CPU they are written out."""
    found = []
    for steps in (512, 1024, 2048):
        lengths = {"audio": 8, "visual": steps}
        build = builder("mult", lengths, attention_dropout=0.1)
        found.append(predict_memory(build, 2, lengths))
    inference = [b.inference - a.inference for a, b in pairwise(found)]
    training = [b.training - a.training for a, b in pairwise(found)]
    assert inference[1] / inference[0] == pytest.approx(2.0, rel=0.01)
    assert training[1] / training[0] > 3.0


class Event:
    """An event as the profiler has them."""

    def __init__(self, name, start, size=0, duration=0):
        self.fields = name, start, size, duration

    def name(self):
        return self.fields[0]

    def start_ns(self):
        return self.fields[1]

    def nbytes(self):
        return self.fields[2]

    def duration_ns(self):
        return self.fields[3]


def test_a_peak_is_the_greatest_sum_within_its_span():
    events = [
        Event("fusemark: inference", 10, duration=10),
        Event("[memory]", 1, 100), Event("[memory]", 2, 500), Event("[memory]", 3, -500),
        Event("[memory]", 12, 40), Event("[memory]", 14, -40), Event("[memory]", 13, 5),
        Event("[memory]", 25, 900), Event("aten::mm", 12, duration=3),
    ]  # fmt: skip
    assert spans(events) == {"inference": 145}
