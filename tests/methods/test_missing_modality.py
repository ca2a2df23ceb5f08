import pytest
import torch
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.crop import Crop
from fusemark.methods.late_concat import LateConcat
from fusemark.methods.missing_modality import MissingModality

TASK = Task({"audio": Modality((2,), 20), "visual": Modality((3,), 30)}, ("a", "b"))
SIZE = {"width": 8, "layers": 1, "heads": 2}


def wrap(task=TASK, inner=None, **settings):
    inner = inner or LateConcat(task, LateConcat.Config(**SIZE))
    return MissingModality(inner, MissingModality.Config(**settings))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def within_four_deviations(hits, rate):
    count = hits.numel()
    return abs(float(hits.double().mean()) - rate) < 4 * (rate * (1 - rate) / count) ** 0.5


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_clips_are_lost_at_the_rate_and_nothing_else_changes(draw, rate):
    batch = draw(TASK, 2000)
    found = wrap(level="clip", rate=rate).corrupt(batch, generator())
    assert within_four_deviations(~found.present["visual"], rate)
    assert found.present["audio"].all()
    assert (found.visible("visual")[~found.present["visual"]] == 0).all()
    kept = found.present["visual"]
    assert torch.equal(found.visible("visual")[kept], batch.visible("visual")[kept])
    assert found.values["audio"] is batch.values["audio"]
    assert found.lengths is batch.lengths


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_frames_are_lost_at_the_rate_each_for_itself(draw, rate):
    batch = draw(TASK, 1000)
    found = wrap(level="frame", rate=rate).corrupt(batch, generator())
    lost = (found.values["visual"] == 0).all(-1)
    assert within_four_deviations(lost[batch.mask("visual")], rate)
    both = lost[:, 1:] & lost[:, :-1]
    assert within_four_deviations(both[:, ::2], rate**2)
    torch.testing.assert_close(found.values["visual"][~lost], batch.values["visual"][~lost])
    assert found.values["audio"] is batch.values["audio"]
    assert found.present is batch.present
    assert found.lengths is batch.lengths


def test_named_modalities_are_drawn_independently(draw):
    batch = draw(TASK, 4000)
    names = ("audio", "visual")
    found = wrap(level="clip", rate=0.5, modalities=names).corrupt(batch, generator())
    assert within_four_deviations(~found.present["audio"] & ~found.present["visual"], 0.25)


def test_default_is_visual_or_else_the_last_modality():
    first = Task({"visual": Modality((2,), 20), "audio": Modality((3,), 30)}, ("a", "b"))
    sensors = Task({"inertial": Modality((2,), 20), "skeleton": Modality((3,), 30)}, ("a", "b"))
    assert wrap(first).ablated == ("visual",)
    assert wrap(sensors).ablated == ("skeleton",)


@pytest.mark.parametrize("level", ["clip", "frame"])
def test_the_generator_alone_decides(draw, level):
    batch, model = draw(TASK, 50), wrap(level=level)
    first, again, other = (model.corrupt(batch, generator(s)).visible("visual") for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_evaluation_predicts_as_the_wrapped_method(draw):
    model, batch = wrap().eval(), draw(TASK)
    assert torch.equal(model(batch).logits, model.inner(batch).logits)


def test_the_wrapped_method_corrupts_first(draw):
    inner = Crop(TASK, Crop.Config(**SIZE, excerpt=4))
    batch = draw(TASK, 8)
    found = wrap(inner=inner, level="frame", rate=0.5).corrupt(batch, generator(5))
    chance = generator(5)
    cropped = inner.corrupt(batch, chance)
    expected = cropped.values["visual"].masked_fill(
        (torch.rand(8, 4, generator=chance) < 0.5)[..., None], 0.0
    )
    assert torch.equal(found.values["visual"], expected)


def test_unknown_modality_and_impossible_rate_are_one_line():
    recipe = parse("missing-modality")
    for setting, message in (
        ({"modalities": "audio,vision"}, "modality 'vision' is not one of the task's: audio, vis"),
        ({"rate": 1.5}, r"rate 1.5 lies outside \[0, 1\]"),
    ):
        settings = {f"missing-modality.{n}": v for n, v in setting.items()}
        with pytest.raises(UserError, match=message):
            recipe.build(TASK, recipe.resolve("small", settings))
