import pytest
import torch
from fusemark.benchmark.contract import Modality, Task
from fusemark.methods.gmu import GatedMultimodal, GatedUnit

SHAPES = {"audio": Modality((5,), 6), "visual": Modality((3,), 9), "text": Modality((4,), 4)}


def task(count):
    return Task(dict(list(SHAPES.items())[:count]), ("a", "b", "c", "d"))


def unit(count, width=4):
    torch.manual_seed(0)
    vectors = [torch.randn(3, width) for _ in range(count)]
    return GatedUnit(width, count), vectors, [torch.ones(3, dtype=torch.bool)] * count


def sigmoid(x):
    return 1 / (1 + (-x).exp())


def hidden(gated, vectors):
    return [(x @ layer.weight.T).tanh() for layer, x in zip(gated.hidden, vectors, strict=True)]


def saturate(gated, vectors, gates):
    """Set weights at which every number of these gates is exactly 1 or 0 for the first example."""
    x = torch.cat([v[0] for v in vectors])
    with torch.no_grad():
        for i, value in enumerate(gates):
            rows = slice(i * len(vectors[0][0]), (i + 1) * len(vectors[0][0]))
            gated.gates.weight[rows] = (1e4 if value else -1e4) * x / x.square().sum()


def test_bimodal_unit_shares_one_gate():
    gated, vectors, present = unit(2)
    first, second = hidden(gated, vectors)
    z = sigmoid(torch.cat(vectors, 1) @ gated.gates.weight.T)
    torch.testing.assert_close(gated(vectors, present), z * first + (1 - z) * second)
    assert gated.gates.weight.shape == (4, 8)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_general_unit_has_a_gate_for_each_modality(count):
    gated, vectors, present = unit(count)
    x = torch.cat(vectors, 1)
    expected = sum(
        sigmoid(x @ gated.gates.weight[4 * m : 4 * m + 4].T) * h
        for m, h in enumerate(hidden(gated, vectors))
    )
    torch.testing.assert_close(gated(vectors, present), expected)


@pytest.mark.parametrize("open_", [True, False])
def test_a_saturated_bimodal_gate_selects_one_modality(open_):
    gated, vectors, present = unit(2)
    saturate(gated, vectors, [open_])
    expected = hidden(gated, vectors)[0 if open_ else 1][0]
    torch.testing.assert_close(gated(vectors, present)[0], expected, rtol=0, atol=0)


@pytest.mark.parametrize("chosen", range(3))
def test_saturated_gates_select_one_of_three_modalities(chosen):
    gated, vectors, present = unit(3)
    saturate(gated, vectors, [m == chosen for m in range(3)])
    expected = hidden(gated, vectors)[chosen][0]
    torch.testing.assert_close(gated(vectors, present)[0], expected, rtol=0, atol=0)


def test_the_gate_opens_for_the_modality_that_is_present(draw):
    torch.manual_seed(0)
    model = GatedMultimodal(task(2), GatedMultimodal.Config(width=8, layers=1, heads=2)).eval()
    batch, seen = draw(model.task), []
    model.unit.register_forward_hook(lambda _, inputs, output: seen.append(output))
    for absent, other in (("visual", "audio"), ("audio", "visual")):
        model(batch.without(absent))
        x = model.encoders[other](batch, other)
        layer = model.unit.hidden[model.task.names.index(other)]
        torch.testing.assert_close(seen[-1], (x @ layer.weight.T).tanh())
    model(batch.without("audio").without("visual"))
    assert torch.equal(seen[-1], torch.zeros_like(seen[-1]))


def test_an_absent_one_of_three_modalities_adds_nothing(draw):
    torch.manual_seed(0)
    model = GatedMultimodal(task(3), GatedMultimodal.Config(width=8, layers=1, heads=2)).eval()
    batch, seen = draw(model.task), []
    model.unit.register_forward_hook(lambda _, inputs, output: seen.append(output))
    model(batch.without("visual"))
    audio, text = (model.encoders[name](batch, name) for name in ("audio", "text"))
    gate = sigmoid(torch.cat([audio, torch.zeros_like(audio), text], 1) @ model.unit.gates.weight.T)
    first, _, third = hidden(model.unit, [audio, audio, text])
    torch.testing.assert_close(seen[0], gate[:, :8] * first + gate[:, 16:] * third)
