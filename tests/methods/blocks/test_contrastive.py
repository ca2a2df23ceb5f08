import itertools
import math

import pytest
import torch
from fusemark.methods.blocks.contrastive import (
    clip_pairwise,
    drawn_orders,
    kept_orders,
    symile,
)
from torch import nn
from torch.nn import functional

SCALE = torch.tensor(3.0, dtype=torch.float64)


def units(modalities, size, width=6, seed=0):
    chance = torch.Generator().manual_seed(seed)
    x = torch.randn(modalities, size, width, generator=chance, dtype=torch.float64)
    return list(functional.normalize(x, dim=-1))


def everything(size):
    return torch.ones(size, dtype=torch.bool)


def info_nce(a, b, scale):
    """Symmetric InfoNCE from its definition, sums over explicit pairs."""
    total = 0.0
    for x, y in ((a, b), (b, a)):
        for i in range(len(x)):
            scores = [float(scale * x[i] @ y[j]) for j in range(len(y))]
            total += math.log(sum(math.exp(s) for s in scores)) - scores[i]
    return total / (2 * len(a))


@pytest.mark.parametrize("negatives", ["n", "n_squared"])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_two_modalities_are_symmetric_info_nce(negatives, size):
    a, b = units(2, size)
    orders = drawn_orders(2, everything(size)) if negatives == "n" else None
    found = symile([a, b], SCALE, everything(size), orders)
    assert abs(float(found) - info_nce(a, b, SCALE)) < 1e-6


def test_pairwise_is_the_sum_of_info_nce_over_pairs():
    parts = units(3, 5)
    expected = sum(info_nce(a, b, SCALE) for a, b in itertools.combinations(parts, 2))
    assert abs(float(clip_pairwise(parts, SCALE, everything(5))) - expected) < 1e-9


@pytest.mark.parametrize("modalities", [3, 4])
def test_all_combinations_from_the_definition(modalities):
    parts = units(modalities, 3)
    total = 0.0
    for m, anchor in enumerate(parts):
        others = [p for n, p in enumerate(parts) if n != m]
        for i in range(3):
            scores = {
                rows: float(
                    SCALE
                    * sum(anchor[i] * math.prod(o[r] for o, r in zip(others, rows, strict=True)))
                )
                for rows in itertools.product(range(3), repeat=modalities - 1)
            }
            own = scores[(i,) * (modalities - 1)]
            total += math.log(sum(map(math.exp, scores.values()))) - own
    found = symile(parts, SCALE, everything(3))
    assert abs(float(found) - total / (3 * modalities)) < 1e-9


def test_permuted_negatives_from_the_definition():
    parts = units(4, 5)
    torch.manual_seed(3)
    orders = drawn_orders(4, everything(5))
    total = 0.0
    for m, anchor in enumerate(parts):
        first, *rest = (p for n, p in enumerate(parts) if n != m)
        for i in range(5):
            own = float(SCALE * sum(anchor[i] * first[i] * rest[0][i] * rest[1][i]))
            scores = [own]
            for j in set(range(5)) - {i}:
                moved = rest[0][orders[m, 0, j]] * rest[1][orders[m, 1, j]]
                scores.append(float(SCALE * sum(anchor[i] * first[j] * moved)))
            total += math.log(sum(map(math.exp, scores))) - own
    assert abs(float(symile(parts, SCALE, everything(5), orders)) - total / 20) < 1e-9


@pytest.mark.parametrize("loss", ["n", "n_squared", "pairwise"])
@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_gradients_of_every_representation_match_finite_differences(loss, modalities):
    size, counted = 3, torch.tensor([True, False, True, True])
    torch.manual_seed(1)
    orders = drawn_orders(modalities, counted) if loss == "n" else None
    parts = [p.requires_grad_() for p in units(modalities, size + 1, width=2)]
    scale = SCALE.clone().requires_grad_()

    def measured(scale, *parts):
        if loss == "pairwise":
            return clip_pairwise(parts, scale, counted)
        return symile(parts, scale, counted, orders)

    assert torch.autograd.gradcheck(measured, (scale, *parts), atol=1e-7)
    slopes = torch.autograd.grad(measured(scale, *parts), parts)
    for slope in slopes:
        assert (slope[1] == 0).all()
        assert (slope[[0, 2, 3]].abs().sum(-1) > 1e-4).all()


@pytest.mark.parametrize("loss", ["n", "n_squared", "pairwise"])
def test_examples_that_lack_a_modality_are_neither_anchors_nor_negatives(loss):
    counted = torch.tensor([False, True, True, False, True])
    parts = units(3, 5)
    whole = [p[counted] for p in parts]
    if loss == "pairwise":
        found = clip_pairwise(parts, SCALE, counted)
        expected = clip_pairwise(whole, SCALE, everything(3))
    else:
        torch.manual_seed(5)
        orders = drawn_orders(3, counted) if loss == "n" else None
        found = symile(parts, SCALE, counted, orders)
        if orders is not None:
            rank = counted.cumsum(0) - 1
            assert counted[orders[..., counted]].all()
            orders = rank[orders[..., counted]]
        expected = symile(whole, SCALE, everything(3), orders)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("counted", [[True], [False, False, False], [False, True, False]])
def test_nothing_to_contrast_costs_nothing(counted):
    counted = torch.tensor(counted)
    parts = [p.requires_grad_() for p in units(3, len(counted))]
    for orders in (None, drawn_orders(3, counted)):
        loss = symile(parts, SCALE, counted, orders)
        assert float(loss.detach()) == 0.0
        for slope in torch.autograd.grad(loss, parts):
            assert (slope == 0).all()


def test_orders_are_uniform_permutations_from_the_global_generator():
    torch.manual_seed(0)
    counted = torch.tensor([True, False, True, True])
    drawn = torch.cat([drawn_orders(4, counted).flatten(0, 1) for _ in range(500)])
    assert (drawn[:, 1] == 1).all()
    kinds, counts = drawn.unique(dim=0, return_counts=True)
    assert len(kinds) == 6
    deviation = (len(drawn) * (1 / 6) * (5 / 6)) ** 0.5
    assert ((counts - len(drawn) / 6).abs() < 4 * deviation).all()
    torch.manual_seed(0)
    assert torch.equal(drawn_orders(4, counted), drawn[:8].unflatten(0, (4, 2)))


def test_orders_that_draw_nothing_leave_the_generator_alone():
    before = torch.get_rng_state()
    assert torch.equal(kept_orders(3, everything(4)), torch.arange(4).expand(3, 1, 4))
    assert torch.equal(torch.get_rng_state(), before)


# Saporta et al., section 5.1: a, b uniform in {0, 1}^5, c = a xor b, affine encoders of width 16.
BITS = 5
CANDIDATES = torch.tensor(list(itertools.product((0.0, 1.0), repeat=BITS)))


def retrieval(loss, steps=150, size=128):
    """Train encoders of a, b and c, and return the accuracy of retrieving c from a and b."""
    torch.manual_seed(0)
    encoders = nn.ModuleList(nn.Linear(BITS, 16) for _ in range(3))
    log_scale = nn.Parameter(torch.tensor(1.0))
    optimiser = torch.optim.Adam([*encoders.parameters(), log_scale], lr=0.05)

    def encode(*inputs):
        return [functional.normalize(f(x), dim=-1) for f, x in zip(encoders, inputs, strict=False)]

    for _ in range(steps):
        a, b = CANDIDATES[torch.randint(32, (2, size))]
        parts = encode(a, b, (a - b).abs())
        optimiser.zero_grad()
        if loss == "pairwise":
            clip_pairwise(parts, log_scale.exp(), everything(size)).backward()
        else:
            orders = drawn_orders(3, everything(size)) if loss == "n" else None
            symile(parts, log_scale.exp(), everything(size), orders).backward()
        optimiser.step()
    with torch.no_grad():
        a, b = CANDIDATES.repeat(32, 1), CANDIDATES.repeat_interleave(32, dim=0)
        r_a, r_b, r_c = encode(a, b, CANDIDATES)
        scores = (r_a + r_b if loss == "pairwise" else r_a * r_b) @ r_c.T
        return float(((CANDIDATES[scores.argmax(1)] == (a - b).abs()).all(1)).float().mean())


@pytest.mark.parametrize(("negatives", "size"), [("n", 128), ("n_squared", 32)])
def test_symile_learns_exclusive_or(negatives, size):
    assert retrieval(negatives, size=size) > 0.95


def test_pairs_alone_leave_exclusive_or_at_chance():
    # 1 / 32 by chance; at its best a ranking by a and b each alone finds c no more often.
    assert retrieval("pairwise") < 0.06
