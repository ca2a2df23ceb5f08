from dataclasses import replace

import pytest
import torch
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.blocks.contrastive import symile
from fusemark.methods.blocks.prompts import RoutedPrompts
from fusemark.methods.unillm import UniLLM

TASK = Task({"audio": Modality((5,), 6), "visual": Modality((3,), 9)}, ("a", "b", "c"))
SIZE = {"width": 8, "layers": 1, "heads": 2, "dropout": 0.0}


def build(task=TASK, **settings):
    torch.manual_seed(0)
    return UniLLM(task, UniLLM.Config(**SIZE, **settings)).train()


def step(model, batch, chance):
    """One training step's hooks, without the update; returns the batch's losses."""
    batch = model.corrupt(batch, chance)
    terms = model.losses(model(batch), batch)
    model.zero_grad(set_to_none=True)
    model.backward(terms, list(model.parameters()))
    return terms


def flat(model, loss):
    parameters = list(model.parameters())
    slopes = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    pairs = zip(slopes, parameters, strict=True)
    return torch.cat(
        [torch.zeros_like(p).flatten() if s is None else s.flatten() for s, p in pairs]
    )


def test_prompts_are_the_routers_mixture_of_the_best():
    torch.manual_seed(0)
    routed = RoutedPrompts(5, 2, 3, tasks=4, modalities=2, width=6)
    tasks = torch.tensor([0, 3, 1])
    presence = torch.tensor([[True, True], [False, True], [True, False]])
    pooled = torch.randn(3, 6)
    mixed, weights = routed(tasks, presence, pooled)
    for b in range(3):
        features = torch.cat([routed.tasks.weight[tasks[b]], presence[b].float(), pooled[b]])
        p = (routed.router.weight @ features + routed.router.bias).softmax(0)
        torch.testing.assert_close(weights[b], p)
        best = p.argsort(descending=True)[:2]
        torch.testing.assert_close(mixed[b], sum(p[i] * routed.prompts[i] for i in best))


def test_task_presence_and_input_each_move_the_routing(draw):
    model, batch = build(tasks=2).eval(), draw(TASK)
    before = model(batch).auxiliary["routing"]
    changed = {
        "task": replace(batch, tasks=torch.ones_like(batch.tasks)),
        "presence": batch.without("audio"),
        "input": batch.with_values("visual", -batch.values["visual"]),
    }
    for other in changed.values():
        assert not torch.allclose(model(other).auxiliary["routing"], before)


def test_alignment_is_over_examples_with_both_modalities(draw):
    model, batch = build(align=0.5), draw(TASK, 5)
    batch = batch.without("visual", torch.arange(5) == 2)
    rest = batch.map(lambda tensor: tensor[torch.tensor([0, 1, 3, 4])])
    output = model(rest)
    parts = [output.auxiliary[name] for name in TASK.names]
    everyone = torch.ones(4, dtype=torch.bool)
    expected = 0.5 * symile(parts, model.log_scale.exp(), everyone)
    found = model.losses(model(batch), batch)["alignment"]
    torch.testing.assert_close(found, expected)


def test_the_private_residual_is_not_aligned_and_reaches_the_answer(draw):
    model, batch = build(), draw(TASK)
    output = model(batch)
    alignment = model.losses(output, batch)["alignment"]
    weights = [model.private["audio"].weight, model.shared["audio"].weight]
    slopes = torch.autograd.grad(alignment, weights, retain_graph=True, allow_unused=True)
    assert slopes[0] is None
    assert (slopes[1] != 0).any()
    (slope,) = torch.autograd.grad(output.logits.square().sum(), weights[:1])
    assert (slope != 0).any()


def test_the_memory_holds_past_batches_as_they_were_trained_on(draw):
    model, chance = build(memory=4, replayed=2), torch.Generator().manual_seed(0)
    first = draw(TASK, 3).without("audio", torch.arange(3) == 0)
    terms = step(model, first, chance)
    assert set(terms) == {"supervised", "alignment"}
    terms = step(model, draw(TASK, 3, seed=1), chance)
    assert set(terms) == {"supervised", "alignment", "replay:11", "replay:01"}
    assert [one.examples.tolist() for one in model.memory.kept[(False, True)]] == [[0]]
    assert [one.examples.tolist() for one in model.memory.kept[(True, True)]] == [[1], [2]]


def test_a_strategy_around_it_fills_the_memory_with_what_it_corrupted(draw):
    recipe = parse("unillm+moddrop")
    model = recipe.build(TASK, recipe.resolve("small", {"moddrop.rate": 0.5})).train()
    chance = torch.Generator().manual_seed(0)
    for seed in range(2):
        step(model, draw(TASK, 16, seed=seed), chance)
    assert set(model.inner.memory.kept) == {(True, True), (True, False), (False, True)}


def test_gradients_are_the_shortest_combination_of_the_batch_and_the_memory(draw):
    model, chance = build(memory=8, replayed=8), torch.Generator().manual_seed(0)
    step(model, draw(TASK, 8, seed=1), chance)
    batch = model.corrupt(draw(TASK, 8, seed=2), chance)
    terms = model.losses(model(batch), batch)
    g = flat(model, terms["supervised"] + terms["alignment"]).double()
    h = flat(model, terms["replay:11"]).double()
    model.zero_grad(set_to_none=True)
    model.backward(terms, list(model.parameters()))
    found = torch.cat([p.grad.flatten() for p in model.parameters()]).double()
    share = ((g - h) @ g / (g - h).square().sum()).clamp(0, 1)
    torch.testing.assert_close(found, (1 - share) * g + share * h, rtol=1e-4, atol=1e-7)
    for slope in (g, h):
        assert found @ slope >= found @ found - 1e-6


def test_without_replay_gradients_are_those_of_the_sum(draw):
    model, chance = build(replayed=0), torch.Generator().manual_seed(0)
    for seed in range(2):
        terms = step(model, draw(TASK, 4, seed=seed), chance)
    assert set(terms) == {"supervised", "alignment"}
    assert not model.memory.kept
    expected = flat(model, sum(model.losses(model(batch := draw(TASK, 4, seed=1)), batch).values()))
    found = torch.cat([p.grad.flatten() for p in model.parameters()])
    torch.testing.assert_close(found, expected)


def test_the_memory_enters_no_prediction_and_no_file(draw):
    model, other, batch = build(), build(), draw(TASK)
    for seed in range(2):
        step(model, draw(TASK, 6, seed=seed), torch.Generator())
    assert model.memory.kept
    assert model.state_dict().keys() == other.state_dict().keys()
    for name, tensor in other.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)
    assert torch.equal(model.eval()(batch).logits, other.eval()(batch).logits)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"active": 4, "pool": 2}, "unillm: active 4 exceeds the pool of 2 prompts"),
        ({"backbone": "no/such"}, "backbone 'no/such' is not a folder; expected a pretrained"),
    ],
)
def test_impossible_settings_are_one_line(setting, message):
    recipe = parse("unillm")
    with pytest.raises(UserError, match=message) as raised:
        recipe.build(TASK, recipe.resolve("small", {f"unillm.{n}": v for n, v in setting.items()}))
    assert "\n" not in str(raised.value)
