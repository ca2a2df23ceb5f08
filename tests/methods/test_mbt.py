import pytest
import torch
from fusemark.benchmark.contract import Modality, Task
from fusemark.benchmark.recipes import parse
from fusemark.methods.mbt import MBT
from one_example import agrees, block, linear, norm, perturbed, positions
from torch.nn import functional

TASK = Task(
    {"a": Modality((5,), 6), "b": Modality((3,), 9), "c": Modality((4,), 4)}, ("x", "y", "z")
)
PAIR = TASK.only("a", "b")


def build(task=PAIR, **settings):
    torch.manual_seed(0)
    model = MBT(task, MBT.Config(**{"width": 8, "layers": 3, "heads": 2, **settings}))
    return perturbed(model).eval()


def test_without_bottleneck_tokens_it_is_independent_encoders(draw):
    model, batch = build(TASK, bottlenecks=0), draw(TASK)
    logits = []
    for name in TASK.names:
        steps = model.project[name](batch.visible(name))
        first = model.classes[name].expand(len(batch), 1, -1)
        mask = functional.pad(batch.mask(name), (1, 0), value=True)
        encoded = model.encoders[name](torch.cat([first, steps], 1), mask=mask)
        logits.append(model.head(encoded[:, 0]))
    expected = torch.stack(logits).mean(0)
    torch.testing.assert_close(model(batch).logits, expected, rtol=0, atol=1e-6)


def heard(model, batch):
    """Whether a's own logits have a gradient from b's input."""
    values = batch.values["b"].requires_grad_()
    logits = model(batch).auxiliary["logits:a"]
    (slope,) = torch.autograd.grad(logits.square().sum(), values, allow_unused=True)
    return slope is not None and bool((slope != 0).any())


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_modalities_hear_each_other_through_bottleneck_updates_alone(draw, monkeypatch, layers):
    model, batch = build(layers=layers, fusion_layers=2), draw(PAIR)
    assert heard(model, batch)
    start = model.bottleneck.expand(len(batch), -1, -1)
    monkeypatch.setattr(model, "exchange", lambda updates: start)
    assert not heard(model, batch)


def plain(model, example):
    start = model.config.layers - model.config.fusion_layers
    tokens = {
        n: positions(torch.cat([model.classes[n][None], linear(x, model.project[n].embed)]))
        for n, x in example.items()
    }
    shared = model.bottleneck
    for i in range(model.config.layers):
        if i < start:
            tokens = {n: block(x, model.encoders[n].layers[i]) for n, x in tokens.items()}
            continue
        both = {
            n: block(torch.cat([x, shared]), model.encoders[n].layers[i]) for n, x in tokens.items()
        }
        shared = sum(x[len(tokens[n]) :] for n, x in both.items()) / len(both)
        tokens = {n: x[: len(tokens[n])] for n, x in both.items()}
    logits = [linear(norm(x[:1], model.encoders[n].norm), model.head) for n, x in tokens.items()]
    return sum(logits)[0] / len(logits)


@pytest.mark.parametrize(
    ("names", "settings"),
    [("abc", {"bottlenecks": 2, "fusion_layers": 2}), ("ab", {"layers": 2}), ("a", {"layers": 2})],
    ids=["three, fused late", "two, fused throughout", "one"],
)
def test_equal_to_its_equations_forward_and_gradient(draw, names, settings):
    task = TASK.only(*names)
    model = build(task, **settings).double()
    agrees(model, draw(task, 3, dtype=torch.float64), lambda x: plain(model, x))


def test_small_size_fuses_in_both_layers():
    recipe = parse("mbt")
    config = recipe.build(PAIR, recipe.resolve("small", {})).config
    assert (config.layers, config.fusion_layers) == (2, 4)


@pytest.mark.parametrize("settings", [{"fusion_layers": 1}, {"layers": 1}])
def test_fusion_that_could_not_cross_is_refused(settings):
    with pytest.raises(ValueError, match="nothing crosses"):
        MBT.Config(**settings)
