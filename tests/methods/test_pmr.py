import math
from dataclasses import replace

import pytest
import torch
from fusemark.benchmark.contract import Modality, Output, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.pmr import moved, rebalance

TASK = Task({"audio": Modality((5,), 6), "visual": Modality((3,), 9)}, ("a", "b"))
LABELS = torch.tensor([0, 1])
# Prototypes 5 apart; audio lies on its own, visual 1 from its own and 4 from the other.
PROTOTYPES = torch.tensor([[0.0, 0.0], [3.0, 4.0]]).expand(2, -1, -1)
AUDIO = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
VISUAL = torch.tensor([[0.6, 0.8], [2.4, 3.2]])
SEEN = torch.ones(2, 2, dtype=torch.bool)
NEAR, FAR = 1 / (1 + math.exp(-5)), 1 / (1 + math.exp(-3))


def build(task=TASK, **settings):
    recipe = parse("late-concat+pmr")
    settings = {f"pmr.{n}": v for n, v in settings.items()}
    torch.manual_seed(0)
    return recipe.build(task, recipe.resolve("small", {"methods.dropout": 0.0, **settings})).train()


def entropy(p):
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def test_cross_entropies_entropies_and_ratios_of_a_hand_worked_example():
    cross, mixed, rho = rebalance(torch.stack([AUDIO, VISUAL]), PROTOTYPES, SEEN, LABELS, SEEN)
    assert cross.tolist() == pytest.approx([-math.log(NEAR), -math.log(FAR)], rel=1e-5)
    assert mixed.tolist() == pytest.approx([entropy(NEAR), entropy(FAR)], rel=1e-5)
    assert rho.tolist() == pytest.approx([NEAR / FAR, FAR / NEAR], rel=1e-5)


def test_a_class_without_a_prototype_is_no_candidate():
    seen = torch.tensor([[True, False], [True, True]])
    counted = torch.tensor([[True, False], [True, True]])
    cross, mixed, rho = rebalance(torch.stack([AUDIO, VISUAL]), PROTOTYPES, seen, LABELS, counted)
    assert cross.tolist() == pytest.approx([0.0, -math.log(FAR)], abs=1e-6)
    assert mixed.tolist() == pytest.approx([0.0, entropy(FAR)], abs=1e-6)
    assert rho.tolist() == pytest.approx([1 / FAR, FAR], rel=1e-5)
    nobody = torch.zeros(2, 2, dtype=torch.bool)
    z = torch.stack([AUDIO, VISUAL]).requires_grad_()
    cross, mixed, rho = rebalance(z, PROTOTYPES, nobody, LABELS, nobody)
    assert cross.tolist() == mixed.tolist() == [0, 0]
    assert rho.tolist() == [1, 1]
    (slope,) = torch.autograd.grad((cross + mixed).sum(), z)
    assert (slope == 0).all()


def test_prototypes_are_means_of_their_class_then_running_means():
    z = torch.tensor([[[1.0, 0.0], [3.0, 2.0], [5.0, 5.0]], [[0.0, 1.0], [7.0, 7.0], [2.0, 3.0]]])
    labels = torch.tensor([0, 0, 1])
    counted = torch.tensor([[True, True, True], [True, False, False]])
    none = torch.zeros(2, 2, dtype=torch.bool)
    first, seen = moved(torch.full((2, 2, 2), 9.0), none, z, labels, counted, 0.9)
    assert first.tolist() == [[[2.0, 1.0], [5.0, 5.0]], [[0.0, 1.0], [9.0, 9.0]]]
    assert seen.tolist() == [[True, True], [True, False]]
    counted = torch.tensor([[True, False, False], [False, False, True]])
    second, seen = moved(first, seen, z, labels, counted, 0.9)
    expected = torch.tensor([[[1.9, 0.9], [5.0, 5.0]], [[0.0, 1.0], [2.0, 3.0]]])
    torch.testing.assert_close(second, expected)
    assert seen.all()


def test_loss_of_a_hand_worked_example(draw):
    model = build(alpha=2.0, mu=0.5)
    model.prototypes, model.seen = PROTOTYPES, SEEN
    batch = replace(draw(TASK, 2), labels=LABELS)
    # Audio is ahead by a ratio of 1 + x: visual is pulled with weight x, audio loosened with x.
    output = Output(torch.zeros(2, 2), {"logits:audio": AUDIO, "logits:visual": VISUAL})
    terms, x = model.losses(output, batch), NEAR / FAR - 1
    assert set(terms) == {"supervised", "pmr:prototypes", "pmr:entropy"}
    assert float(terms["supervised"]) == pytest.approx(math.log(2))
    assert float(terms["pmr:prototypes"]) == pytest.approx(-2.0 * x * math.log(FAR), rel=1e-4)
    assert float(terms["pmr:entropy"]) == pytest.approx(-0.5 * x * entropy(NEAR), rel=1e-4)


def test_a_weight_stops_at_one(draw):
    model = build(alpha=1.0)
    model.prototypes, model.seen = PROTOTYPES, SEEN
    batch = replace(draw(TASK, 2), labels=LABELS)
    # Visual stands at the wrong prototypes: its true class has 1 / (1 + e^5), rho is over 2.
    output = Output(torch.zeros(2, 2), {"logits:audio": AUDIO, "logits:visual": AUDIO.flip(0)})
    terms = model.losses(output, batch)
    assert float(terms["pmr:prototypes"]) == pytest.approx(-math.log(1 - NEAR), rel=1e-4)
    assert float(terms["pmr:entropy"]) == pytest.approx(-0.1 * entropy(NEAR), rel=1e-3)


def test_prototypes_move_once_a_step_and_only_in_training(draw):
    model, batch = build(early=1), draw(TASK, 6)
    chance = torch.Generator()

    def losses():
        return model.losses(model(batch), batch)

    assert model.corrupt(batch, chance) is batch
    for _ in range(2):
        terms = losses()
        assert float(terms["pmr:prototypes"].detach()) == 0.0
        assert "pmr:entropy" in terms
    assert not model.seen.any()
    z = model(batch).auxiliary["logits:audio"].detach()
    model.corrupt(batch, chance)
    torch.testing.assert_close(model.prototypes[0, 0], z[batch.labels == 0].mean(0))
    kept = model.prototypes
    model.corrupt(batch, chance)
    assert model.prototypes is kept
    model.eval()
    losses()
    model.corrupt(batch, chance)
    assert model.prototypes is kept
    assert "pmr:entropy" not in losses()
    assert not [name for name in model.state_dict() if not name.startswith("inner.")]


def test_only_examples_with_label_and_modality_make_prototypes(draw):
    model, batch = build(), draw(TASK, 6)
    batch = batch.without("audio", torch.arange(6) < 2)
    batch = replace(batch, labelled=torch.arange(6) < 4, labels=batch.labels.clamp(max=1))
    model.losses(model(batch), batch)
    z = model(batch).auxiliary
    model.corrupt(batch, torch.Generator())
    for i, name in enumerate(TASK.names):
        for k in range(2):
            members = (batch.labels == k) & batch.labelled & batch.present[name]
            expected = z[f"logits:{name}"][members].mean(0).detach()
            torch.testing.assert_close(model.prototypes[i, k], expected)


def test_regression_is_refused_in_one_line():
    task = Task(TASK.modalities, ("arousal",), "regression")
    with pytest.raises(UserError, match="pmr: a regression has no classes"):
        build(task)
