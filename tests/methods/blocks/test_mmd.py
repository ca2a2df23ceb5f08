import math

import pytest
import torch
from fusemark.methods.blocks.mmd import squared_mmd


def test_equal_samples_are_at_no_distance():
    torch.manual_seed(0)
    x = torch.randn(3, 20, 5, dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)
    torch.testing.assert_close(squared_mmd(x, x, 10.0), zero, rtol=0, atol=1e-12)


def test_two_points_and_one():
    x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0]])
    # Means of k: within x (1 + e^(-4/2)) / 2, within y 1, between e^(-1/2).
    expected = (1 + math.exp(-2)) / 2 + 1 - 2 * math.exp(-0.5)
    assert float(squared_mmd(x, y, 2.0)) == pytest.approx(expected, abs=1e-6)


def test_it_is_the_biased_estimate_of_two_normals_in_closed_form():
    """E k(x, y) = (s / (s + 4))^(d/2) exp(-||m||^2 / (s + 4)) for x ~ N(0, I), y ~ N(m, I)."""
    torch.manual_seed(0)
    d, scale, n, shift = 3, 6.0, 25, torch.tensor([1.0, 0.5, 0.0])
    x, y = torch.randn(4000, n, d), shift + torch.randn(4000, n, d)
    found = squared_mmd(x, y, scale)
    alike = (scale / (scale + 4)) ** (d / 2)
    apart = alike * math.exp(-float(shift.square().sum()) / (scale + 4))
    bias = 2 * (1 - alike) / n
    error = float(found.std()) / math.sqrt(4000)
    assert abs(float(found.mean()) - (2 * alike - 2 * apart + bias)) < 4 * error
    assert float(found.min()) > 0


def test_weights_count_points_more_or_not_at_all():
    torch.manual_seed(0)
    x, y = torch.randn(4, 2), torch.randn(6, 2)
    doubled = squared_mmd(x[[0, 0, 2]], y, 3.0)
    torch.testing.assert_close(squared_mmd(x, y, 3.0, torch.tensor([2.0, 0, 1, 0])), doubled)
    assert float(squared_mmd(x, y, 3.0, torch.zeros(4))) == 0.0


def test_gradient_agrees_with_finite_differences():
    torch.manual_seed(0)
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    y = torch.randn(5, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: squared_mmd(x, y, 6.0), x)
