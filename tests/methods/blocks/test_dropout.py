import pytest
import torch
from fusemark.methods.blocks.dropout import Dropout


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_rate_and_scale(rate):
    torch.manual_seed(0)
    count = 1_000_003  # no multiple of the eight coins of a word
    y = Dropout(rate)(torch.ones(count))
    exact = round(rate * 256) / 256
    assert abs(exact - rate) <= 0.002
    assert y.unique().tolist() == [0.0, pytest.approx(1 / (1 - exact))]
    deviation = (exact * (1 - exact) / count) ** 0.5
    assert abs(float((y == 0).double().mean()) - exact) < 4 * deviation
    assert float(y.double().mean()) == pytest.approx(1, abs=4 * deviation / (1 - exact))


def test_coins_of_one_word_are_independent():
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(200_000, 8)) != 0).double()
    correlation = torch.corrcoef(kept.T) - torch.eye(8)
    assert float(correlation.abs().max()) < 4.5 / 200_000**0.5


def test_gradient_passes_the_mask_of_the_forward_pass():
    torch.manual_seed(0)
    x = torch.ones(3, 5, 7).transpose(0, 2).requires_grad_()
    y = Dropout(0.3)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_evaluation_and_rate_zero_change_nothing():
    x = torch.randn(4, 4)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_a_seed_fixes_the_mask_and_two_draws_differ():
    x = torch.ones(100)
    torch.manual_seed(3)
    first, second = Dropout(0.5)(x), Dropout(0.5)(x)
    torch.manual_seed(3)
    assert torch.equal(first, Dropout(0.5)(x))
    assert not torch.equal(first, second)


def test_the_greatest_rate_stays_finite():
    assert Dropout(0.9999)(torch.ones(1000)).isfinite().all()
    with pytest.raises(ValueError, match=r"1.0 lies outside"):
        Dropout(1.0)
