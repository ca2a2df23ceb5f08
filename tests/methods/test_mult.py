import math

import pytest
import torch
from fusemark.benchmark.contract import Modality, Task
from fusemark.benchmark.recipes import parse
from fusemark.methods.mult import MulT

REFERENCE = {"width": 30, "layers": 5, "heads": 5}
SHAPES = {"audio": Modality((5,), 6), "visual": Modality((3,), 9), "text": Modality((4,), 4)}


def task(count=3, outputs="abcd"):
    return Task(dict(list(SHAPES.items())[:count]), tuple(outputs))


def count(outputs, **settings):
    modalities = {str(d): Modality((d,), 50) for d in (300, 74, 35)}
    with torch.device("meta"):
        model = MulT(Task(modalities, tuple("abcdefgh"[:outputs])), MulT.Config(**settings))
    return sum(p.numel() for p in model.parameters())


def test_parameter_counts_of_the_reference():
    assert count(1, **REFERENCE) == 1_073_731
    assert count(8, **REFERENCE) == 1_074_998
    assert count(1, width=40, layers=4, kernel=1) == 1_540_601


# The same network from its equations: one example, without padding, attention by explicit softmax.


def norm(x, module):
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return centred / scale * module.weight + module.bias


def linear(x, module):
    return x @ module.weight.T + module.bias


def embed(x):
    steps, width = x.shape
    table = torch.zeros_like(x)
    for t in range(steps):
        for i in range(width // 2):
            angle = t / 10_000 ** (i / (width // 2 - 1))
            table[t, i], table[t, width // 2 + i] = math.sin(angle), math.cos(angle)
    return math.sqrt(width) * x + table


def attention(query, memory, module, heads, shift):
    width = query.shape[1]
    size = width // heads
    w, b = module.project.weight, module.project.bias
    q, k, v = (
        x @ w[i * width : (i + 1) * width].T + b[i * width : (i + 1) * width]
        for i, x in enumerate((query, memory, memory))
    )
    rows = []
    for i in range(len(q)):
        seen = len(k) if shift is None else min(len(k), i + 1 + shift)
        mixed = []
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            weight = (k[:seen, part] @ q[i, part] / math.sqrt(size)).exp()
            mixed.append(weight / weight.sum() @ v[:seen, part])
        rows.append(torch.cat(mixed))
    return linear(torch.stack(rows), module.out)


def encode(x, memory, encoder, heads, causal):
    shift = (0 if memory is None else abs(len(x) - len(memory))) if causal else None
    x, memory = embed(x), None if memory is None else embed(memory)
    for layer in encoder.layers:
        query = norm(x, layer.norms[0])
        keys = query if memory is None else norm(memory, layer.norms[0])
        x = x + attention(query, keys, layer.attention, heads, shift)
        hidden = linear(norm(x, layer.norms[1]), layer.expand).clamp(min=0)
        x = x + linear(hidden, layer.contract)
    return norm(x, encoder.norm)


def project(x, weight):
    """Convolution of (T, D) with (d, D, kernel) that keeps T, zeros before and after."""
    rows, reach = [], weight.shape[2] // 2
    for t in range(len(x)):
        seen = range(max(0, t - reach), min(len(x), t + reach + 1))
        rows.append(sum(weight[:, :, s - t + reach] @ x[s] for s in seen))
    return torch.stack(rows)


def plain(model, example):
    heads, causal, names = model.config.heads, model.config.causal, list(example)
    x = {n: project(example[n], model.project[n].convolution.weight) for n in names}
    last = []
    for target in names:
        crossed = [
            encode(x[target], x[source], model.cross[target][source], heads, causal)
            for source in names
            if source != target
        ]
        stream = torch.cat(crossed, dim=1) if crossed else x[target]
        last.append(encode(stream, None, model.encoders[target], heads, causal)[-1])
    h = torch.cat(last)
    return linear(h + linear(linear(h, model.hidden[0]).clamp(min=0), model.hidden[1]), model.out)


@pytest.mark.parametrize(
    ("modalities", "settings"),
    [
        (3, {"layers": 2}),
        (2, {"layers": 1, "causal": True}),
        (2, {"layers": 4, "kernel": 3}),
        (1, {"layers": 1, "kernel": 5}),
    ],
    ids=["three", "causal", "deep and wide kernel", "one"],
)
def test_equal_to_its_equations_forward_and_gradient(draw, modalities, settings):
    torch.manual_seed(0)
    model = MulT(task(modalities), MulT.Config(width=4, heads=2, **settings)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    batch = draw(model.task, 3, dtype=torch.float64)
    inputs = {name: values.requires_grad_() for name, values in batch.values.items()}
    found = model(batch).logits
    expected = torch.stack(
        [
            plain(model, {n: v[b, : batch.lengths[n][b]] for n, v in inputs.items()})
            for b in range(3)
        ]
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    leaves = [*model.parameters(), *inputs.values()]
    direction = torch.randn_like(found)
    slopes = torch.autograd.grad((found * direction).sum(), leaves)
    wanted = torch.autograd.grad((expected * direction).sum(), leaves)
    for slope, want in zip(slopes, wanted, strict=True):
        torch.testing.assert_close(slope, want, rtol=0, atol=1e-6)


def test_no_padding_reaches_image_frames_through_a_wide_kernel(draw):
    torch.manual_seed(0)
    frames = Task({"audio": SHAPES["audio"], "visual": Modality((3, 9, 8), 7)}, ("a", "b"))
    model = MulT(frames, MulT.Config(width=8, layers=1, heads=2, kernel=5)).eval()
    batch = draw(frames, 3, lengths={"audio": [2, 3, 6], "visual": [1, 7, 3]})
    alone = batch.map(lambda x: x[:1])
    alone = alone.with_values("visual", alone.values["visual"][:, :1])
    torch.testing.assert_close(model(alone).logits, model(batch).logits[:1], rtol=0, atol=1e-5)


def test_a_kernel_that_would_shift_the_steps_is_refused():
    with pytest.raises(ValueError, match="kernel 2 is even"):
        MulT.Config(kernel=2)


def test_steps_that_are_no_vectors_and_no_frames_are_refused():
    shapes = Task({"audio": Modality((3, 4), 7)}, ("a", "b"))
    with pytest.raises(ValueError, match=r"\(3, 4\) cannot be projected; expected vectors"):
        MulT(shapes, MulT.Config())


def test_small_size_keeps_three_layers_for_the_encoders_of_one_modality():
    recipe = parse("mult")
    model = recipe.build(task(), recipe.resolve("small", {}))
    assert len(model.cross["audio"]["visual"].layers) == 2
    assert len(model.encoders["audio"].layers) == 3
    assert model.encoders["audio"].norm.normalized_shape == (64,)
