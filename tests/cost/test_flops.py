"""Counted FLOPs against closed forms and against torch's own counter."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from fusemark.benchmark.contract import FusionMethod, Modality, Output, Task
from fusemark.benchmark.cost.flops import count, shapes, step
from fusemark.benchmark.recipes import parse
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

B, T, D = 3, 10, 6
TASK = Task({"a": Modality((D,), T, 10.0)}, ("x", "y"))
PAIR = Task({"audio": Modality((5,), 40, 50.0), "visual": Modality((7,), 24, 30.0)}, ("x", "y"))


class Wrapped(FusionMethod):
    """Makes a scalar of x (B, T, D) by a function, and that the logits."""

    @dataclass(frozen=True)
    class Config:
        """No settings."""

    def __init__(self, function, *modules: nn.Module, scaled: bool = False):
        super().__init__(TASK, self.Config())
        self.function, self.parts = function, nn.ModuleList(modules)
        # A parameter before the input: then the input has a gradient too.
        self.scale = nn.Parameter(torch.ones(())) if scaled else None

    def forward(self, batch):
        x = batch.values["a"] if self.scale is None else batch.values["a"] * self.scale
        y = self.function(x, *self.parts)
        return Output(y.flatten(1).sum(1)[:, None].expand(-1, 2))


def counted(function, *modules: nn.Module, training: bool = False, scaled: bool = True):
    return count(Wrapped(function, *modules, scaled=scaled), B, {"a": T}, training)


def linear(x, layer):
    return layer(x)


def test_linear_forward_and_backward():
    layer = nn.Linear(D, 4)
    forward = 2 * B * T * D * 4
    assert counted(linear, layer).total == forward
    assert counted(linear, layer, training=True).total == 3 * forward
    # Without a gradient to its input a layer costs two products.
    assert counted(linear, layer, training=True, scaled=False).total == 2 * forward


@pytest.mark.parametrize(
    ("made", "groups"), [(6, 1), (6, 2), (12, 3), (6, 6)], ids=["whole", "two", "three", "depth"]
)
def test_grouped_convolution(made, groups):
    layer = nn.Conv1d(D, made, 3, padding=1, groups=groups)

    def convolved(x, layer):
        return layer(x.transpose(1, 2))

    forward = 2 * B * T * made * (D // groups) * 3
    assert counted(convolved, layer).total == forward
    assert counted(convolved, layer, training=True).total == 3 * forward
    assert counted(convolved, layer, training=True, scaled=False).total == 2 * forward


@pytest.mark.parametrize("groups", [1, 3])
def test_transposed_convolution(groups):
    layer = nn.ConvTranspose1d(D, 12, 4, stride=2, groups=groups)

    def convolved(x, layer):
        return layer(x.transpose(1, 2))

    forward = 2 * B * T * D * (12 // groups) * 4
    assert counted(convolved, layer).total == forward
    assert counted(convolved, layer, training=True).total == 3 * forward


def test_bilinear_is_two_products():
    layer = nn.Bilinear(D, D, 5)

    def crossed(x, layer):
        return layer(x[:, 0], x[:, 1])

    # First with one factor over D x D x 5, then with the other over D x 5.
    assert counted(crossed, layer).total == 2 * B * D * D * 5 + 2 * B * D * 5
    assert counted(crossed, layer, training=True).uncounted == {}
    assert counted(crossed, layer, training=True).total > 3 * 2 * B * D * D * 5


@pytest.mark.parametrize(
    ("function", "flops"),
    [
        (lambda x: torch.mv(x[0], x[1, 0]).expand(B, T), 2 * T * D),
        (lambda x: torch.addmv(x[0, :, 0], x[0], x[1, 0]).expand(B, T), 2 * T * D),
        (lambda x: torch.dot(x[0, 0], x[0, 1]).expand(B, 1), 2 * D),
        (lambda x: torch.vdot(x[0, 0], x[0, 1]).expand(B, 1), 2 * D),
        (lambda x: torch.outer(x[0, 0], x[0, 1]).expand(B, D, D), 2 * D * D),
        (lambda x: torch.addr(x[0, :D], x[0, 0], x[0, 1]).expand(B, D, D), 2 * D * D),
        (lambda x: torch.einsum("btd,bsd->bts", x, x), 2 * B * T * T * D),
        (lambda x: torch.addbmm(x[0], x[:, :, :2], x[:, :2]).expand(B, T, D), 2 * B * T * 2 * D),
        (lambda x: torch.cdist(x, x), 3 * B * T * T * D),
    ],
    ids=["mv", "addmv", "dot", "vdot", "outer", "addr", "einsum", "addbmm", "cdist"],
)
def test_products_that_the_stock_counter_misses(function, flops):
    found = counted(function)
    assert (found.total, found.uncounted) == (flops, {})


def test_an_outer_product_costs_the_same_however_it_is_written():
    def broadcast(x):
        return x[:, 0, :, None] * x[:, 1, None, :]

    def product(x):
        return torch.bmm(x[:, 0, :, None], x[:, 1, None, :])

    for training in (False, True):
        assert counted(broadcast, training=training).total == (6 if training else 2) * B * D * D
        assert counted(product, training=training).total == (6 if training else 2) * B * D * D


def test_scaling_and_positions_are_no_outer_products():
    def scaled(x):
        return x * x[:, :, :1]

    def placed(x):
        steps, rate = torch.arange(T, device=x.device), torch.arange(D, device=x.device)
        return x + (steps[:, None] * (0.5 * rate)[None]).sin()

    assert counted(scaled, training=True).total == 0
    assert counted(placed, training=True).total == 0


@pytest.mark.parametrize("kind", ["plain", "masked", "causal"])
def test_attention_is_quadratic_in_each_direction(kind):
    def attended(x):
        q = x.unflatten(-1, (2, 3)).transpose(1, 2)
        mask = torch.ones(T, T, dtype=torch.bool, device=x.device) if kind == "masked" else None
        return functional.scaled_dot_product_attention(
            q, q, q, attn_mask=mask, is_causal=kind == "causal"
        ).transpose(1, 2)

    forward = 2 * 2 * B * T * T * D
    assert counted(attended).total == forward
    assert counted(attended, training=True).total == 3 * forward


def test_attention_module_in_evaluation_has_no_fast_path():
    layer = nn.TransformerEncoderLayer(D, 2, 8, batch_first=True)
    projections, attention, feed = 2 * B * T * D * 4 * D, 4 * B * T * T * D, 4 * B * T * D * 8
    assert counted(linear, layer).total == projections + attention + feed


def test_lstm_step_by_step():
    layer = nn.LSTM(D, 5, batch_first=True)
    flops = 2 * B * T * 4 * 5 * (D + 5)
    assert counted(lambda x, lstm: lstm(x)[0], layer).total == flops


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: torch.fft.rfft(x, dim=1).abs(), "_fft_r2c"),
        (lambda x: torch.linalg.solve(x[:, :D] + torch.eye(D, device=x.device), x[:, :D]),
         "_linalg_solve_ex"),
        (lambda x: torch.linalg.svdvals(x), "_linalg_svd"),
    ],
)  # fmt: skip
def test_arithmetic_without_a_formula_is_named(function, name):
    assert counted(function).uncounted == {name: 1}


def test_an_operator_of_ones_own_is_named():
    @torch.library.custom_op("fusemark_test::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    @twice.register_fake
    def _(x):
        return torch.empty_like(x)

    assert counted(lambda x: twice(x)).uncounted == {"fusemark_test.twice.default": 1}


def test_backward_belongs_to_the_module_whose_forward_it_is():
    def chain(x, first, second):
        return second(first(x).relu())

    found = counted(chain, nn.Linear(D, 4), nn.Linear(4, 9), training=True, scaled=False)
    assert found.by_module == {
        "parts.0": 2 * 2 * B * T * D * 4,
        "parts.1": 3 * 2 * B * T * 4 * 9,
    }
    assert found.within("parts") == found.within("") == found.total
    assert sum(found.by_operator.values()) == found.total


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["mult", "chunked", "auxformer"])
def test_equal_to_torchs_counter_where_that_is_right(name, training):
    recipe = parse(name)
    with torch.device("meta"):
        model = recipe.build(PAIR, recipe.resolve("small", {})).train(training)
    lengths = {"audio": 40, "visual": 24}
    with FlopCounterMode(display=False) as stock:
        if training:
            step(model, shapes(PAIR, 4, lengths))
        else:
            with torch.no_grad():
                model(shapes(PAIR, 4, lengths))
    found = count(model, 4, lengths, training)
    assert found.total == stock.get_total_flops()
    assert found.uncounted == {}


def test_the_method_itself_is_left_alone():
    recipe = parse("late-concat")
    model = recipe.build(PAIR, recipe.resolve("small", {})).eval()
    count(model, 2, {"audio": 9, "visual": 8}, training=True)
    assert not model.training
    assert all(p.grad is None and p.device.type == "cpu" for p in model.parameters())
