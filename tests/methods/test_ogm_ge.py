import math
import sys

import pytest
import torch
from fusemark.benchmark.cli import main
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.ogm_ge import modulation

SHAPES = {"audio": Modality((5,), 6), "visual": Modality((3,), 9), "text": Modality((4,), 4)}
TASK = Task(dict(list(SHAPES.items())[:2]), ("a", "b"))
LABELS = torch.tensor([0, 1])
# Probabilities of the true class: audio .8 and .9, visual .5 and .35.
AUDIO = torch.tensor([[0.8, 0.2], [0.1, 0.9]]).log()
VISUAL = torch.tensor([[0.5, 0.5], [0.65, 0.35]]).log()
BOTH = torch.ones(2, 2, dtype=torch.bool)


def test_coefficients_of_a_hand_worked_example():
    # s = 1.7 and .85, so that rho = 2 and 1/2.
    found = modulation(torch.stack([AUDIO, VISUAL]), LABELS, BOTH, alpha=0.8)
    assert found.tolist() == pytest.approx([1 - math.tanh(1.6), 1.0])
    assert found[0] == pytest.approx(0.0783, abs=1e-4)
    assert modulation(torch.stack([AUDIO, AUDIO]), LABELS, BOTH, alpha=0.8).tolist() == [1, 1]


def test_of_three_each_is_compared_with_the_mean_of_the_others():
    third = torch.tensor([[0.3, 0.7], [0.5, 0.5]]).log()
    logits, everyone = torch.stack([AUDIO, VISUAL, third]), torch.ones(3, 2, dtype=torch.bool)
    found = modulation(logits, LABELS, everyone, alpha=0.5)
    assert found.tolist() == pytest.approx([1 - math.tanh(0.5 * 1.7 / 0.825), 1.0, 1.0])


def test_only_examples_with_label_and_modality_count():
    counted = torch.tensor([[True, False], [True, True]])
    found = modulation(torch.stack([AUDIO, VISUAL]), LABELS, counted, alpha=0.8)
    assert found.tolist() == pytest.approx([1 - math.tanh(0.8 * 0.8 / 0.425), 1.0])
    for nobody in (torch.zeros_like(BOTH), torch.tensor([[True, True], [False, False]])):
        found = modulation(torch.stack([AUDIO, VISUAL]), LABELS, nobody, alpha=0.8)
        assert found.tolist() == [1, 1]


def build(task=TASK, **settings):
    recipe = parse("late-concat+ogm-ge")
    settings = {f"ogm-ge.{n}": v for n, v in settings.items()}
    torch.manual_seed(0)
    return recipe.build(task, recipe.resolve("small", {"methods.dropout": 0.0, **settings}))


def gradients(model, batch):
    parameters = dict(model.named_parameters())
    model.zero_grad(set_to_none=True)
    model.backward(model.losses(model(batch), batch), list(parameters.values()))
    return {name: parameter.grad for name, parameter in parameters.items()}


def test_gradients_of_the_modality_ahead_are_scaled_and_no_others(draw):
    model, batch = build(enhance=False).train(), draw(TASK, 16)
    found, plain = gradients(model, batch), gradients(model.inner, batch)
    ahead = {name for name, factor in model.factors.items() if factor < 1}
    assert len(ahead) == 1
    (name,) = ahead
    alone = model(batch).auxiliary
    s = {
        n: alone[f"logits:{n}"].detach().softmax(1)[torch.arange(16), batch.labels].sum()
        for n in TASK.names
    }
    (other,) = set(TASK.names) - ahead
    factor = 1 - math.tanh(0.8 * float(s[name] / s[other]))
    for parameter, slope in found.items():
        expected = plain[parameter.removeprefix("inner.")]
        if f"encoders.{name}." in parameter:
            expected = factor * expected
        torch.testing.assert_close(slope, expected)


def test_noise_has_the_deviation_of_the_gradient_before_scaling(draw):
    model, batch = build().train(), draw(TASK, 8)
    plain = gradients(model.inner, batch)
    draws = []
    for seed in range(60):
        torch.manual_seed(seed)
        draws.append(gradients(model, batch))
    for name, expected in plain.items():
        found = torch.stack([drawn[f"inner.{name}"] for drawn in draws])
        if not name.startswith("encoders."):
            assert torch.equal(found[0], expected)
            continue
        modality = name.split(".")[1]
        noise = found - model.factors[modality] * expected
        deviation = expected.std(correction=0)
        tolerance = 4 * deviation / noise.numel() ** 0.5
        assert noise.mean().abs() <= tolerance
        torch.testing.assert_close(
            noise.std(), deviation, rtol=4 / (2 * noise.numel()) ** 0.5, atol=1e-12
        )


def test_one_modality_alone_is_never_modulated(draw):
    task = Task({"audio": SHAPES["audio"]}, ("a", "b"))
    model, batch = build(task, enhance=False).train(), draw(task)
    found, plain = gradients(model, batch), gradients(model.inner, batch)
    for name, slope in plain.items():
        assert torch.equal(found[f"inner.{name}"], slope)


def test_regression_is_refused_in_one_line():
    task = Task(TASK.modalities, ("arousal",), "regression")
    with pytest.raises(UserError, match="ogm-ge: a regression has no classes"):
        build(task)


@pytest.mark.parametrize("strategy", ["ogm-ge", "pmr", "mmpareto"])
def test_a_method_without_branches_is_one_line_and_exit_code_2(
    strategy, monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    words = f"run --methods mult+{strategy} --datasets simulated:synergy --dry-run"
    monkeypatch.setattr(sys, "argv", ["bench", *words.split()])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert f"strategy '{strategy}' requires a method with branches" in lines[0]
    assert "'mult' has none" in lines[0]
