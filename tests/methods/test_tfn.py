import itertools
import math

import pytest
import torch
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.tfn import LARGEST, TensorFusionNetwork, tensor_fusion

SHAPES = {"audio": Modality((5,), 6), "visual": Modality((3,), 9), "text": Modality((4,), 4)}
TASK = Task(SHAPES, ("a", "b", "c", "d"))
SETTINGS = {"width": 8, "layers": 1, "heads": 2, "projected": 4, "hidden": 6}


def build(task=TASK, **settings):
    torch.manual_seed(0)
    config = TensorFusionNetwork.Config(**{**SETTINGS, **settings})
    return TensorFusionNetwork(task, config).eval()


@pytest.mark.parametrize("widths", [(3,), (2, 4), (3, 2, 4), (1, 2, 1, 3)])
def test_fusion_is_the_explicit_outer_product(widths):
    torch.manual_seed(0)
    vectors = [torch.randn(2, width, dtype=torch.float64) for width in widths]
    sizes = [width + 1 for width in widths]
    expected = torch.empty(2, *sizes, dtype=torch.float64)
    for b in range(2):
        for index in itertools.product(*map(range, sizes)):
            factors = (
                1.0 if i == 0 else float(h[b, i - 1]) for h, i in zip(vectors, index, strict=True)
            )
            expected[(b, *index)] = math.prod(factors)
    found = tensor_fusion(vectors)
    torch.testing.assert_close(found, expected.flatten(1), rtol=1e-14, atol=0)


def test_the_tensor_of_the_paper_has_129_by_33_by_33_numbers():
    vectors = [torch.ones(1, width) for width in (128, 32, 32)]
    assert tensor_fusion(vectors).shape == (1, 129 * 33 * 33)
    assert LARGEST > 129 * 33 * 33


def test_unimodal_vectors_and_pairs_stand_in_the_tensor():
    torch.manual_seed(0)
    a, v, t = torch.randn(3, 2), torch.randn(3, 3), torch.randn(3, 4)
    cube = tensor_fusion([a, v, t]).view(3, 3, 4, 5)
    assert torch.equal(cube[:, 0, 0, 0], torch.ones(3))
    assert torch.equal(cube[:, 1:, 0, 0], a)
    assert torch.equal(cube[:, 0, 0, 1:], t)
    assert torch.equal(cube[:, 1:, 1:, 0], a[:, :, None] * v[:, None])


def test_of_an_absent_modality_only_the_products_without_it_remain(draw):
    seen = []
    model, batch = build(), draw(TASK)
    model.first.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].view(-1, 5, 5, 5))
    )
    model(batch)
    model(batch.without("visual"))
    whole, partial = seen
    assert torch.equal(partial[:, :, 0], whole[:, :, 0])
    assert torch.equal(partial[:, :, 1:], torch.zeros_like(partial[:, :, 1:]))


def test_numbers_of_one_example_come_from_its_own_vectors(draw):
    model, batch = build(), draw(TASK)
    vectors = []
    for name in TASK.names:
        u = model.encoders[name](batch, name)
        weight, bias = model.project[name].weight, model.project[name].bias
        vectors.append((u @ weight.T + bias).clamp(min=0))
    z = torch.einsum("bi,bj,bk->bijk", *(torch.cat([h.new_ones(4, 1), h], 1) for h in vectors))
    hidden = z.flatten(1)
    for layer in (model.first, model.rest.hidden):
        hidden = (hidden @ layer.weight.T + layer.bias).clamp(min=0)
    expected = hidden @ model.rest.out.weight.T + model.rest.out.bias
    torch.testing.assert_close(model(batch).logits, expected)


def test_a_tensor_that_is_too_large_is_refused_in_one_line():
    many = Task({str(i): Modality((3,), 5) for i in range(5)}, ("a", "b"))
    recipe = parse("tfn")
    with pytest.raises(UserError) as refusal:
        recipe.build(many, recipe.resolve("small", {}))
    assert str(refusal.value) == (
        "tfn: projected 16 makes a tensor of 17^5 = 1,419,857 numbers for 5 modalities, over "
        "200,000; set it to 10 or less, or use 'lmf'"
    )
    fitting = recipe.build(many, recipe.resolve("small", {"tfn.projected": 10}))
    assert fitting.first.in_features == 11**5 <= LARGEST < 12**5
