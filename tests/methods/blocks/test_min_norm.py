import pytest
import torch
from fusemark.methods.blocks.min_norm import combined, inner_products, min_norm


def gradients(count, size, seed):
    """Random vectors of unequal lengths about a random common direction."""
    chance = torch.Generator().manual_seed(seed)
    common = 2 * torch.rand((), generator=chance) * torch.randn(size, generator=chance)
    lengths = 5 * torch.rand(count, 1, generator=chance) + 0.1
    return (lengths * (torch.randn(count, size, generator=chance) + common)).double()


@pytest.mark.parametrize("seed", range(20))
def test_two_gradients_are_the_closed_form(seed):
    g, h = gradients(2, 5, seed)
    share = float((g - h) @ g / (g - h).square().sum())
    share = min(max(share, 0.0), 1.0)
    found = min_norm(torch.stack([torch.stack([g @ g, g @ h]), torch.stack([h @ g, h @ h])]))
    torch.testing.assert_close(found, torch.tensor([1 - share, share], dtype=torch.float64))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((2.0, 0.0), (0.0, 2.0), (0.5, 0.5)),
        ((1.0, 0.0), (0.0, 2.0), (0.8, 0.2)),
        ((1.0, 0.0), (3.0, 1.0), (1.0, 0.0)),
        ((1.0, 0.0), (-3.0, 0.0), (0.75, 0.25)),
    ],
    ids=["orthogonal", "unequal", "one is shortest", "opposite"],
)
def test_two_gradients_by_hand(first, second, expected):
    x = torch.tensor([first, second])
    assert min_norm(x @ x.T).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("seed", range(5))
def test_no_loss_rises_along_the_shortest_vector(count, seed):
    x = gradients(count, 40, seed)
    weights = min_norm(x @ x.T)
    assert (weights >= 0).all()
    assert float(weights.sum()) == pytest.approx(1.0)
    u = weights @ x
    eps = 1e-6 * float(x.square().sum(1).max())
    assert (x @ u >= u @ u - eps).all()
    # No other point of the hull is shorter.
    others = torch.rand(2000, count, dtype=torch.float64).exp().log()
    others = others / others.sum(1, keepdim=True)
    assert ((others @ x).norm(dim=1) >= u.norm() - eps).all()


def test_equal_and_zero_gradients_are_finite():
    x = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    torch.testing.assert_close(min_norm(x @ x.T) @ x.double(), x[0].double())
    assert min_norm(torch.zeros(3, 3)).sum() == 1
    x[1] = 0.0
    assert min_norm(x @ x.T).tolist() == [0, 1, 0]


def test_inner_products_and_sums_by_parameter():
    x = gradients(3, 6, 0)
    split = [[row[:2].view(2, 1), row[2], row[3:]] for row in x]
    torch.testing.assert_close(inner_products(split), x @ x.T)
    split[1][2] = split[2][2] = None
    x[1, 3:] = x[2, 3:] = 0.0
    torch.testing.assert_close(inner_products(split), x @ x.T)
    weights = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    torch.testing.assert_close(
        combined([g[0] for g in split], weights).flatten(), weights @ x[:, :2]
    )
    assert combined([None, None], weights[:2]) is None
