import math

import pytest
import torch
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.blocks.contrastive import clip_pairwise, drawn_orders, kept_orders, symile
from fusemark.methods.clip_pairwise import ClipPairwise
from fusemark.methods.symile import Symile
from torch.nn import functional

SHAPES = {"audio": Modality((5,), 6), "visual": Modality((3,), 9), "text": Modality((4,), 4)}
SIZE = {"width": 8, "layers": 1, "heads": 2, "dropout": 0.0}


def task(count=3):
    return Task(dict(list(SHAPES.items())[:count]), ("a", "b", "c", "d"))


def build(kind=Symile, count=3, **settings):
    torch.manual_seed(0)
    return kind(task(count), kind.Config(**SIZE, **settings))


def vectors(model, batch):
    names = model.task.names
    h = [model.project[n](model.encoders[n](batch, n)) for n in names]
    return [functional.normalize(x, dim=-1) for x in h]


def test_the_head_reads_every_representation_and_their_product(draw):
    model, batch = build(), draw(task())
    r = vectors(model, batch)
    for x in r:
        torch.testing.assert_close(x.norm(dim=1), torch.ones(4))
    weights = model.head.weight.split(8, dim=1)
    parts = [math.sqrt(8) * x for x in r]
    expected = sum(x @ w.T for x, w in zip(parts, weights[:3], strict=True)) + model.head.bias
    expected = expected + (parts[0] * parts[1] * parts[2]) @ weights[3].T
    torch.testing.assert_close(model(batch).logits, expected)


@pytest.mark.parametrize("negatives", ["n", "n_squared"])
def test_loss_is_over_examples_with_every_modality(draw, negatives):
    model = build(negatives=negatives, weight=0.3, log_scale=1.0)
    batch = draw(task(), 6)
    batch = batch.without("audio", torch.arange(6) == 1).without("text", torch.arange(6) == 4)
    counted = torch.tensor([True, False, True, True, False, True])
    torch.manual_seed(7)
    orders = drawn_orders(3, counted) if negatives == "n" else None
    r, scale = vectors(model, batch), torch.tensor(math.e)
    output = model(batch)
    torch.manual_seed(7)
    found = model.train().losses(output, batch)["contrastive"]
    torch.testing.assert_close(found, 0.3 * symile(r, scale, counted, orders))
    before = torch.get_rng_state()
    found = model.eval().losses(output, batch)["contrastive"]
    orders = kept_orders(3, counted) if negatives == "n" else None
    torch.testing.assert_close(found, 0.3 * symile(r, scale, counted, orders))
    assert torch.equal(torch.get_rng_state(), before)


def test_clip_differs_in_the_loss_alone(draw):
    first, second, batch = build(Symile), build(ClipPairwise), draw(task())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(first(batch).logits, second(batch).logits)
    found = second.losses(second(batch), batch)
    everyone = torch.ones(4, dtype=torch.bool)
    expected = 0.1 * clip_pairwise(vectors(second, batch), second.log_scale.exp(), everyone)
    torch.testing.assert_close(found["contrastive"], expected)


def test_of_two_modalities_both_are_the_same(draw):
    first, second, batch = build(Symile, 2), build(ClipPairwise, 2), draw(task(2))
    for a, b in zip(
        first.losses(first(batch), batch).values(),
        second.losses(second(batch), batch).values(),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("kind", [Symile, ClipPairwise])
@pytest.mark.parametrize("absent", [False, True])
def test_a_batch_with_nothing_to_contrast(draw, kind, absent):
    model, batch = build(kind).train(), draw(task(), 1)
    batch = batch.without("visual") if absent else batch
    loss = model.losses(model(batch), batch)["contrastive"]
    assert float(loss.detach()) == 0.0
    slopes = torch.autograd.grad(loss, list(model.encoders.parameters()))
    assert all(bool((slope == 0).all()) for slope in slopes)


@pytest.mark.parametrize("name", ["symile", "clip-pairwise"])
def test_one_modality_has_nothing_to_contrast_with(name):
    with pytest.raises(UserError, match=f"'{name}' takes 2 or more modalities; x has 1: audio"):
        parse(name).check(task(1), "x")
