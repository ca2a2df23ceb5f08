import pytest
import torch
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.blocks.pooling import masked_mean
from fusemark.methods.blocks.unimodal import Unimodal
from fusemark.methods.mag import AdaptationGate, MultimodalAdaptationGate

SHAPES = {"audio": Modality((5,), 6), "visual": Modality((3,), 9), "words": Modality((4,), 4)}
TASK = Task(SHAPES, ("a", "b", "c", "d"))


def build(task=TASK, **settings):
    torch.manual_seed(0)
    settings = {"width": 8, "layers": 2, "heads": 2, **settings}
    return MultimodalAdaptationGate(task, MultimodalAdaptationGate.Config(**settings)).eval()


def gate(beta=1.0):
    torch.manual_seed(0)
    module = AdaptationGate(6, {"audio": 5, "visual": 3}, beta, 0.0)
    torch.nn.init.normal_(module.bias)
    return (
        module,
        torch.randn(4, 7, 6),
        {"audio": torch.randn(4, 7, 5), "visual": torch.randn(4, 7, 3)},
    )


def normed(x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()


def plain(model, batch):
    """The pivot's transformer alone, step by step, with a LayerNorm where the gate stands."""
    name, encoder, injection = model.pivot, model.encoder, model.config.injection
    mask = batch.mask(name)
    x = encoder.embed(model.stem(batch.visible(name), mask))
    for layer in encoder.layers[:injection]:
        x = layer(x, mask=mask)
    x = normed(x)
    for layer in encoder.layers[injection:]:
        x = layer(x, mask=mask)
    return model.head(masked_mean(encoder.norm(x), mask))


@pytest.mark.parametrize("beta", [0.05, 1.0])
def test_gate_is_its_equations_step_by_step(beta):
    module, z, features = gate(beta)
    found = module(z, features)
    shortened = 0
    for b in range(4):
        for t in range(7):
            step, h = z[b, t], module.bias
            for name, m in features.items():
                linear = module.gates[name]
                opened = (linear.weight @ torch.cat([m[b, t], step]) + linear.bias).clamp(min=0)
                h = h + opened * (module.shifts[name].weight @ m[b, t])
            alpha = min(float((step.norm() / h.norm()).detach()) * beta, 1.0)
            shortened += alpha < 1
            torch.testing.assert_close(found[b, t], normed(step + alpha * h))
    assert shortened > 0


@pytest.mark.parametrize("beta", [0.01, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("scale", [0.0, 1e-9, 1.0, 1e6])
def test_displacement_is_at_most_beta_times_the_step(beta, scale):
    module, z, features = gate(beta)
    features = {name: scale * m for name, m in features.items()}
    with torch.no_grad():
        moved = module.displacement(z, features).norm(dim=-1)
    assert bool((moved <= beta * z.norm(dim=-1) * (1 + 1e-5)).all())
    if scale == 1e6:
        torch.testing.assert_close(moved, beta * z.norm(dim=-1))


def test_a_displacement_of_zero_has_a_finite_gradient():
    module, z, features = gate()
    torch.nn.init.zeros_(module.bias)
    features = {name: torch.zeros_like(m).requires_grad_() for name, m in features.items()}
    z = torch.zeros_like(z).requires_grad_()
    leaves = [z, *features.values(), *module.parameters()]
    slopes = torch.autograd.grad(module(z, features).square().sum(), leaves, allow_unused=True)
    assert all(slope is None or bool(slope.isfinite().all()) for slope in slopes)


@pytest.mark.parametrize("injection", [0, 1, 2])
@pytest.mark.parametrize("how", ["beta", "weights", "absence"])
def test_with_no_displacement_it_is_the_plain_transformer(draw, injection, how):
    model = build(injection=injection, beta=0.0 if how == "beta" else 1.0)
    batch = draw(TASK)
    expected = plain(model, batch)
    assert torch.equal(model.gate.bias, torch.zeros(8))
    if how == "weights":
        with torch.no_grad():
            for shift in model.gate.shifts.values():
                shift.weight.zero_()
    if how == "absence":
        assert not torch.allclose(model(batch).logits, expected, atol=1e-3)
        batch = batch.without("visual").without("words")
    torch.testing.assert_close(model(batch).logits, expected)


def test_a_gate_behind_the_last_layer_displaces_nothing_into_the_unimodal_encoder(draw):
    model, batch = build(injection=2, beta=0.0), draw(TASK)
    encoder = Unimodal(SHAPES["audio"], model.config).eval()
    encoder.stem, encoder.encoder = model.stem, model.encoder
    # A LayerNorm of what is normed already changes it by no more than its epsilon.
    expected = model.head(encoder(batch, "audio"))
    torch.testing.assert_close(model(batch).logits, expected, rtol=0, atol=1e-4)


def test_features_are_heard_at_the_steps_of_the_pivot_that_they_fall_on(draw):
    model = build()
    batch = draw(TASK, 1, lengths={"audio": [3], "visual": [9], "words": [1]})
    visual = batch.values["visual"]
    moved = batch.with_values("visual", torch.cat([visual[:, :6], visual[:, 6:] + 1], 1))
    before, after = (model.features(b, "visual") for b in (batch, moved))
    torch.testing.assert_close(before[0], visual[0].view(3, 3, 3).mean(1))
    torch.testing.assert_close(
        after[0] - before[0], torch.tensor([[0.0], [0.0], [1.0]]).expand(3, 3)
    )
    torch.testing.assert_close(
        model.features(batch, "words")[0], batch.values["words"][0].expand(3, 4)
    )


def test_absent_frames_displace_nothing(draw):
    task = Task({"audio": SHAPES["audio"], "visual": Modality((3, 6, 5), 7)}, ("a", "b"))
    model, batch = build(task), draw(task)
    batch = batch.without("visual")
    assert torch.equal(
        model.features(batch, "visual"), torch.zeros(4, int(batch.lengths["audio"].max()), 8)
    )
    torch.testing.assert_close(model(batch).logits, plain(model, batch))


def test_text_is_the_pivot_then_the_first_modality_then_what_is_set():
    assert build().pivot == "audio"
    assert build(Task({**SHAPES, "text": SHAPES["words"]}, ("a", "b"))).pivot == "text"
    model = build(pivot="visual")
    assert model.pivot == "visual"
    assert set(model.gate.gates) == {"audio", "words"}


def test_mistakes_are_refused_in_one_line():
    with pytest.raises(ValueError, match="pivot 'face' is not one of the task's: audio, visual, w"):
        build(pivot="face")
    with pytest.raises(ValueError, match="injection 3 lies outside 0 to 2, the layers"):
        build(injection=3)
    with pytest.raises(ValueError, match=r"beta -1\.0 is negative"):
        build(beta=-1.0)
    with pytest.raises(UserError, match="'mag' takes 2 or more modalities; corpus has 1: audio"):
        parse("mag").check(TASK.only("audio"), "corpus")
