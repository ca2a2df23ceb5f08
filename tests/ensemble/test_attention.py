"""Fused attention of several seeds against each seed's own."""

import pytest
import torch
from fusemark.benchmark.ensemble.attention import attention_over_seeds
from torch.func import vmap
from torch.nn import functional

SEEDS, EXAMPLES, HEADS, STEPS, SIZE = 3, 4, 2, 5, 8


def draw(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def together(q, k, v, mask, dims, **more):
    def one(q, k, v, mask):
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, **more)

    with attention_over_seeds():
        return vmap(one, in_dims=dims, randomness="different")(q, k, v, mask)


@pytest.mark.parametrize(
    ("shape", "batched"),
    [
        ((SEEDS, EXAMPLES, 1, 1, STEPS), True),  # of padding
        ((SEEDS, EXAMPLES, 1, STEPS, STEPS), True),
        ((SEEDS, 1, HEADS, STEPS, STEPS), True),  # one for all examples of a seed
        ((SEEDS, STEPS, STEPS), True),
        ((STEPS, STEPS), False),  # shared by all
        ((EXAMPLES, 1, 1, STEPS), False),
        (None, False),
    ],
)
def test_values_and_gradients_are_those_of_each_seed(shape, batched):
    torch.manual_seed(0)
    q, v = draw(SEEDS, EXAMPLES, HEADS, STEPS, SIZE), draw(SEEDS, EXAMPLES, HEADS, STEPS, SIZE)
    k = draw(EXAMPLES, HEADS, STEPS, SIZE)  # weights that no seed trains
    mask = None if shape is None else torch.rand(shape) < 0.7
    if mask is not None:
        mask[..., 0] = True
    masks = mask if batched else [mask] * SEEDS
    alone = torch.stack([
        functional.scaled_dot_product_attention(q[s], k, v[s], attn_mask=masks[s])
        for s in range(SEEDS)
    ])  # fmt: skip
    many = together(q, k, v, mask, (0, None, 0, 0 if batched else None))
    torch.testing.assert_close(many, alone, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(alone)
    slopes = [torch.autograd.grad((x * weights).sum(), (q, k, v)) for x in (many, alone)]
    torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-12)


def test_seeds_may_lie_on_any_axis_and_scale_and_order_are_kept():
    torch.manual_seed(1)
    q = draw(EXAMPLES, HEADS, STEPS, SEEDS, SIZE)
    more = {"is_causal": True, "scale": 0.3}
    x = q.movedim(3, 0)
    alone = torch.stack([functional.scaled_dot_product_attention(a, a, a, **more) for a in x])
    torch.testing.assert_close(together(q, q, q, None, (3, 3, 3, None), **more), alone)


def test_dropout_differs_between_seeds():
    q = torch.randn(EXAMPLES, HEADS, STEPS, SIZE).expand(SEEDS, -1, -1, -1, -1)
    many = together(q, q, q, None, (0, 0, 0, None), dropout_p=0.5)
    assert not torch.allclose(many[0], many[1])


def test_outside_of_vmap_and_afterwards_it_is_torchs_own():
    q = torch.randn(EXAMPLES, HEADS, STEPS, SIZE)
    plain = functional.scaled_dot_product_attention
    with attention_over_seeds():
        inside = functional.scaled_dot_product_attention(q, q, q)
    assert functional.scaled_dot_product_attention is plain
    torch.testing.assert_close(inside, plain(q, q, q))
