import pytest
import torch
from fusemark.benchmark.contract import Modality, Task, supervised_loss
from fusemark.benchmark.recipes import parse
from fusemark.methods.mmpareto import pareto

TASK = Task({"audio": Modality((5,), 6), "visual": Modality((3,), 9)}, ("a", "b", "c"))


def moved(joint, alone, gamma=1.5):
    x = torch.tensor([joint, alone], dtype=torch.float64)
    return (pareto(x @ x.T, gamma) @ x).tolist()


def test_gradients_that_agree_are_added():
    # <g, g_m> = 2 > 0: 1.5 (g + g_m).
    assert moved((2.0, 0.0), (1.0, 3.0)) == pytest.approx([4.5, 4.5])


def test_gradients_in_conflict_take_the_direction_of_the_shortest_vector():
    # g = (2, 0), g_m = (-1, 1): <g, g_m> = -2. g - g_m = (3, -1), the shortest vector has weight
    # <g - g_m, g> / 10 = .6 on g_m: h = (.2, .6), of length sqrt(.4), is lengthened to that of
    # g + g_m = (1, 1), by sqrt(2 / .4), then times 1.5.
    expected = [1.5 * 0.2 * 5**0.5, 1.5 * 0.6 * 5**0.5]
    assert moved((2.0, 0.0), (-1.0, 1.0)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(10))
def test_every_pair_keeps_the_length_of_its_sum_and_harms_neither(seed):
    chance = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 4, generator=chance).double() * torch.tensor([[1.0], [3.0]])
    u = pareto(x @ x.T, 1.5) @ x
    assert float(u.norm()) == pytest.approx(1.5 * float(x.sum(0).norm()))
    if x[0] @ x[1] < 0:
        assert (x @ u > 0).all()


def test_exactly_opposite_gradients_leave_nothing():
    assert moved((1.0, -2.0), (-2.0, 4.0)) == pytest.approx([0.0, 0.0])
    assert moved((0.0, 0.0), (0.0, 0.0)) == [0.0, 0.0]


def build(name="late-concat+mmpareto", task=TASK, **settings):
    recipe = parse(name)
    torch.manual_seed(0)
    return recipe.build(task, recipe.resolve("small", {"methods.dropout": 0.0, **settings})).train()


def slopes(loss, model):
    parameters = dict(model.named_parameters())
    found = torch.autograd.grad(
        loss, list(parameters.values()), retain_graph=True, allow_unused=True
    )
    return {n: torch.zeros_like(p) if g is None else g
            for (n, p), g in zip(parameters.items(), found, strict=True)}  # fmt: skip


def check(model, batch):
    """Compare backward with the sums and combinations of separately taken gradients."""
    terms = model.losses(model(batch), batch)
    model.zero_grad(set_to_none=True)
    model.backward(terms, list(model.parameters()))
    found = {n: p.grad for n, p in model.named_parameters()}
    output = model(batch)
    joint = slopes(supervised_loss(output.logits, batch, model.task), model)
    conflicts = []
    for name in TASK.names:
        logits = output.auxiliary[f"logits:{name}"]
        alone = slopes(supervised_loss(logits, batch, model.task), model)
        own = [n for n in found if f"encoders.{name}." in n]
        g = torch.cat([joint[n].flatten() for n in own]).double()
        h = torch.cat([alone[n].flatten() for n in own]).double()
        conflicts.append(bool(g @ h < 0))
        share = ((g - h) @ g / (g - h).square().sum()).clamp(0, 1) if conflicts[-1] else 0.5
        u = (1 - share) * g + share * h
        expected = 1.5 * (g + h).norm() / u.norm() * u
        got = torch.cat([found[n].flatten() for n in own]).double()
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)
        for n in ("inner.head.weight", "inner.head.bias"):
            joint[n] = joint[n] + alone[n]
    for n in ("inner.head.weight", "inner.head.bias"):
        torch.testing.assert_close(found[n], joint[n])
    return conflicts


def test_backward_combines_each_branch_and_sums_the_rest(draw):
    model, conflicts = build(), []
    for seed in range(6):
        conflicts += check(model, draw(TASK, 12, seed))
        # Confident logits of the modalities contradict each other more often.
        torch.nn.init.normal_(model.inner.head.weight, std=3.0)
    assert True in conflicts
    assert False in conflicts


def test_a_modality_learns_alone_only_from_examples_that_have_it(draw):
    model, batch = build(), draw(TASK, 6)
    absent = batch.without("audio", torch.arange(6) < 2)
    loss = model.losses(model(absent), absent)["mmpareto:audio"]
    rest = batch.map(lambda tensor: tensor[2:])
    torch.testing.assert_close(loss, model.losses(model(rest), rest)["mmpareto:audio"])


def test_a_target_of_a_regression_is_each_modalitys_own(draw):
    task = Task(TASK.modalities, ("arousal", "valence"), "regression")
    model, batch = build(task=task), draw(task, 6)
    output = model(batch)
    terms = model.losses(output, batch)
    expected = (output.auxiliary["logits:audio"] - batch.labels).square().mean()
    torch.testing.assert_close(terms["mmpareto:audio"], expected)


def test_an_inner_strategy_shapes_the_joint_gradient_alone(draw):
    model, batch = build("late-concat+ogm-ge+mmpareto", **{"ogm-ge.enhance": False}), draw(TASK, 6)
    model.backward(model.losses(model(batch), batch), list(model.parameters()))
    found = {n: p.grad.clone() for n, p in model.named_parameters()}
    modulated = model.inner
    modulated.zero_grad(set_to_none=True)
    modulated.backward(modulated.losses(modulated(batch), batch), list(modulated.parameters()))
    for name in TASK.names:
        own = [n for n, _ in modulated.named_parameters() if f"encoders.{name}." in n]
        joint = [dict(modulated.named_parameters())[n].grad for n in own]
        loss = model.losses(model(batch), batch)[f"mmpareto:{name}"]
        alone = [slopes(loss, model)[f"inner.{n}"] for n in own]
        g, h = (torch.cat([s.flatten() for s in part]).double() for part in (joint, alone))
        weights = pareto(torch.stack([g, h]) @ torch.stack([g, h]).T, 1.5)
        got = torch.cat([found[f"inner.{n}"].flatten() for n in own]).double()
        torch.testing.assert_close(got, weights @ torch.stack([g, h]), rtol=1e-4, atol=1e-7)
