import itertools

import pytest
import torch
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.late_concat import LateConcat
from fusemark.methods.moddrop import ModDrop
from fusemark.methods.only import Only

TASK = Task({n: Modality((1,), 2) for n in ("audio", "visual", "text")}, ("a", "b"))
SIZE = {"width": 8, "layers": 1, "heads": 2}
COUNT = 20_000


def wrap(task=TASK, inner=None, **settings):
    inner = inner or LateConcat(task, LateConcat.Config(**SIZE))
    return ModDrop(inner, ModDrop.Config(**settings))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def about(hits, rate):
    """Whether a share of independent draws lies within four deviations of its probability."""
    return abs(float(hits.double().mean()) - rate) <= 4 * (rate * (1 - rate) / hits.numel()) ** 0.5


@pytest.mark.parametrize("rates", [(0.3, 0.3, 0.3), (0.1, 0.5, 0.9), (0.0, 0.99, 0.99)])
def test_every_pattern_has_its_chance_and_none_drops_all(draw, rates):
    batch = draw(TASK, COUNT)
    found = wrap(rates=rates).corrupt(batch, generator())
    kept = torch.stack([found.present[name] for name in TASK.names], dim=1)
    assert kept.any(1).all()
    everything = rates[0] * rates[1] * rates[2]
    for pattern in itertools.product((True, False), repeat=3):
        if any(pattern):
            chance = 1.0
            for stays, rate in zip(pattern, rates, strict=True):
                chance *= 1 - rate if stays else rate
            assert about((kept == torch.tensor(pattern)).all(1), chance / (1 - everything))
    for i, rate in enumerate(rates):
        assert about(~kept[:, i], (rate - everything) / (1 - everything))


def test_one_rate_is_that_of_every_modality(draw):
    found = wrap(rate=0.2).corrupt(draw(TASK, COUNT), generator())
    for name in TASK.names:
        assert about(~found.present[name], (0.2 - 0.2**3) / (1 - 0.2**3))


def test_what_an_example_has_not_is_no_part_of_the_draw(draw):
    batch = draw(TASK, COUNT).without("audio")
    batch = batch.without("visual", torch.arange(COUNT) % 2 == 0)
    found = wrap(rate=0.5).corrupt(batch, generator())
    assert not found.present["audio"].any()
    assert found.present["text"][::2].all()
    visual, text = found.present["visual"][1::2], found.present["text"][1::2]
    assert (visual | text).all()
    for kept in (visual, text):
        assert about(~kept, (0.5 - 0.25) / 0.75)
    nothing = batch.without("visual").without("text")
    found = wrap(rate=0.5).corrupt(nothing, generator())
    assert not any(present.any() for present in found.present.values())


def test_values_and_lengths_stay_and_the_generator_alone_decides(draw):
    batch = draw(TASK, 50)
    first, again, other = (wrap().corrupt(batch, generator(s)) for s in (1, 1, 2))
    assert first.values is batch.values
    assert first.lengths is batch.lengths
    for name in TASK.names:
        assert torch.equal(first.present[name], again.present[name])
    assert any(not torch.equal(first.present[n], other.present[n]) for n in TASK.names)


def test_the_only_modality_that_a_method_uses_is_never_dropped(draw):
    inner = Only(TASK, Only.Config(modality="audio", **SIZE))
    found = wrap(inner=inner, rate=0.7).corrupt(draw(TASK, 100), generator())
    assert all(present.all() for present in found.present.values())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"rate": 1.0}, r"rate 1.0 of 'audio' lies outside \[0, 1\)"),
        ({"rates": "0.1,0.2"}, "2 rates for 3 modalities; expected one for each of audio, visual"),
    ],
)
def test_impossible_rates_are_one_line(setting, message):
    recipe = parse("mult+moddrop")
    settings = {f"moddrop.{n}": v for n, v in setting.items()}
    with pytest.raises(UserError, match=message):
        recipe.build(TASK, recipe.resolve("small", settings))
