import math

import pytest
import torch
from fusemark.methods.blocks.attention import Attention, Encoder, sinusoids
from torch import nn

WIDTH, HEADS = 12, 3
LENGTHS = (5, 1, 8)


def plain(weights, query, memory, allowed):
    """Attention of one example from its equations, a loop over heads and queries, in float64."""
    w_in, b_in, w_out, b_out = (w.double() for w in weights)
    query, memory = query.double(), memory.double()
    size = WIDTH // HEADS
    q = query @ w_in[:WIDTH].T + b_in[:WIDTH]
    k = memory @ w_in[WIDTH : 2 * WIDTH].T + b_in[WIDTH : 2 * WIDTH]
    v = memory @ w_in[2 * WIDTH :].T + b_in[2 * WIDTH :]
    rows = []
    for i in range(len(query)):
        mixed = []
        for h in range(HEADS):
            part = slice(h * size, (h + 1) * size)
            seen = [j for j in range(len(memory)) if allowed[i, j]]
            scores = torch.stack([q[i, part] @ k[j, part] / math.sqrt(size) for j in seen])
            weight = scores.exp() / scores.exp().sum()
            mixed.append(sum(weight[n] * v[j, part] for n, j in enumerate(seen)))
        rows.append(torch.cat(mixed))
    return torch.stack(rows) @ w_out.T + b_out


def weights(module):
    return module.project.weight, module.project.bias, module.out.weight, module.out.bias


def build(dropout=0.0):
    torch.manual_seed(0)
    module = Attention(WIDTH, HEADS, dropout)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


@pytest.mark.parametrize("crossed", [False, True], ids=["self", "cross"])
@pytest.mark.parametrize("kind", ["none", "keys", "pairs"])
@pytest.mark.parametrize("dropout", [0.0, 1e-3], ids=["fused", "explicit"])
def test_equal_to_the_equations_forward_and_gradient(crossed, kind, dropout):
    module = build(dropout)  # a rate below 1/256 takes the path of training and drops nothing
    query = torch.randn(3, 8, WIDTH, requires_grad=True)
    memory = torch.randn(3, 7 if crossed else 8, WIDTH, requires_grad=True) if crossed else query
    steps = memory.shape[1]
    valid = torch.arange(steps) < torch.tensor(LENGTHS).clamp(max=steps)[:, None]
    pairs = valid[:, None] & (torch.arange(steps) <= torch.arange(8)[:, None])
    mask = {"none": None, "keys": valid, "pairs": pairs}[kind]
    allowed = {"none": torch.ones(3, 8, steps), "keys": valid[:, None].expand(-1, 8, -1)}
    allowed = allowed.get(kind, pairs)
    direction = torch.randn(3, 8, WIDTH)
    leaves = [*weights(module), query, *([memory] if crossed else [])]

    found = module(query, memory, mask)
    expected = torch.stack(
        [plain(weights(module), query[b], memory[b], allowed[b]) for b in range(3)]
    )
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-6)
    slopes = torch.autograd.grad((found * direction).mean(), leaves)
    wanted = torch.autograd.grad((expected * direction).mean(), leaves)
    for slope, want in zip(slopes, wanted, strict=True):
        torch.testing.assert_close(slope, want, rtol=0, atol=1e-6)


def test_equal_to_torch_with_the_same_weights():
    module, other = build(), nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    with torch.no_grad():
        for mine, theirs in zip(
            weights(module),
            (other.in_proj_weight, other.in_proj_bias, other.out_proj.weight, other.out_proj.bias),
            strict=True,
        ):
            theirs.copy_(mine)
    query, memory = torch.randn(3, 4, WIDTH), torch.randn(3, 8, WIDTH)
    valid = torch.arange(8) < torch.tensor(LENGTHS)[:, None]
    for mask in (None, valid):
        padding = None if mask is None else ~mask
        expected, _ = other(query, memory, memory, key_padding_mask=padding)
        torch.testing.assert_close(module(query, memory, mask), expected, rtol=0, atol=1e-6)


def test_dropout_of_the_weights_is_unbiased_and_off_in_evaluation():
    module, dropped = build(), Attention(WIDTH, HEADS, dropout=0.25)
    dropped.load_state_dict(module.state_dict())
    query, memory = torch.randn(1, 4, WIDTH), torch.randn(1, 8, WIDTH)
    valid = torch.arange(8) < torch.tensor([[6]])
    expected = module(query, memory, valid).detach()
    assert torch.equal(dropped.eval()(query, memory, valid), expected)
    many = (x.expand(20_000, -1, -1) for x in (query, memory, valid[..., None]))
    query, memory, valid = many
    with torch.no_grad():
        draws = dropped.train()(query, memory, valid[..., 0])
    deviation = draws.std(0) / 20_000**0.5
    assert float(((draws.mean(0) - expected[0]).abs() / deviation).max()) < 4.5


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="width 12 is not divisible by heads 5"):
        Attention(12, 5)


@pytest.mark.parametrize("width", [2, 7, 10])
def test_positions_are_the_published_sinusoids(width):
    table = sinusoids(torch.zeros(1, 6, width))
    half = width // 2
    for step in range(6):
        for i in range(half):
            angle = step / 10_000 ** (i / max(half - 1, 1))
            assert float(table[step, i]) == pytest.approx(math.sin(angle), abs=1e-6)
            assert float(table[step, half + i]) == pytest.approx(math.cos(angle), abs=1e-6)
    assert (table[:, 2 * half :] == 0).all()


def test_embedding_scales_by_the_root_of_the_width_only_where_asked():
    x = torch.randn(2, 4, 9)
    scaled, bare = Encoder(9, 3, 1).eval(), Encoder(9, 3, 1, scaled=False).eval()
    torch.testing.assert_close(scaled.embed(x), 3 * x + sinusoids(x))
    torch.testing.assert_close(bare.embed(x), x + sinusoids(x))
    torch.testing.assert_close(Encoder(9, 3, 1, positions=False).eval().embed(x), 3 * x)
