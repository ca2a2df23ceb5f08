from dataclasses import replace

import pytest
import torch
from fusemark.benchmark.contract import Batch, Modality, Task
from fusemark.benchmark.recipes import parse
from fusemark.methods.auxformer import AuxFormer
from fusemark.methods.blocks.ladder import EPSILON, Combinator
from fusemark.methods.ladder import LEVELS, CleanPath, Ladder, NoisyPath, without_dropout

SHAPES = {"audio": Modality((8,), 9), "visual": Modality((5,), 7), "text": Modality((3,), 4)}
TINY = {"width": 8, "layers": 1, "heads": 2, "hidden": 6}
STILL = {
    "attention_dropout": 0.0,
    "relu_dropout": 0.0,
    "residual_dropout": 0.0,
    "embedding_dropout": 0.0,
    "output_dropout": 0.0,
    "noise": 0.0,
}
DRY = {name: rate for name, rate in STILL.items() if name != "noise"}


def task(count=2, kind="classification"):
    return Task(dict(list(SHAPES.items())[:count]), ("a", "b", "c"), kind)


def draw(task, size=5, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    values, lengths = {}, {}
    for name, modality in task.modalities.items():
        most = modality.max_length
        lengths[name] = torch.randint(1, most + 1, (size,), generator=generator)
        values[name] = torch.randn(size, most, *modality.shape, generator=generator, dtype=dtype)
    index = torch.arange(size)
    real = torch.randn(size, len(task.outputs), generator=generator, dtype=dtype)
    return Batch(
        values=values,
        lengths=lengths,
        present={n: torch.ones(size, dtype=torch.bool) for n in task.names},
        labels=index % 3 if task.kind == "classification" else real,
        labelled=torch.ones(size, dtype=torch.bool),
        examples=index,
        groups=index,
        tasks=torch.zeros_like(index),
    )


def build(count=2, seed=0, kind="classification", **settings):
    torch.manual_seed(seed)
    return Ladder(task(count, kind), Ladder.Config(**TINY, **settings)).double().train()


def paths(model, batch, seed=0):
    """Both paths of a training step, and the corrupted one's logits."""
    torch.manual_seed(seed)
    clean, noisy = CleanPath(batch), NoisyPath(batch, model.config.noise)
    with without_dropout(model):
        model.predictions(batch, clean.visit)
    return clean, noisy, model.predictions(batch, noisy.visit)


def costs(model, batch, seed=0):
    """By (stack, target) the costs (levels, sources)."""
    found = model.costs(batch, *paths(model, batch, seed))
    return {(stack, target): value for stack, target, value in found}


def losses(model, batch, seed=0):
    torch.manual_seed(seed)
    return model.losses(model(batch), batch)


def stir(model, seed=1):
    """Move every combinator away from its first state, where most slopes are zero."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for combinator in model.modules():
            if isinstance(combinator, Combinator):
                combinator.vectors.add_(0.3 * torch.randn_like(combinator.vectors))
    return model


def test_noise_is_relative_to_the_batch_normalised_layer():
    batch = draw(Task({"audio": Modality((8,), 50)}, ("a", "b")), size=200)
    hidden = 7.0 * torch.randn(200, 50, 8, dtype=torch.float64) + 3.0
    path = NoisyPath(batch, 0.3)
    sent = path.visit("fused", "audio", hidden)
    assert float((sent - hidden).std()) == pytest.approx(0.3 * 7.0, rel=0.01)
    kept = path.layers["fused", "audio"][0][batch.mask("audio").flatten()]
    assert float(kept.var()) == pytest.approx(1 + 0.3**2, rel=0.02)


def test_costs_at_the_published_start():
    model = build(3)
    batch = draw(model.task)
    clean, *_ = paths(model, batch)
    for (stack, target), found in costs(model, batch).items():
        valid = batch.mask(target).flatten()
        assert found.shape == (LEVELS[stack], 3)
        for level, layer in enumerate(clean.layers[stack, target]):
            h = layer.hidden[valid]
            m, s = h.mean(0), h.var(0, correction=0)
            z = (h - m) / (s + EPSILON).sqrt()
            expected = ((-m / (s + EPSILON).sqrt() - z) ** 2).mean()
            torch.testing.assert_close(found[level], expected.expand(3))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_costs_vanish_without_noise_under_the_exact_combinator(count):
    model = build(count, **STILL)
    batch = draw(model.task)
    clean, *_ = paths(model, batch)
    with torch.no_grad():
        for (stack, target), layers in clean.layers.items():
            decoder = model.decoders[f"{stack}:{target}"]
            for layer, combinator in zip(layers, decoder.combinators, strict=True):
                combinator.vectors.zero_()
                # z_hat = a10 z + a5 (1 - a10), and so sqrt(s + eps) z + m.
                combinator.vectors[9, 0] = layer.deviation
                combinator.vectors[4, 0] = layer.mean / (1 - layer.deviation)
    for found in costs(model, batch).values():
        assert float(found[:, 0].detach().max()) < 1e-10
        assert count == 1 or float(found[:, 1:].detach().min()) > 1e-3


def test_clean_path_is_auxformers_and_the_corrupted_one_its_training():
    backbone = AuxFormer(task(), AuxFormer.Config(**TINY)).double()
    model = build(**STILL)
    model.load_state_dict(backbone.state_dict(), strict=False)
    batch = draw(model.task)
    expected = backbone.eval()(batch)
    assert torch.equal(model.eval()(batch).logits, expected.logits)
    trained = model.train()(batch)
    assert torch.equal(trained.logits, expected.logits)
    for name, logits in expected.auxiliary.items():
        assert torch.equal(trained.auxiliary[name], logits)
    noisy = build(**DRY)
    noisy.load_state_dict(backbone.state_dict(), strict=False)
    found = noisy(batch)
    assert torch.equal(found.logits, expected.logits)
    assert not torch.allclose(found.auxiliary["main"], expected.auxiliary["main"])


def test_prediction_and_clean_layers_have_no_dropout():
    model = build()
    batch = draw(model.task)
    assert torch.equal(model(batch).logits, model(batch).logits)
    assert all(part.training for part in model.modules())
    assert torch.equal(model(batch).logits, model.eval()(batch).logits)


def test_dropout_comes_back_after_a_failure():
    model = build()
    model.head.weight.data = model.head.weight.data[:, :-1]
    with pytest.raises(RuntimeError):
        model(draw(model.task))
    assert all(part.training for part in model.modules())


def test_loss_is_the_published_sum_over_levels_and_pairs():
    lambdas = (3.0, 0.5)
    model = stir(build(3, denoising=lambdas))
    batch = draw(model.task)
    found = losses(model, batch)
    own = cross = 0.0
    for (stack, target), each in costs(model, batch).items():
        sources = (target, *(n for n in model.task.names if n != target))
        for level in range(LEVELS[stack]):
            weight = lambdas[0] if level == 0 else lambdas[1]
            for source, value in zip(sources, each[level], strict=True):
                own = own + weight * value / 3 * (source == target)
                cross = cross + weight * value / 6 * (source != target)
    assert sorted(found) == ["denoising:cross", "denoising:own", "supervised"]
    torch.testing.assert_close(found["denoising:own"], own)
    torch.testing.assert_close(found["denoising:cross"], cross)


def test_supervised_loss_is_the_corrupted_paths():
    model = build(**DRY)
    batch = draw(model.task)
    _, _, logits = paths(model, batch)
    each = [torch.nn.functional.cross_entropy(y, batch.labels) for y in logits.values()]
    torch.testing.assert_close(losses(model, batch)["supervised"], sum(each) / 3)


def test_examples_without_labels_give_the_denoising_costs_alone():
    model = stir(build(**DRY))
    batch = draw(model.task)
    bare = replace(batch, labelled=torch.zeros(5, dtype=torch.bool))
    found, expected = losses(model, bare), losses(model, batch)
    assert found["supervised"].item() == 0.0
    for name in ("denoising:own", "denoising:cross"):
        assert torch.equal(found[name], expected[name])


# Ablations


def registered(name, **settings):
    recipe = parse(name)
    chosen = {f"methods.{key}": value for key, value in {**TINY, **settings}.items()}
    torch.manual_seed(0)
    return recipe.build(task(), recipe.resolve("paper", chosen)).double().train()


@pytest.mark.parametrize(
    ("name", "kept", "route"),
    [("ladder-no-cross", "denoising:own", 0), ("ladder-no-modality", "denoising:cross", 1)],
)
def test_an_ablation_switches_off_exactly_its_own_terms(name, kept, route):
    whole, part = stir(registered("ladder")), registered(name)
    state = whole.state_dict()
    for key, tensor in part.state_dict().items():
        if key.endswith("vectors"):
            tensor.copy_(state[key][:, route : route + 1])
        elif "maps" in key:
            tensor.copy_(state[key][route : route + 1])
        else:
            tensor.copy_(state[key])
    batch = draw(whole.task)
    full, found = losses(whole, batch), losses(part, batch)
    assert sorted(found) == sorted(["supervised", kept])
    torch.testing.assert_close(found["supervised"], full["supervised"], rtol=0, atol=0)
    torch.testing.assert_close(found[kept], full[kept])

    # The ladder that is left has slopes at its own route alone, which the ablation's equal.
    whole.zero_grad()
    full[kept].backward()
    found[kept].backward()
    slopes = dict(part.named_parameters())
    for key, parameter in whole.named_parameters():
        slope = parameter.grad
        if "decoders" in key:
            axis = 1 if key.endswith("vectors") else 0
            assert not slope.select(axis, 1 - route).any()
            slope = slope.select(axis, route).unsqueeze(axis)
        other = slopes[key].grad
        assert (slope is None) == (other is None)
        if slope is not None:
            torch.testing.assert_close(slope, other)


def test_without_cross_ladder_a_unimodal_stack_sees_no_other_modality():
    for name, seen in (("ladder-no-cross", False), ("ladder", True)):
        model = stir(registered(name))
        batch = draw(model.task)
        visual = batch.values["visual"].requires_grad_()
        value = costs(model, batch)["unimodal", "audio"].sum()
        (slope,) = torch.autograd.grad(value, [visual], allow_unused=True)
        assert (slope is not None and bool(slope.any())) is seen


def test_ladder_none_is_auxformer():
    none, backbone = registered("ladder-none"), registered("auxformer")
    assert list(none.state_dict()) == list(backbone.state_dict())
    for key, tensor in none.state_dict().items():
        assert torch.equal(tensor, backbone.state_dict()[key])
    batch = draw(none.task)
    assert torch.equal(none.eval()(batch).logits, backbone.eval()(batch).logits)
    none.train(), backbone.train()
    found, expected = losses(none, batch), losses(backbone, batch)
    assert list(found) == ["supervised"]
    assert torch.equal(found["supervised"], expected["supervised"])


# What must not be seen


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30])
def test_padding_changes_no_cost(garbage):
    model = stir(build(3))
    batch = draw(model.task)
    filled = batch
    for name in model.task.names:
        beyond = ~batch.mask(name)[..., None]
        filled = filled.with_values(name, batch.values[name].masked_fill(beyond, garbage))
    expected, found = losses(model, batch), losses(model, filled)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_longer_padding_changes_no_cost():
    model = stir(build(3, **STILL))
    batch = draw(model.task)
    longer = batch
    for name, values in batch.values.items():
        longer = longer.with_values(name, torch.nn.functional.pad(values, (0, 0, 0, 4), value=5.0))
    expected, found = losses(model, batch), losses(model, longer)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def test_absent_examples_are_neither_reconstructed_nor_used():
    model = stir(build(**STILL))
    batch = draw(model.task)
    deaf = torch.tensor([False, True, False, False, True])
    partly = costs(model, batch.without("audio", deaf))
    rest = costs(model, batch.map(lambda tensor: tensor[~deaf]))
    whole = costs(model, batch)
    # Audio's own unimodal ladder is as if those examples were not there, visual's as if they were.
    audio, visual = ("unimodal", "audio"), ("unimodal", "visual")
    torch.testing.assert_close(partly[audio][:, 0], rest[audio][:, 0])
    torch.testing.assert_close(partly[visual][:, 0], whole[visual][:, 0])
    gone = costs(model, batch.without("audio"))
    assert not gone["unimodal", "audio"].any()
    assert not gone["fused", "audio"].any()
    assert not gone["fused", "visual"][:, 1].any()
    assert gone["fused", "visual"][:, 0].all()


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("training", [True, False])
def test_reads_shapes_alone(kind, training):
    with torch.device("meta"):
        model = Ladder(task(3, kind), Ladder.Config(**TINY)).train(training)
    batch = draw(model.task, dtype=torch.float32).to("meta")
    output = model(batch)
    assert output.logits.shape == (5, 3)
    terms = model.losses(output, batch)
    assert len(terms) == (3 if training else 1)
    assert all(term.shape == () for term in terms.values())


@pytest.mark.parametrize(("kind", "alike"), [("regression", True), ("classification", False)])
def test_ladders_stand_under_predicted_targets_or_the_softmax(kind, alike):
    model = stir(build(kind=kind, **STILL))
    batch = draw(model.task)
    clean, noisy, logits = paths(model, batch)
    # Batch normalisation takes a common shift out of targets; a softmax bends under it.
    shift = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    shifted = {n: y + shift for n, y in logits.items()}
    first, second = (
        torch.cat([each.flatten() for *_, each in model.costs(batch, clean, noisy, top)])
        for top in (logits, shifted)
    )
    assert torch.allclose(first, second, rtol=1e-7) is alike


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="noise"):
        Ladder.Config(noise=-1.0)
    with pytest.raises(ValueError, match="denoising"):
        Ladder.Config(denoising=(1.0, -1.0))
    with pytest.raises(ValueError, match="modality_drop"):
        Ladder.Config(modality_drop=2.0)
