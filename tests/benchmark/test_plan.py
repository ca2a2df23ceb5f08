import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.plan import (
    Planned,
    identities,
    make_plan,
    read_preset,
    read_toml,
    seed_list,
)


def plan(**fields):
    base = {"methods": ["toy-linear"], "datasets": ["toy"], "seeds": 2}
    return Planned(make_plan(base, fields), None)


def test_a_cell_is_named_by_what_was_asked(toy):
    """Equal requests have equal ids; each axis changes the id, the rest leaves it alone."""
    first = plan().cells
    assert [c.id for c in first] == [c.id for c in plan().cells]
    assert len({c.id for c in first}) == 2
    assert [c.id for c in plan(baseline="toy-linear", metric="uar").cells] == [c.id for c in first]
    for settings in (
        {"training.lr": 0.1}, {"toy-linear.width": 9}, {"toy.noise": 0.5}, {"data.labelled": 0.5},
        {"toy-linear.training.epochs": 7}, {"toy.training.epochs": 8}, {"methods.width": 10},
    ):  # fmt: skip
        assert not {c.id for c in plan(settings=settings).cells} & {c.id for c in first}


def test_settings_reach_their_scope_and_the_nearer_one_wins(toy):
    settings = {"training.epochs": 5, "toy-linear.training.epochs": "6", "methods.width": "4"}
    (cell,) = plan(seeds=1, settings=settings).cells
    assert cell.training["epochs"] == 6
    assert cell.config == {"toy-linear": {"width": 4, "rate": 0.0}}


def test_sizes(toy):
    small, paper = (plan(seeds=1, size=s).cells[0] for s in ("small", "paper"))
    assert (small.config["toy-linear"]["width"], small.data["max_frames"]) == (32, 64)
    assert (paper.config["toy-linear"]["width"], paper.data["max_frames"]) == (8, None)


def test_all_methods_of_a_seed_come_before_the_next_seed(toy):
    cells = plan(methods=["toy-linear", "toy-raises"]).cells
    assert [(c.seed, c.method) for c in cells] == [
        (0, "toy-linear"), (0, "toy-raises"), (1, "toy-linear"), (1, "toy-raises"),
    ]  # fmt: skip


def test_single_modalities_are_spelt_out_for_each_dataset(toy):
    names = [c.method for c in plan(methods=["only:*", "toy-linear"], seeds=1).cells]
    assert names == ["only:audio", "only:visual", "toy-linear"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"methods": ["toy-linaer"]}, "unknown method 'toy-linaer'; did you mean 'toy-linear'"),
        ({"settings": {"methods.widht": 4}}, "setting 'methods.widht' reaches nothing in this run"),
        ({"baseline": "toy-linaer"}, "'toy-linaer' is not among the methods of the plan; did you"),
        ({"metric": "macro_f2"}, "--metric 'macro_f2' is measured on none of the plan's datasets"),
        ({"metric": "mae"}, "expected one of macro_f1, accuracy"),
        ({"datasets": ["toyy"]}, "unknown dataset 'toyy'; did you mean 'toy'"),
        ({"methods": []}, "names no methods"),
        ({"methods": ["only:smell"]}, "toy has no modality 'smell'; it has audio, visual"),
        ({"size": "huge"}, "unknown size 'huge'"),
        ({"seeds": "many"}, "seeds='many'"),
        ({"seeds": "0"}, "at least one seed"),
        ({"seeds": "3,3"}, "none twice"),
        ({"settings": {"toy-linear.widht": 4}}, "has no setting 'widht'; did you mean 'width'"),
        ({"settings": {"toy-linear.width": "wide"}}, "toy-linear.width='wide' is not of the"),
        ({"settings": {"mult.layers": 2}}, "setting 'mult.layers' reaches nothing"),
        ({"settings": {"training.epoch": 2}}, "did you mean 'epochs'"),
        ({"settings": {"training.lr": -1}}, r"training.lr=-1"),
        ({"settings": {"data.labelled": 2}}, "data.labelled=2"),
        ({"settings": {"toy.noize": 2}}, "did you mean 'noise'"),
        ({"settings": {"toy.examples": 4}}, "toy: "),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_runs(toy, fields, message):
    with pytest.raises(UserError) as caught:
        plan(**fields)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_method_that_cannot_be_built_is_said_before_anything_runs(toy):
    with pytest.raises(UserError, match="not divisible"):
        plan(methods=["mult"], settings={"mult.width": 30, "mult.heads": 4})


def test_plan_files_and_flags(toy, tmp_path):
    file = tmp_path / "bench.toml"
    file.write_text(
        'methods = ["toy-linear"]\ndatasets = ["toy"]\nseeds = 4\n'
        "[set.training]\nepochs = 9\n[set.toy-linear]\nwidth = 3\n"
    )
    made = make_plan(read_toml(file), {"seeds": "2", "settings": {"training.epochs": "8"}})
    assert made.seeds == (0, 1)
    assert made.settings == {"training.epochs": "8", "toy-linear.width": 3}
    file.write_text("methods = [")
    with pytest.raises(UserError, match="cannot be read"):
        read_toml(file)
    with pytest.raises(UserError, match="has no field 'metods'; did you mean 'methods'"):
        make_plan({"metods": ["a"], "datasets": ["b"]})


@pytest.mark.parametrize(
    ("text", "seeds"),
    [(3, (0, 1, 2)), ("3", (0, 1, 2)), ("5:8", (5, 6, 7)), ("0,4", (0, 4)), ([7], (7,))],
)
def test_seeds(text, seeds):
    assert seed_list(text) == seeds


@pytest.mark.parametrize("name", ["quick", "paper"])
def test_presets_are_plans(name):
    planned = Planned(make_plan(read_preset(name)), None)
    assert planned.cells
    assert planned.plan.preset == name


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(UserError, match="unknown preset 'quik'; did you mean 'quick'"):
        read_preset("quik")


def test_many_ids_at_once_are_the_cells_own(toy):
    cells = plan(settings={"toy-linear.width": 9, "training.lr": 0.1}, seeds=5).cells
    assert identities(cells) == [cell.id for cell in cells]


def test_a_presets_settings_may_reach_none_of_other_methods(toy):
    fields = {"methods": ["toy-linear"], "datasets": ["toy"]}  # without layers
    (cell, *_) = Planned(make_plan(read_preset("quick"), fields), None).cells
    assert cell.config["toy-linear"]["width"] == 16
    with pytest.raises(UserError, match=r"methods.layers' reaches nothing"):
        Planned(make_plan(read_preset("quick"), fields, {"settings": {"methods.layers": 2}}), None)
