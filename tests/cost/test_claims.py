"""The chunking paper's claim about cost: quadratic without chunks, affine with them."""

from functools import cache
from itertools import pairwise

import pytest
import torch
from fusemark.benchmark.cost.flops import count
from fusemark.benchmark.cost.scaling import local_slopes
from fusemark.benchmark.cost.sweep import CREMAD, shapes, task_at
from fusemark.benchmark.recipes import parse

STEP = 256
WIDTH = {"mult.width": 40, "chunked.width": 40, "chunked.heads": 8}


@cache
def flops(name: str, length: int, vary: str = "visual", training: bool = False) -> int:
    recipe = parse(name)
    (shape,) = shapes(CREMAD, [length], vary)
    settings = {path: v for path, v in WIDTH.items() if path.startswith(name)}
    with torch.device("meta"):
        model = recipe.build(task_at(CREMAD, shape.lengths), recipe.resolve("paper", settings))
    return count(model, 1, shape.lengths, training).total


def differences(values: list[int], times: int) -> list[int]:
    for _ in range(times):
        values = [b - a for a, b in pairwise(values)]
    return values


@pytest.mark.parametrize("training", [False, True])
def test_mult_is_exactly_quadratic_in_the_frames(training):
    values = [flops("mult", STEP * i, training=training) for i in range(1, 6)]
    assert differences(values, 3) == [0, 0]
    assert differences(values, 2)[0] > 0


@pytest.mark.parametrize("training", [False, True])
def test_chunked_is_exactly_affine_in_the_frames(training):
    values = [flops("chunked", STEP * i, training=training) for i in range(1, 6)]
    assert differences(values, 2) == [0, 0, 0]
    assert differences(values, 1)[0] > 0


@pytest.mark.parametrize(("name", "near"), [("mult", 1.8), ("chunked", 0.95)])
def test_local_slopes_at_4096_are_those_of_the_polynomials(name, near):
    lengths = [1024, 2048, 4096]
    values = [flops(name, t) for t in lengths]
    # The polynomial from other lengths than those of the slope.
    x, y = [512, 1536, 2560], [flops(name, t) for t in (512, 1536, 2560)]
    square = ((y[2] - y[1]) - (y[1] - y[0])) / (2 * 1024**2)
    line = (y[1] - y[0]) / 1024 - square * (x[0] + x[1])
    slope = 4096 * (2 * square * 4096 + line) / values[-1]
    assert local_slopes(lengths, values)[-1] == pytest.approx(slope, abs=1e-6)
    assert slope == pytest.approx(near, abs=0.1)


def test_chunked_is_not_linear_where_the_audio_grows_too():
    """Audio is encoded at its full length, by self-attention."""
    lengths = [1024, 2048, 4096]
    assert local_slopes(lengths, [flops("chunked", t, "all") for t in lengths])[-1] > 1.5
