"""Transformer blocks from their equations, for one example without padding: sequences (T, d)."""

import math

import torch


def norm(x, module):
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return centred / scale * module.weight + module.bias


def linear(x, module):
    return x @ module.weight.T + module.bias


def positions(x):
    """x plus sinusoids, sines before cosines, for an even width."""
    table, half = torch.zeros_like(x), x.shape[1] // 2
    for t in range(len(x)):
        for i in range(half):
            angle = t / 10_000 ** (i / (half - 1))
            table[t, i], table[t, half + i] = math.sin(angle), math.cos(angle)
    return x + table


def attention(query, memory, module):
    width = query.shape[1]
    size = width // module.heads
    q, k, v = (
        x @ module.project.weight[i * width : (i + 1) * width].T
        + module.project.bias[i * width : (i + 1) * width]
        for i, x in enumerate((query, memory, memory))
    )
    mixed = []
    for h in range(module.heads):
        part = slice(h * size, (h + 1) * size)
        scores = (q[:, part] @ k[:, part].T / math.sqrt(size)).exp()
        mixed.append(scores / scores.sum(1, keepdim=True) @ v[:, part])
    return linear(torch.cat(mixed, 1), module.out)


def block(x, module, memory=None):
    """Pre-LayerNorm block; a memory passes the query's LayerNorm."""
    keys = norm(x if memory is None else memory, module.norms[0])
    x = x + attention(norm(x, module.norms[0]), keys, module.attention)
    return x + linear(linear(norm(x, module.norms[1]), module.expand).clamp(min=0), module.contract)


def perturbed(model):
    """Move every parameter: what starts at zero would hide an error behind it."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def agrees(model, batch, plain):
    """Compare prediction and all gradients with those of a function of one example's sequences."""
    inputs = {name: values.requires_grad_() for name, values in batch.values.items()}
    found = model(batch).logits
    rows = range(len(batch))
    expected = torch.stack(
        [plain({n: v[b, : batch.lengths[n][b]] for n, v in inputs.items()}) for b in rows]
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    leaves, direction = [*model.parameters(), *inputs.values()], torch.randn_like(found)
    slopes, wanted = (
        torch.autograd.grad((y * direction).sum(), leaves, allow_unused=True)
        for y in (found, expected)
    )
    for slope, want in zip(slopes, wanted, strict=True):
        assert (slope is None) == (want is None)
        if slope is not None:
            torch.testing.assert_close(slope, want, rtol=0, atol=1e-6)
