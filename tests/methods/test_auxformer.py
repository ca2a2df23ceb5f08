import math
from dataclasses import replace

import pytest
import torch
from fusemark.benchmark.contract import Batch, Modality, Task
from fusemark.methods.auxformer import AuxFormer
from fusemark.methods.blocks.scalar import ScalarLayer
from torch.nn import functional

TINY = {"width": 8, "layers": 2, "heads": 2, "hidden": 6}
SHAPES = {"audio": Modality((8,), 9), "visual": Modality((5,), 7), "text": Modality((3,), 4)}


def task(count=2, kind="classification"):
    return Task(dict(list(SHAPES.items())[:count]), ("a", "b", "c"), kind)


def draw(task, size=4, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    names, lengths = task.names, {}
    for name in names:
        lengths[name] = torch.randint(
            1, task.modalities[name].max_length + 1, (size,), generator=generator
        )
    values = {
        n: torch.randn(size, m.max_length, *m.shape, generator=generator, dtype=dtype)
        for n, m in task.modalities.items()
    }
    real = torch.randn(size, len(task.outputs), generator=generator, dtype=dtype)
    index = torch.arange(size)
    return Batch(
        values=values,
        lengths=lengths,
        present={n: torch.ones(size, dtype=torch.bool) for n in names},
        labels=index % 3 if task.kind == "classification" else real,
        labelled=torch.ones(size, dtype=torch.bool),
        examples=index,
        groups=index,
        tasks=torch.zeros_like(index),
    )


def test_parameter_count_of_the_reference():
    modalities = {"audio": Modality((130,), 300), "visual": Modality((4096,), 100)}
    with torch.device("meta"):
        model = AuxFormer(Task(modalities, tuple("ANGDHS")), AuxFormer.Config())
    assert sum(p.numel() for p in model.parameters()) == 7_038_632
    assert list(model.projections["audio"].parameters()) == []


# The same network from its equations: one example without padding, attention by explicit softmax.


def positions(x):
    steps, width = x.shape
    table = torch.zeros_like(x)
    for step in range(steps):
        for i in range(width // 2):
            angle = step * math.exp(-i * math.log(10_000) / (width // 2 - 1))
            table[step, i], table[step, width // 2 + i] = math.sin(angle), math.cos(angle)
    return table


def attention(block, query, memory):
    (wq, wk, wv), (bq, bk, bv) = block.project.weight.chunk(3), block.project.bias.chunk(3)
    q, k, v = query @ wq.T + bq, memory @ wk.T + bk, memory @ wv.T + bv
    size = q.shape[1] // block.heads
    parts = []
    for head in range(block.heads):
        part = slice(head * size, (head + 1) * size)
        weights = torch.softmax(q[:, part] @ k[:, part].T / math.sqrt(size), dim=1)
        parts.append(weights @ v[:, part])
    return block.out(torch.cat(parts, dim=1))


def layers(encoder, x, memory=None):
    for layer in encoder.layers:
        alpha = getattr(layer, "alpha", None)
        keep, take = (1, 1) if alpha is None else (alpha, 1 - alpha)
        query = layer.norms[0](x)
        keys = query if memory is None else layer.norms[0](memory)
        x = keep * x + take * attention(layer.attention, query, keys)
        hidden = torch.relu(layer.expand(layer.norms[1](x)))
        x = keep * x + take * layer.contract(hidden)
    return encoder.norm(x)


def residual(block, x):
    hidden = x
    for i, layer in enumerate(block.layers):
        hidden = layer(hidden if i == 0 else torch.relu(hidden))
    return x + hidden


def plain(model, example):
    """Logits of the main network and of the auxiliary ones, for {modality: (T, D)}."""
    scale = math.sqrt(model.config.width)
    inputs = {n: model.projections[n](x) for n, x in example.items()}
    lasts, logits = [], []
    for name, x in inputs.items():
        others = [y for n, y in inputs.items() if n != name] or [x]
        memory = torch.cat([scale * y + positions(y) for y in others])
        crossed = layers(model.cross[name].encoder, scale * x + positions(x), memory)
        lasts.append(layers(model.self_encoders[name], scale * crossed)[-1])
    logits.append(model.head(residual(model.readout, torch.cat(lasts))))
    for name, x in inputs.items():
        for _ in range(3):
            x = layers(model.auxiliary[name], scale * x)
        logits.append(model.auxiliary_head(residual(model.auxiliary_readout, x[-1])))
    return torch.stack(logits)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_equals_its_equations_example_by_example(count):
    torch.manual_seed(0)
    model = AuxFormer(task(count), AuxFormer.Config(**TINY)).double().eval()
    batch = draw(model.task, dtype=torch.float64)
    output = model(batch)
    for row in range(len(batch)):
        example = {n: batch.values[n][row, : batch.lengths[n][row]] for n in model.task.names}
        expected = plain(model, example)
        found = torch.stack([logits[row] for logits in output.auxiliary.values()])
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(output.logits[row], expected.mean(0), rtol=0, atol=1e-12)


def test_scalar_layer_lies_between_identity_and_its_sublayers():
    torch.manual_seed(0)
    layer = ScalarLayer(8, 2).eval()
    assert 0.0 <= float(layer.alpha.detach()) < 1.0
    x = torch.randn(3, 5, 8)
    with torch.no_grad():
        layer.alpha.fill_(1.0)
        assert torch.equal(layer(x), x)
        layer.alpha.fill_(0.0)
        attended = layer.attention(layer.norms[0](x), layer.norms[0](x))
        torch.testing.assert_close(layer(x), layer.feed(attended))


def test_dropout_spares_the_attention_of_cross_encoders():
    model = AuxFormer(task(), AuxFormer.Config(**TINY, attention_dropout=0.3))
    rates = {
        path: {
            m.dropout
            for n, m in model.named_modules()
            if n.startswith(path) and hasattr(m, "heads")
        }
        for path in ("cross", "self_encoders", "auxiliary")
    }
    assert rates == {"cross": {0.0}, "self_encoders": {0.3}, "auxiliary": {0.3}}


def test_loss_is_the_mean_of_three_cross_entropies_over_the_labelled():
    model = AuxFormer(task(), AuxFormer.Config(**TINY)).eval()
    batch = replace(draw(model.task), labelled=torch.tensor([True, False, True, True]))
    output = model(batch)
    kept = batch.labelled.nonzero().squeeze(1)
    each = [
        functional.cross_entropy(y[kept], batch.labels[kept]) for y in output.auxiliary.values()
    ]
    assert len(each) == 3
    torch.testing.assert_close(model.losses(output, batch)["supervised"], sum(each) / 3)


def test_regression_loss_is_the_mean_of_three_squared_errors():
    model = AuxFormer(task(kind="regression"), AuxFormer.Config(**TINY)).eval()
    batch = draw(model.task)
    output = model(batch)
    each = [functional.mse_loss(y, batch.labels) for y in output.auxiliary.values()]
    torch.testing.assert_close(model.losses(output, batch)["supervised"], sum(each) / 3)


def test_corruption_zeroes_one_modality_of_the_whole_batch():
    model = AuxFormer(task(), AuxFormer.Config(**TINY))
    batch, generator = draw(model.task), torch.Generator().manual_seed(0)
    counts = {"audio": 0, "visual": 0, "both": 0}
    draws = 4000
    for _ in range(draws):
        present = model.corrupt(batch, generator).present
        gone = [n for n in model.task.names if not present[n].any()]
        assert all(present[n].all() for n in model.task.names if n not in gone)
        if gone:
            counts[gone[0] if len(gone) == 1 else "both"] += 1
    # Four standard deviations of a binomial share.
    for name in model.task.names:
        assert abs(counts[name] / draws - 0.2) < 4 * math.sqrt(0.2 * 0.8 / draws)
    assert counts["both"] == 0


def test_corruption_leaves_an_example_its_last_modality():
    model = AuxFormer(task(), AuxFormer.Config(**TINY, modality_drop=1.0))
    deaf = torch.tensor([True, False, False, True])
    batch = draw(model.task).without("audio", deaf)
    for seed in range(20):
        present = model.corrupt(batch, torch.Generator().manual_seed(seed)).present
        assert torch.stack([present["audio"], present["visual"]]).any(0).all()
        assert torch.stack([present["audio"], present["visual"]]).sum() == len(batch)
    alone = AuxFormer(task(1), AuxFormer.Config(**TINY, modality_drop=1.0))
    assert alone.corrupt(draw(alone.task), torch.Generator()).present["audio"].all()


def test_branches_are_all_that_one_modality_alone_feeds():
    model = AuxFormer(task(), AuxFormer.Config(**TINY)).eval()
    batch = draw(model.task)
    batch = batch.with_values("audio", batch.values["audio"].requires_grad_())
    branch = model.branches()["visual"]
    logits = model(batch).auxiliary[branch.logits]
    (slope,) = torch.autograd.grad(
        logits.sum(), [batch.values["audio"]], allow_unused=True, retain_graph=True
    )
    assert slope is None
    reached = torch.autograd.grad(logits.sum(), branch.parameters)
    assert all(bool(g.any()) for g in reached)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="width 8 is not divisible by heads 3"):
        AuxFormer(task(), AuxFormer.Config(width=8, heads=3))
