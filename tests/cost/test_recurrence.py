"""Counts continued by a recurrence against counts made step by step."""

from dataclasses import dataclass

import pytest
import torch
from fusemark.benchmark import FusionMethod, Output
from fusemark.benchmark.cost.flops import count
from fusemark.benchmark.cost.memory import predict_memory
from fusemark.benchmark.cost.recurrence import (
    continued,
    continued_count,
    continued_memory,
    goes_on,
    is_recurrent,
    looking,
)
from fusemark.benchmark.cost.sweep import CREMAD, task_at
from fusemark.benchmark.recipes import parse
from torch import nn
from torch.nn import functional


def builder(name, device="meta", size="small"):
    recipe = parse(name)

    def build(lengths):
        with torch.device(device):
            return recipe.build(task_at(CREMAD, lengths), recipe.resolve(size, {}))

    return build


def both(name, lengths, training):
    build = builder(name)

    def counted(short):
        return count(build(short), 3, short, training)

    return continued_count(counted, lengths, looking(build)), counted(lengths)


def test_only_a_loop_over_time_is_recurrent():
    recurrent = {n: is_recurrent(builder(n), CREMAD.names) for n in ("mfm", "mult", "chunked")}
    assert recurrent == {"mfm": True, "mult": False, "chunked": False}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "lengths",
    [{"audio": 60, "visual": 29}, {"audio": 23, "visual": 60}, {"audio": 41, "visual": 41}],
    ids=["audio longer", "visual longer", "equal"],
)
def test_a_continued_count_is_the_direct_one(lengths, training):
    extended, direct = both("mfm", lengths, training)
    assert extended == direct


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True])
def test_a_continued_count_is_the_direct_one_at_1024(training):
    extended, direct = both("mfm", {"audio": 2133, "visual": 1024}, training)
    assert extended == direct


def test_what_is_not_affine_is_not_continued():
    lengths = {"audio": 50, "visual": 100}
    square = continued(lambda t: {"": t["visual"] ** 2}, lengths, first=8, step=4)
    product = continued(lambda t: {"": t["audio"] * t["visual"]}, lengths, first=8, step=4)
    assert square is None
    assert product is None
    shortest = continued(lambda t: {"": 3 * min(t.values()) + 2}, lengths, first=8, step=4)
    assert shortest == {"": 152}
    # Rising by 1 every two steps: a whole number at odd lengths only by rounding.
    halved = continued(lambda t: {"": t["visual"] // 2}, {"visual": 101}, first=8, step=4)
    assert halved is None


def test_attention_is_not_continued():
    extended, _ = both("late-concat", {"audio": 60, "visual": 40}, training=False)
    assert extended is None


def test_too_short_lengths_are_counted_directly():
    assert both("mfm", {"audio": 20, "visual": 10}, training=False)[0] is None


class Steps(FusionMethod):
    """A recurrent layer over what ``part`` leaves of the pictures."""

    @dataclass(frozen=True)
    class Config:
        width: int = 16

    def __init__(self, task, layer, part):
        super().__init__(task, self.Config())
        self.layer, self.part = layer(task.modalities["visual"].width, 16, batch_first=True), part
        self.head = nn.Linear(16, len(task.outputs))

    def forward(self, batch):
        return Output(self.head(self.layer(self.part(batch.visible("visual")))[0].mean(1)))


def pooled(x):
    """Average to at most 64 steps."""
    return functional.adaptive_avg_pool1d(x.mT, 64).mT if x.shape[1] > 64 else x


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(
    ("part", "goes"), [(lambda x: x, True), (lambda x: x[:, :100], False), (pooled, False)],
    ids=["whole", "crop", "pool"],
)  # fmt: skip
def test_nothing_is_continued_past_a_length_from_which_a_method_does_less(layer, part, goes):
    def build(lengths):
        with torch.device("meta"):
            return Steps(task_at(CREMAD, lengths), layer, part)

    lengths = {"audio": 188, "visual": 150}
    assert is_recurrent(build, CREMAD.names)
    found = continued_count(lambda at: count(build(at), 2, at), lengths, looking(build))
    assert (found is not None) == goes
    if goes:
        assert found == count(build(lengths), 2, lengths)
        assert goes_on(looking(build), {"audio": 17067, "visual": 8192})


@pytest.mark.slow
def test_continued_memory_is_within_a_fiftieth_of_the_direct_one():
    build, lengths = builder("mfm", "cpu"), {"audio": 417, "visual": 200}

    def predicted(short):
        return predict_memory(lambda: build(short), 8, short)

    look = looking(builder("mfm"))
    extended, direct = continued_memory(predicted, lengths, look), predicted(lengths)
    assert extended is not None
    assert direct.training * 0.98 <= extended.training <= direct.training
    assert extended.parameters == direct.parameters
