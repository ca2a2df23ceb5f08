import math

import pytest
import scipy.stats
import torch
from fusemark.methods.blocks.discrepancy import central_moment_discrepancy


def every(x):
    return torch.ones(len(x), dtype=torch.bool)


def cmd(x, y, **settings):
    return central_moment_discrepancy(x, y, every(x), every(y), **settings)


COINS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
"""Moments 1/2, 1/4, 0, 1/16, 0 of a fair coin; 1/4, 3/16, 3/32, 21/256, 15/256 of a biased one."""


def test_of_a_fair_coin_and_its_mean_is_its_even_moments():
    fair = COINS[:, :1]
    constant = torch.full((3, 1), 0.5, dtype=torch.float64)
    assert float(cmd(fair, constant)) == pytest.approx(1 / 4 + 1 / 16)
    assert float(cmd(fair, constant, moments=2)) == pytest.approx(1 / 4)
    assert float(cmd(fair, constant, moments=1)) == 0.0


def test_moments_of_several_numbers_are_compared_by_euclidean_distance():
    origin = torch.zeros(2, 2, dtype=torch.float64)
    terms = [(1 / 2, 1 / 4), (1 / 4, 3 / 16), (0, 3 / 32), (1 / 16, 21 / 256), (0, 15 / 256)]
    expected = sum(math.hypot(*pair) for pair in terms)
    assert float(cmd(COINS, origin)) == pytest.approx(expected)
    # In [0, 2] the k-th term is divided by 2^k.
    expected = sum(math.hypot(*pair) / 2**k for k, pair in enumerate(terms, start=1))
    assert float(cmd(COINS, origin, span=2.0)) == pytest.approx(expected)


def test_equal_to_the_moments_of_scipy():
    torch.manual_seed(0)
    x, y = torch.rand(40, 6).double(), torch.rand(25, 6).double() ** 2
    distances = [x.mean(0) - y.mean(0)]
    for order in range(2, 6):
        of_x, of_y = (torch.tensor(scipy.stats.moment(v.numpy(), order, axis=0)) for v in (x, y))
        distances.append(of_x - of_y)
    expected = sum(float(d.norm()) for d in distances)
    assert float(cmd(x, y)) == pytest.approx(expected, rel=1e-12)
    assert float(cmd(y, x)) == pytest.approx(expected, rel=1e-12)


def test_zero_with_a_zero_gradient_for_the_same_sample_in_any_order():
    x = torch.rand(8, 3, dtype=torch.float64, requires_grad=True)
    same = cmd(x, x)
    (slope,) = torch.autograd.grad(same, x)
    assert float(same.detach()) == 0.0
    assert torch.equal(slope, torch.zeros_like(slope))
    assert float(cmd(x, x.flip(0)).detach()) < 1e-12


def test_only_kept_examples_count():
    torch.manual_seed(0)
    x, y = torch.rand(7, 3), torch.rand(7, 3)
    x_kept, y_kept = torch.arange(7) < 4, torch.arange(7) > 1
    found = central_moment_discrepancy(x, y, x_kept, y_kept)
    torch.testing.assert_close(found, cmd(x[:4], y[2:]))


def test_one_example_has_a_mean_alone_and_none_has_nothing():
    x, y = torch.rand(1, 3, requires_grad=True), torch.rand(5, 3)
    torch.testing.assert_close(cmd(x, y[:1]), (x - y[:1]).norm())
    nothing = central_moment_discrepancy(x, y, ~every(x), every(y))
    (slope,) = torch.autograd.grad(nothing, x)
    assert float(nothing.detach()) == 0.0
    assert torch.equal(slope, torch.zeros_like(slope))


def test_gradient_is_that_of_finite_differences():
    torch.manual_seed(0)
    x, y = torch.rand(5, 2).double(), torch.rand(4, 2).double()
    assert torch.autograd.gradcheck(cmd, (x.requires_grad_(), y.requires_grad_()))
