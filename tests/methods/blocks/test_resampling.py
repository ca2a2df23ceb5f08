import pytest
import torch
from fusemark.methods.blocks.resampling import resampled


def align(x, target, steps=None, lengths=None):
    values = torch.tensor(x)[None, :, None]
    own = torch.tensor([lengths or len(x)])
    return resampled(values, own, torch.tensor([target]), steps or target)[0, :, 0].tolist()


@pytest.mark.parametrize(
    ("x", "target", "expected"),
    [
        ([1.0, 2.0, 3.0], 3, [1.0, 2.0, 3.0]),
        ([1.0, 3.0, 5.0, 9.0], 2, [2.0, 7.0]),
        ([1.0, 2.0], 4, [1.0, 1.0, 2.0, 2.0]),
        # The third of five steps lies on the border and falls on both.
        ([1.0, 2.0, 6.0, 7.0, 8.0], 2, [3.0, 7.0]),
        ([3.0, 6.0], 3, [3.0, 4.5, 6.0]),
        ([1.0, 2.0, 6.0], 1, [3.0]),
        ([4.0], 3, [4.0, 4.0, 4.0]),
    ],
)
def test_each_step_is_the_mean_of_what_it_covers(x, target, expected):
    assert align(x, target) == pytest.approx(expected)


@pytest.mark.parametrize("own", range(1, 9))
@pytest.mark.parametrize("target", range(1, 9))
def test_every_step_is_covered_in_order(own, target):
    steps = torch.eye(own)[None]
    found = resampled(steps, torch.tensor([own]), torch.tensor([target]), target)[0]
    torch.testing.assert_close(found.sum(1), torch.ones(target))
    assert bool((found.sum(0) > 0).all())
    centre = found @ torch.arange(own).float()
    assert bool((centre.diff() >= 0).all())


def test_padding_of_either_sequence_changes_nothing():
    plain = align([1.0, 3.0, 5.0, 9.0], 2)
    assert align([1.0, 3.0, 5.0, 9.0, 0.0, 0.0], 2, lengths=4) == plain
    assert align([1.0, 3.0, 5.0, 9.0], 2, steps=5)[:2] == plain


def test_late_steps_of_a_long_sequence_keep_their_precision():
    x = 1000 + torch.linspace(0, 1, 8192)
    found = resampled(x[None, :, None], torch.tensor([8192]), torch.tensor([8192]), 8192)
    assert torch.equal(found[0, :, 0], x)
