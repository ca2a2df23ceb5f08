import pytest
import torch
from fusemark.benchmark.contract import Modality, Task
from fusemark.methods.perceiver import Perceiver
from one_example import agrees, block, linear, norm, perturbed, positions

TASK = Task({"a": Modality((5,), 6), "b": Modality((3,), 9)}, ("x", "y", "z"))


def build(**settings):
    torch.manual_seed(0)
    sizes = {"width": 8, "layers": 2, "heads": 4, "latents": 3, "repeats": 3}
    return perturbed(Perceiver(TASK, Perceiver.Config(**{**sizes, **settings}))).eval()


def plain(model, example):
    inputs = torch.cat(
        [
            positions(linear(x, model.project[n].embed)) + model.modality[n]
            for n, x in example.items()
        ]
    )
    shared, x = model.config.shared, model.latents
    for r in range(model.config.repeats):
        x = block(x, model.cross[(r > 0) if shared else r], inputs)
        for layer in model.transformers[0 if shared else r]:
            x = block(x, layer)
    return linear(norm(x, model.norm).mean(0), model.head)


@pytest.mark.parametrize("shared", [True, False])
def test_equal_to_its_equations_forward_and_gradient(draw, shared):
    model = build(shared=shared).double()
    batch = draw(TASK, 3, dtype=torch.float64)
    agrees(model, batch, lambda example: plain(model, example))


def count(**settings):
    return sum(p.numel() for p in build(**settings).parameters())


def test_shared_repeats_add_no_parameters_but_a_second_cross_block():
    one = sum(p.numel() for p in build().cross[0].parameters())
    assert count(repeats=2) - count(repeats=1) == one
    assert count(repeats=7) == count(repeats=2)


def test_repeats_that_are_not_shared_add_a_cross_block_and_a_transformer_each():
    one = sum(p.numel() for p in build().cross[0].parameters())
    added = count(repeats=4, shared=False) - count(repeats=3, shared=False)
    assert added == one * (1 + build().config.layers)


def test_latents_start_within_two_of_a_normal_of_deviation_two_hundredths():
    torch.manual_seed(0)
    latents = Perceiver(TASK, Perceiver.Config(width=64, layers=1, latents=200)).latents
    assert float(latents.detach().std()) == pytest.approx(0.02, rel=0.02)
