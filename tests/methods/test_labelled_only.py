"""The supervised control: what unlabelled examples hold reaches no gradient."""

from dataclasses import replace

import pytest
import torch
from fusemark.benchmark.contract import Modality, Task
from fusemark.benchmark.recipes import parse
from fusemark.methods.labelled_only import cycled

TASK = Task({"audio": Modality((2,), 20), "visual": Modality((3,), 30)}, ("a", "b"))


def build(name="ladder+labelled-only"):
    torch.manual_seed(0)
    recipe = parse(name)
    return recipe.build(TASK, recipe.resolve("small", {})).train()


def gradients(model, batch):
    """Gradients of a training step whose noise and dropout are those of one seed."""
    corrupted = model.corrupt(batch, torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    model.zero_grad()
    model.backward(model.losses(model(corrupted), corrupted), model.parameters())
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def hidden(batch, *rows):
    labelled = torch.zeros(len(batch), dtype=torch.bool)
    labelled[list(rows)] = True
    return replace(batch, labelled=labelled)


@pytest.mark.parametrize("size", [1, 2, 7, 32])
def test_labelled_rows_weigh_alike(size):
    for known in range(1, size + 1):
        labelled = torch.zeros(size, dtype=torch.bool)
        labelled[torch.randperm(size)[:known]] = True
        counts = torch.bincount(cycled(labelled), minlength=size)
        assert counts[~labelled].sum() == 0
        assert counts[labelled].max() - counts[labelled].min() <= 1


def test_unlabelled_examples_reach_no_gradient(draw):
    batch = hidden(draw(TASK, 6), 1, 4)
    other = batch.with_values("visual", batch.values["visual"].clone())
    other.values["visual"][0] += 3.0
    for name, same in (("ladder+labelled-only", True), ("ladder", False)):
        model = build(name)
        pairs = zip(gradients(model, batch), gradients(model, other), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) == same


def test_a_batch_without_labels_adds_nothing(draw):
    assert all(not g.any() for g in gradients(build(), hidden(draw(TASK, 6))))
    assert any(g.any() for g in gradients(build("ladder"), hidden(draw(TASK, 6))))


def test_with_all_labels_it_is_the_method_itself(draw):
    batch = draw(TASK, 6)
    corrupted = build().corrupt(batch, torch.Generator().manual_seed(0))
    assert torch.equal(corrupted.examples, batch.examples)
    pairs = zip(gradients(build(), batch), gradients(build("ladder"), batch), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
