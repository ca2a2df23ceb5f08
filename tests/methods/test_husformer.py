import math

import pytest
import torch
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.husformer import Husformer, balanced, focal_loss
from one_example import agrees, block, linear, norm, perturbed, positions
from torch.nn import functional

SHAPES = {"eeg": Modality((5,), 6), "gsr": Modality((3,), 9), "ppg": Modality((4,), 4)}
TASK = Task(SHAPES, ("low", "middle", "high"))


def test_an_encoder_of_the_reference_has_56010_parameters():
    with torch.device("meta"):
        model = Husformer(TASK, Husformer.Config(width=30, layers=5, heads=3))
    for encoder in (*model.cross.values(), model.encoder):
        assert sum(p.numel() for p in encoder.parameters()) == 56_010


def plain(model, example):
    def encode(encoder, parts, memories):
        x, memory = (torch.cat([positions(s) for s in seq]) for seq in (parts, memories))
        for layer in encoder.layers:
            x = block(x, layer, memory if parts is not memories else None)
        return norm(x, encoder.norm)

    streams = [linear(x, model.project[n].embed) for n, x in example.items()]
    crossed = [encode(model.cross[n], [x], streams) for n, x in zip(example, streams, strict=True)]
    return linear(encode(model.encoder, crossed, crossed).mean(0), model.head)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_equal_to_its_equations_forward_and_gradient(draw, count):
    torch.manual_seed(0)
    task = Task(dict(list(SHAPES.items())[:count]), TASK.outputs)
    model = Husformer(task, Husformer.Config(width=6, layers=2, heads=3)).double().eval()
    agrees(perturbed(model), draw(task, 3, dtype=torch.float64), lambda x: plain(model, x))


def test_focal_loss_at_gamma_zero_is_weighted_cross_entropy():
    torch.manual_seed(0)
    logits = torch.randn(20, 3, dtype=torch.float64)
    labels, alpha = torch.randint(3, (20,)), torch.tensor([0.1, 0.2, 0.7]).double()
    found = focal_loss(logits, labels, alpha[labels], gamma=0.0)
    torch.testing.assert_close(found, functional.cross_entropy(logits, labels, alpha))


def test_focal_loss_of_a_hand_worked_example():
    logits = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)], [50.0, 0.0]])
    labels, weights = torch.tensor([0, 1, 1]), torch.tensor([1.0, 3.0, 0.0])
    # p = 1/4 and 3/4: (3/4)^2 ln 4 = .779791 and (1/4)^2 ln(4/3) = .017980; the third is not seen.
    found = focal_loss(logits, labels, weights, gamma=2.0)
    assert float(found) == pytest.approx((0.779791 + 3 * 0.017980) / 4, abs=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_examples_that_are_certain_leave_the_gradient_finite(gamma):
    logits = torch.tensor([[200.0, -200.0], [0.5, 0.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([0, 0]), torch.ones(2), gamma).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_without_given_weights_every_class_of_the_batch_counts_alike(draw):
    labels = torch.tensor([0, 0, 0, 2, 2, 1])
    labelled = torch.tensor([1, 1, 1, 1, 1, 0]).bool()
    assert balanced(labels, labelled, 4).tolist() == pytest.approx([1 / 3, 1, 1 / 2, 1])
    model = Husformer(TASK, Husformer.Config(width=6, layers=1))
    batch = draw(TASK, 6)
    batch = type(batch)(**{**batch.__dict__, "labels": labels, "labelled": labelled})
    output = model.eval()(batch)
    p = output.logits.softmax(1).gather(1, labels[:, None]).squeeze(1)
    each = -((1 - p) ** 2) * p.log()
    expected = (each[:3].mean() + each[3:5].mean()) / 2
    torch.testing.assert_close(model.losses(output, batch)["focal"], expected)


def test_weights_set_by_hand_are_used_as_they_are(draw):
    model = Husformer(TASK, Husformer.Config(6, 1, gamma=0.0, class_weights=(0.15, 0.05, 0.8)))
    batch = draw(TASK, 7)
    output = model.eval()(batch)
    alpha = torch.tensor([0.15, 0.05, 0.8])
    expected = functional.cross_entropy(output.logits, batch.labels, alpha)
    torch.testing.assert_close(model.losses(output, batch)["focal"], expected)


@pytest.mark.parametrize(
    ("kind", "weights", "message"),
    [
        ("classification", "1,2", "class_weights has 2 numbers; expected one .* 3 classes"),
        ("regression", "1,2,3", "class_weights has 3 numbers; expected one .* 0 classes"),
        ("classification", "1,0,2", "are not all positive"),
    ],
)
def test_weights_that_do_not_fit_are_refused(kind, weights, message):
    recipe, task = parse("husformer"), Task(SHAPES, TASK.outputs, kind)
    resolved = {"husformer": {"class_weights": weights}}
    with pytest.raises(UserError, match=message):
        recipe.build(task, resolved)
