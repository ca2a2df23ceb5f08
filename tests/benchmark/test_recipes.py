"""From names to configurations to modules, and every way in which a name or a setting is wrong."""

import json
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pytest
import torch
from fusemark.benchmark import Branch, FusionMethod, Output, Task, TrainingStrategy, UserError
from fusemark.benchmark import registry as registries
from fusemark.benchmark.contract import Modality
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.registry import ablation, method, strategy
from torch import nn

TASK = Task({"audio": Modality((7,), 12), "visual": Modality((5,), 9)}, ("yes", "no"))


@pytest.fixture(autouse=True)
def made(monkeypatch):
    """A method with an ablation, one with an argument, two strategies; forgotten after a test."""
    for kept in (registries.methods, registries.strategies):
        kept.load()
        monkeypatch.setattr(kept, "_entries", dict(kept._entries))

    @method("plain", paper="made here")
    class Plain(FusionMethod):
        """Plain."""

        small: ClassVar = {"rates": (0.1, 0.2)}

        @dataclass(frozen=True)
        class Config:
            width: int = 40
            layers: int = 5
            mode: Literal["mean", "last"] = "mean"
            rates: tuple[float, ...] = (0.5,)
            cross: bool = True

        def __init__(self, task, config):
            super().__init__(task, config)
            if config.layers == 13:
                raise ValueError("thirteen layers are one too many")
            self.head = nn.Linear(1, len(task.outputs))

        def forward(self, batch):
            return Output(self.head(batch.visible(self.task.names[0]).mean((1, 2))[:, None]))

    @method("pick", paper="made here", argument="modality", modalities=(2, 3))
    class Pick(FusionMethod):
        """Pick."""

        @dataclass(frozen=True)
        class Config:
            modality: str = ""
            width: int = 40

        def branches(self):
            return {self.config.modality: Branch((), "logits")}

    @strategy("shake", paper="made here", default="plain")
    class Shake(TrainingStrategy):
        """Shake."""

        @dataclass(frozen=True)
        class Config:
            rate: float = field(default=0.5)

    @strategy("balance", paper="made here", default="plain+shake")
    class Balance(TrainingStrategy):
        """Balance."""

        requires = ("branches",)

    ablation("plain-parallel", of="plain", cross=False)


def chain(name):
    recipe = parse(name)
    return recipe.entry.name, recipe.argument, [s.name for s in recipe.strategies]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", ("plain", None, [])),
        ("  plain ", ("plain", None, [])),
        ("pick:audio", ("pick", "audio", [])),
        ("plain+shake", ("plain", None, ["shake"])),
        ("shake(plain)", ("plain", None, ["shake"])),
        ("shake(pick:audio)", ("pick", "audio", ["shake"])),
        ("pick:audio+shake+balance", ("pick", "audio", ["shake", "balance"])),
        ("balance(pick:audio+shake)", ("pick", "audio", ["shake", "balance"])),
        ("balance(shake(pick:audio))", ("pick", "audio", ["shake", "balance"])),
        ("shake", ("plain", None, ["shake"])),
        ("balance", ("plain", None, ["shake", "balance"])),
        ("only:audio", ("only", "audio", [])),
        ("mult+missing-modality", ("mult", None, ["missing-modality"])),
        ("missing-modality(mult)", ("mult", None, ["missing-modality"])),
    ],
)
def test_names(name, expected):
    assert chain(name) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mult+missing-modality", "missing-modality(mult)"),
        ("pick:audio+shake+balance", "balance(shake(pick:audio))"),
    ],
)
def test_two_spellings_are_one_recipe(one, other):
    # The name enters a cell's hash: two spellings must not be trained twice.
    assert parse(one) == parse(other)


def test_a_strategy_alone_wraps_its_default():
    recipe, default = parse("missing-modality"), registries.strategies["missing-modality"].default
    assert recipe.name == "missing-modality"
    assert recipe.entry.name == parse(default).entry.name
    assert recipe.strategies[-1].name == "missing-modality"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plian", "unknown method 'plian'; did you mean 'plain'"),
        ("plain+shaek", "unknown strategy 'shaek'; did you mean 'shake'"),
        ("shaek(plain)", "unknown strategy 'shaek'; did you mean 'shake'"),
        ("shake(plian)", "unknown method 'plian'; did you mean 'plain'"),
        ("", "unknown method ''"),
        ("plain+", "unknown strategy ''"),
        ("+shake", "unknown method ''"),
        ("shake(plain", "unknown method"),
        ("pick", "method 'pick' needs its modality: 'pick:<modality>'"),
        ("pick:", "method 'pick' needs its modality"),
        ("plain:audio", "method 'plain' takes nothing after a colon; got 'audio'"),
        ("plain:", "method 'plain' takes nothing after a colon"),
    ],
)
def test_wrong_names_are_one_line(name, message):
    with pytest.raises(UserError) as error:
        parse(name)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_sizes():
    paper = parse("plain").resolve("paper", {})["plain"]
    assert paper == {"width": 40, "layers": 5, "mode": "mean", "rates": [0.5], "cross": True}
    small = parse("plain").resolve("small", {})["plain"]
    assert small == {"width": 32, "layers": 2, "mode": "mean", "rates": [0.1, 0.2], "cross": True}
    with pytest.raises(UserError, match="unknown size 'medium'; expected one of small, paper"):
        parse("plain").resolve("medium", {})


def width(name, settings, component="plain"):
    return parse(name).resolve("paper", settings)[component]["width"]


def test_the_nearer_scope_wins_whatever_the_order():
    settings = {"methods.width": 1, "plain.width": 2, "plain-parallel.width": 3}
    for given in (settings, dict(reversed(settings.items()))):
        assert width("plain", given) == 2
        assert width("plain-parallel", given, "plain-parallel") == 3
        assert width("pick:audio", given, "pick") == 1


def test_a_parents_setting_reaches_its_ablation():
    assert width("plain-parallel", {"plain.width": 2}, "plain-parallel") == 2


def test_what_an_ablation_fixes_stays_fixed():
    for path in ("methods", "plain", "plain-parallel"):
        resolved = parse("plain-parallel").resolve("paper", {f"{path}.cross": True})
        assert resolved["plain-parallel"]["cross"] is False


def test_an_argument_has_a_scope_of_its_own():
    settings = {"pick.width": 2, "pick:audio.width": 3}
    assert width("pick:audio", settings, "pick") == 3
    assert width("pick:visual", settings, "pick") == 2
    assert parse("pick:audio").resolve("paper", {})["pick"]["modality"] == "audio"


def test_the_methods_settings_reach_it_through_strategies():
    assert width("plain+shake", {"plain.width": 2}) == 2
    assert width("shake", {"plain.width": 2}) == 2
    assert width("pick:audio+shake", {"pick:audio.width": 3}, "pick") == 3


def test_a_strategys_settings_by_its_name_or_by_the_composition():
    def rate(name, settings):
        return parse(name).resolve("paper", settings)["shake"]["rate"]

    everywhere, here = {"shake.rate": 0.1}, {"plain+shake.rate": 0.2}
    assert rate("plain+shake", {}) == 0.5
    assert rate("plain+shake", everywhere) == 0.1
    assert rate("plain+shake", {**here, **everywhere}) == 0.2
    assert rate("pick:audio+shake", {**everywhere, **here}) == 0.1
    assert rate("pick:audio+shake", {"pick:audio+shake.rate": 0.3}) == 0.3
    assert rate("shake", here) == 0.2


def test_settings_for_all_methods_reach_those_that_have_them():
    resolved = parse("pick:audio").resolve("paper", {"methods.layers": 3, "methods.width": 8})
    assert resolved == {"pick": {"modality": "audio", "width": 8}}


def test_text_becomes_values_of_the_fields_types():
    settings = {
        "plain.width": "8",
        "plain.rates": "0.1,0.2",
        "plain.cross": "no",
        "plain.mode": "last",
    }
    found = parse("plain").resolve("paper", settings)["plain"]
    assert found == {"width": 8, "layers": 5, "mode": "last", "rates": [0.1, 0.2], "cross": False}


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("plain", {"plain.widht": 8}, "plain has no setting 'widht'; did you mean 'width'?"),
        ("plain", {"plain.width": "wide"}, "plain.width='wide' is not of the expected type int"),
        ("plain", {"plain.width": "8.5"}, "plain.width='8.5' is not of the expected type int"),
        ("plain", {"plain.mode": "max"}, "plain.mode='max' is not one of 'mean', 'last'"),
        ("plain", {"plain.rates": "a,b"}, "plain.rates='a' is not of the expected type float"),
        ("plain", {"plain.cross": "maybe"}, "plain.cross='maybe' is not of the expected type bool"),
        ("plain-parallel", {"plain-parallel.depth": 3}, "plain-parallel has no setting 'depth'"),
        ("plain+shake", {"shake.rat": 1}, "shake has no setting 'rat'; did you mean 'rate'?"),
        ("plain+shake", {"plain+shake.width": 1}, "shake has no setting 'width'"),
        ("plain+shake", {"shake.rate": "much"}, "shake.rate='much' is not of the expected type"),
    ],
)
def test_wrong_settings_are_one_line(name, settings, message):
    with pytest.raises(UserError) as error:
        parse(name).resolve("paper", settings)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["plain", "pick:audio+shake+balance", "mult+missing-modality"])
def test_a_resolved_configuration_survives_json(name):
    recipe = parse(name)
    resolved = recipe.resolve("small", {})
    stored = json.loads(json.dumps(resolved))
    assert stored == resolved
    assert type(recipe.build(TASK, stored)) is type(recipe.build(TASK, resolved))


def test_strategies_wrap_from_the_inside_out():
    built = parse("pick:audio+shake+balance").build(
        TASK, parse("pick:audio+shake+balance").resolve("small", {"shake.rate": 0.25})
    )
    assert isinstance(built, TrainingStrategy)
    names = [type(built).__name__, type(built.inner).__name__, type(built.inner.inner).__name__]
    assert names == ["Balance", "Shake", "Pick"]
    assert built.inner.config.rate == 0.25
    assert built.task is TASK


def test_a_wrapped_method_predicts_as_the_method_itself():
    plain, wrapped = parse("mult"), parse("mult+missing-modality")
    torch.manual_seed(0)
    alone = plain.build(TASK, plain.resolve("small", {})).state_dict()
    torch.manual_seed(0)
    inside = wrapped.build(TASK, wrapped.resolve("small", {})).inner.state_dict()
    assert alone.keys() == inside.keys()
    assert all(torch.equal(alone[name], inside[name]) for name in alone)


def test_a_requirement_that_is_not_met_is_one_line():
    recipe = parse("plain+balance")
    with pytest.raises(UserError) as error:
        recipe.build(TASK, recipe.resolve("small", {}))
    assert "strategy 'balance' requires a method with branches" in str(error.value)
    assert "'plain' has none" in str(error.value)


def test_a_configuration_that_a_constructor_refuses_is_one_line():
    recipe = parse("plain")
    with pytest.raises(UserError, match=r"^plain: thirteen layers are one too many$"):
        recipe.build(TASK, recipe.resolve("small", {"plain.layers": 13}))


def test_modalities_that_a_method_does_not_take():
    parse("pick:audio").check(TASK, "somewhere")
    with pytest.raises(UserError, match="takes 2 to 3 modalities; somewhere has 1: audio"):
        parse("pick:audio").check(TASK.only("audio"), "somewhere")
    with pytest.raises(UserError, match="somewhere has no modality 'smell'; it has audio, visual"):
        parse("pick:smell").check(TASK, "somewhere")
