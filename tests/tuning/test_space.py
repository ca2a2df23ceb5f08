"""What is tuned of a method, and that a plan can say it again."""

import fusemark.methods  # noqa: F401
import pytest
from fusemark.benchmark.contract.config import spaces
from fusemark.benchmark.plan import Planned, make_plan, read_toml
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.registry import methods
from fusemark.benchmark.settings import TrainingSettings
from fusemark.benchmark.tuning.result import toml, write_plan
from fusemark.benchmark.tuning.space import decoded, encoded, parameters
from fusemark.benchmark.tuning.worker import with_settings

TRAINING = TrainingSettings().model_dump()
NAMES = [f"{e.name}:audio" if e.argument else e.name for e in methods if "toy" not in e.name]


def tuned(name, held=(), examples=100, size="small"):
    recipe = parse(name)
    return parameters(recipe, recipe.resolve(size, {}), TRAINING, dict.fromkeys(held), examples)


@pytest.mark.parametrize("size", ["small", "paper"])
@pytest.mark.parametrize("name", [*NAMES, "mult+missing-modality", "late-concat+moddrop+ogm-ge"])
def test_defaults_as_settings_change_nothing_and_lie_in_the_space(name, size):
    recipe = parse(name)
    found = tuned(name, size=size)
    settings = {p.path: p.default for p in found if ".training." not in p.path}
    assert recipe.resolve(size, settings) == recipe.resolve(size, {})
    for p in found:
        assert p.distribution._contains(p.distribution.to_internal_repr(encoded(p.default)))
        for value in p.choices:
            assert decoded(encoded(value)) == value


def test_every_marked_setting_is_tuned_once_the_strategies_too():
    paths = [p.path for p in tuned("mult+missing-modality")]
    own = spaces(methods["mult"].cls.Config)
    assert paths == [
        *(f"mult.{name}" for name in own),
        "mult+missing-modality.level", "mult+missing-modality.rate",
        "mult+missing-modality.training.lr",
    ]  # fmt: skip


def test_what_an_ablation_fixes_is_not_tuned():
    names = {p.path for p in tuned("ladder-no-cross")}
    assert "ladder-no-cross.cross_ladder" not in names
    assert "ladder-no-cross.width" in names


def test_an_argument_is_a_part_of_the_path():
    assert "only:audio.width" in {p.path for p in tuned("only:audio")}


@pytest.mark.parametrize("path", ["mult.width", "methods.width"])
def test_what_the_user_fixes_is_not_tuned(path):
    assert "mult.width" in {p.path for p in tuned("mult")}
    assert "mult.width" not in {p.path for p in tuned("mult", held=[path])}


def test_the_learning_rate_can_be_fixed_and_another_methods_settings_fix_nothing():
    assert "mult.training.lr" not in {p.path for p in tuned("mult", held=["training.lr"])}
    assert tuned("mult", held=["ladder.width", "ladder.training.lr"]) == tuned("mult")


def test_the_batch_is_tuned_only_where_steps_are_left():
    assert "mult.training.batch" not in {p.path for p in tuned("mult", examples=1279)}
    assert "mult.training.batch" in {p.path for p in tuned("mult", examples=1280)}


def test_plan_of_a_configuration_trains_that_configuration(tmp_path, specs):
    (spec,) = specs("toy-linear+moddrop", set_={"toy.noise": 0.5})
    chosen = {
        "toy-linear.width": 13, "toy-linear+moddrop.rate": 0.123456789012345678,
        "toy-linear+moddrop.training.lr": 3e-05,
    }  # fmt: skip
    assert set(chosen) == {p.path for p in spec.parameters}
    file = tmp_path / "best.toml"
    write_plan(file, [spec.method], spec.dataset, spec.size, {**spec.settings, **chosen})
    cell = Planned(make_plan(read_toml(file)), None).cells[0]
    expected = with_settings(spec, spec.cells[0], chosen)
    assert (cell.config, cell.training) == (expected.config, expected.training)
    assert (cell.dataset_config, cell.data) == (expected.dataset_config, expected.data)


def test_toml_of_awkward_values():
    import tomllib

    values = {"a": None, "b": True, "c": 1e-07, "d": [1000.0, 0.1], "e": 'quo"te\\', "f": "é"}
    text = "\n".join(f"{name} = {toml(value)}" for name, value in values.items())
    assert tomllib.loads(text) == {**values, "a": "none"}
