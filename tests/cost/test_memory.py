"""Predicted memory against the allocator's own events, and against closed forms."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from fusemark.benchmark.contract import FusionMethod, Modality, Output, Task
from fusemark.benchmark.cost import flops
from fusemark.benchmark.cost.cells import CostCell, Limits
from fusemark.benchmark.cost.flops import one_path
from fusemark.benchmark.cost.measured import measure_memory, spans
from fusemark.benchmark.cost.memory import Live, Mode, predict_memory, step_peak
from fusemark.benchmark.cost.steps import Measured
from fusemark.benchmark.cost.sweep import CREMAD, shapes, task_at
from fusemark.benchmark.cost.workers import CostJob, run_jobs
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.registry import methods, strategies
from torch import nn
from torch.nn import functional

LIMITS = Limits(memory=6 * 2**30, call=60.0)


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


def cell(name: str, length: int, batch: int, **machine) -> CostCell:
    lengths = dict(shapes(CREMAD, [length], "visual")[0].lengths)
    configs = {name: parse(name).resolve("small", {})}
    machine = {"threads": 2, **machine}
    return CostCell("memory", configs, CREMAD, batch, lengths, **machine)


def check(
    names: list[str], lengths: list[int], batch: int, within: float = 0.05, least: int = 0,
    **machine,
) -> None:  # fmt: skip
    cells = [cell(name, length, batch, **machine) for name in names for length in lengths]
    found = measured(cells)
    wrong = []
    for each in cells:
        status, result = found[each.method, each.lengths["visual"]]
        assert status == "ok", (each.method, result)
        build = builder(each.method, each.lengths)
        predicted = predict_memory(build, batch, each.lengths, each.dtype, each.device)
        for work in ("inference", "training"):
            off = getattr(predicted, work) / result[work] - 1
            said = f"{work} of {each.method} at {each.lengths}: {off:+.1%} of {result[work]:,}"
            print(said)
            wrong += [said] if abs(off) > within else []
        assert result["training"] >= least, said
    assert not wrong


class Convolved(FusionMethod):
    """A layer over the pictures (batch, width, time), or over them as one image each."""

    @dataclass(frozen=True)
    class Config:
        """No settings."""

    def __init__(self, task, make):
        super().__init__(task, self.Config())
        self.layer = make(task.modalities["visual"].width)
        self.head = nn.Linear(1, len(task.outputs))

    def forward(self, batch):
        x = batch.visible("visual")
        x = x[:, None] if isinstance(self.layer, nn.Conv2d) else x.mT
        return Output(self.head(self.layer(x).flatten(1).mean(1, keepdim=True)))


@pytest.mark.parametrize(
    "make",
    [
        lambda width: nn.Conv1d(width, 32, 1),
        lambda width: nn.Conv1d(width, 48, 3, stride=2, padding=1),
        lambda width: nn.Conv1d(width, 32, 3, groups=4),
        lambda width: nn.Conv1d(width, width, 5, groups=width),
        lambda width: nn.ConvTranspose1d(width, 32, 3),
        lambda _: nn.Conv2d(1, 16, 3),
    ],
    ids=["of one", "strided", "grouped", "depthwise", "transposed", "image"],
)
def test_what_onednn_takes_for_a_convolution_is_predicted(make):
    lengths, batch = {"audio": 8, "visual": 64}, 16

    def build():
        return Convolved(task_at(CREMAD, lengths), make)

    predicted = predict_memory(build, batch, lengths)
    for work in ("inference", "training"):
        found = measure_memory(build, batch, lengths, work).allocated
        assert getattr(predicted, work) == pytest.approx(found, rel=0.05)


def test_prediction_is_within_a_twentieth_of_the_allocators_events():
    check(["mult", "mag"], [64], batch=4)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", ["chunked", "late-concat", "moddrop"])
def test_the_first_step_tells_the_peak_of_the_second(name, device):
    lengths = {"audio": 40, "visual": 24}
    mode = Mode()
    live = Live(mode, device)
    with one_path(), mode, live:
        model = builder(name, lengths)().train()
        data = flops.shapes(model.task, 4, lengths, device="cpu")
        twice = Measured(model)
        twice.train(data)
        live.begin()
        twice.train(data)
        expected = live.peak
    with one_path(), Mode() as mode, Live(mode, device) as live:
        model = builder(name, lengths)().train()
        data = flops.shapes(model.task, 4, lengths, device="cpu")
        found = step_peak(Measured(model), data, live)
    assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize("length", [256, 1024])
def test_prediction_of_every_method_is_within_a_twentieth(length):
    names = [f"{m.name}:audio" if m.argument else m.name for m in methods]
    check([*names, *(s.name for s in strategies)], [length], batch=8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "length"), [("mult", 2048), ("chunked", 4096), ("mbt", 4096), ("late-concat", 4096)]
)
def test_prediction_for_cuda_is_within_a_tenth_over_a_gibibyte(name, length, dtype):
    check([name], [length], 64, within=0.1, least=2**30, device="cuda", dtype=dtype)


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


class Layered(FusionMethod):
    """One layer of torch's own between a batch and its logits."""

    @dataclass(frozen=True)
    class Config:
        """No settings."""

    def __init__(self, make):
        super().__init__(Task({"a": Modality((40,), 128, 10.0)}, ("x", "y")), self.Config())
        self.layer, self.head = make(), nn.Linear(40, 2)

    def forward(self, batch):
        out = self.layer(batch.values["a"])
        out = out[0] if isinstance(out, tuple) else out
        return Output(self.head(out[..., -40:].mean(1)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.LSTM(40, 40, batch_first=True),
        lambda: nn.LSTM(40, 24, 2, batch_first=True, bidirectional=True),
        lambda: nn.GRU(40, 40, batch_first=True),
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(40, 4, 64, batch_first=True), 2, enable_nested_tensor=False
        ),
    ],
    ids=["lstm", "lstm both ways", "gru", "transformer"],
)
def test_torchs_own_layers_are_within_a_twentieth(make):
    """What oneDNN keeps of an LSTM is ten times what a layer returns."""
    lengths = {"a": 128}
    predicted = predict_memory(lambda: Layered(make), 8, lengths).training
    measured = measure_memory(lambda: Layered(make), 8, lengths, "training").allocated
    assert predicted == pytest.approx(measured, rel=0.05)


class Attending(nn.Module):
    """Attends from each step to all, and drops weights."""

    def __init__(self, heads):
        super().__init__()
        self.heads, self.project = heads, nn.Linear(40, 40)

    def forward(self, x):
        q = self.project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        mixed = functional.scaled_dot_product_attention(q, q, q, dropout_p=0.1 * self.training)
        return mixed.transpose(1, 2).flatten(2)


@pytest.mark.parametrize(
    ("heads", "device", "dtype", "quadratic"),
    [
        (10, "cuda", "float32", False), (8, "cuda", "float32", True), (10, "cpu", "float32", True),
        (5, "cuda", "bfloat16", False), (10, "cuda", "bfloat16", False),
    ],
)  # fmt: skip
def test_scores_are_in_memory_where_the_devices_kernel_writes_them(heads, device, dtype, quadratic):
    """On CUDA memory-efficient attention takes heads of 4 float32 numbers, dropout and all, but not
    of 5; flash attention takes any of up to 256 two-byte numbers."""
    found = []
    for steps in (512, 1024, 2048):
        build = functools.partial(Layered, lambda: Attending(heads))
        found.append(predict_memory(build, 8, {"a": steps}, dtype, device).training)
    first, second = (b - a for a, b in pairwise(found))
    assert second / first == pytest.approx(4.0 if quadratic else 2.0, rel=0.1)


def test_on_cuda_sizes_are_rounded_and_cublas_keeps_a_workspace():
    """512 bytes a tensor, 32 MiB a thread that multiplies; a byte a number of a dropout's mask."""

    def predicted(rate):
        return predict_memory(
            lambda: Layered(
                lambda: nn.Sequential(nn.Linear(40, 40), nn.Dropout(rate), nn.Linear(40, 40))
            ),
            8, {"a": 4096}, device="cuda",
        )  # fmt: skip

    plain, dropped = predicted(0.0), predicted(0.5)
    values = 4 * 8 * 4096 * 40
    # Parameters of 6,400, 160 (twice), 320 and 8 bytes; the batch, and seven small tensors with it.
    always = 2 * (6656 + 512) + 2 * 512 + values + 7 * 512
    assert plain.inference == 32 * 2**20 + always + 2 * values  # a layer's input and its result
    # What is left over of the first layer's result is kept in its place, and the mask.
    assert dropped.training - plain.training == values // 4
    first = predict_memory(lambda: Layered(nn.Identity), 8, {"a": 1}, device="cuda").training
    assert first - 64 * 2**20 < 2**16


def test_what_cudnn_takes_for_a_recurrent_net_is_not_made_up():
    with pytest.raises(NotImplementedError, match=r"cuDNN takes for nn\.LSTM cannot be predicted"):
        predict_memory(lambda: Layered(lambda: nn.LSTM(40, 40)), 2, {"a": 16}, device="cuda")


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
