"""Encoders side by side against the same encoders one after the other."""

import pytest
import torch
from fusemark.methods.blocks.attention import Encoder
from fusemark.methods.blocks.grouped import side_by_side

GROUPS, BATCH, QUERIES, KEYS, WIDTH = 3, 4, 5, 7, 6


def encoders(rates=0.0):
    torch.manual_seed(0)
    made = [
        Encoder(
            WIDTH, 2, 2, attention_dropout=rates, relu_dropout=rates, residual_dropout=rates,
            embedding_dropout=rates,
        ).double()
        for _ in range(GROUPS)
    ]  # fmt: skip
    for encoder in made:
        for parameter in encoder.parameters():  # the norms and biases, all equal at first
            parameter.data.add_(0.2 * torch.randn_like(parameter))
    return made


@pytest.mark.parametrize("crossed", [True, False])
@pytest.mark.parametrize("per_query", [True, False])
def test_equal_to_one_after_the_other_forward_and_gradient(crossed, per_query):
    steps = KEYS if crossed else QUERIES
    made, (x, memory) = encoders(), drawn()
    mask = torch.rand(GROUPS, BATCH, *((QUERIES,) if per_query else ()), steps) < 0.6
    mask[..., 0] = True
    memory = memory if crossed else None
    together = side_by_side(made, x, memory, mask)
    apart = torch.stack(
        [
            e(x[g], None if memory is None else memory[g], mask[g])
            for g, e in enumerate(made)
        ]
    )  # fmt: skip
    torch.testing.assert_close(together, apart, rtol=1e-12, atol=1e-12)
    leaves = [x, *([memory] if crossed else []), *(p for e in made for p in e.parameters())]
    weights = torch.randn_like(apart)
    first = torch.autograd.grad((together * weights).sum(), leaves)
    second = torch.autograd.grad((apart * weights).sum(), leaves)
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def test_dropout_is_drawn_for_each_encoder_by_itself():
    made = encoders(rates=0.5)
    for encoder in made[1:]:
        encoder.load_state_dict(made[0].state_dict())
    x = torch.randn(1, BATCH, QUERIES, WIDTH, dtype=torch.float64).expand(GROUPS, -1, -1, -1)
    out = side_by_side(made, x, None, torch.ones(GROUPS, BATCH, QUERIES, dtype=torch.bool))
    assert not torch.allclose(out[0], out[1])


def drawn():
    torch.manual_seed(1)
    return [
        torch.randn(GROUPS, BATCH, t, WIDTH, dtype=torch.float64, requires_grad=True)
        for t in (QUERIES, KEYS)
    ]
