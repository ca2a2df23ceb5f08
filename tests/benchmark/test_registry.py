"""Names from three places; taken twice they raise, mistyped they suggest."""

import os
import subprocess
import sys

import pytest
from fusemark.benchmark import FusionMethod, TrainingStrategy, UserError, registry
from fusemark.benchmark.registry import Registry, ablation, load_plugin, method, strategy

PLUGIN = '''
from fusemark.benchmark import FusionMethod, method

@method("{name}", paper="made here")
class Made(FusionMethod):
    """A method of a plugin."""
'''


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """Whatever a test registers is forgotten after it."""
    for kept in (registry.methods, registry.strategies, registry.datasets):
        kept.load()
        monkeypatch.setattr(kept, "_entries", dict(kept._entries))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


@pytest.fixture
def plugin(tmp_path):
    def write(text, name="plugin.py"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return write


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


def test_every_file_of_the_package_is_loaded():
    assert "late-concat" in registry.methods
    assert registry.methods["late-concat"].cls.__module__ == "fusemark.methods.late_concat"


def test_entries_say_what_the_list_shows():
    for entry in registry.methods:
        assert entry.paper
        assert entry.summary
        assert entry.mark in ("published", "reference", "reconstruction")
        assert entry.modalities[0] >= 1
    for entry in registry.strategies:
        assert entry.paper
        assert entry.summary


def test_a_name_taken_twice_names_both_modules():
    @method("once", paper="made here")
    class First(FusionMethod):
        """First."""

    class Second(FusionMethod):
        """Second."""

    Second.__module__ = "another.place"
    with pytest.raises(UserError) as error:
        method("once", paper="made here")(Second)
    text = one_line(error)
    assert "method 'once' is registered twice" in text
    assert __name__ in text
    assert "another.place" in text
    assert registry.methods["once"].cls is First


@pytest.mark.parametrize(
    ("kind", "mistyped", "meant"),
    [("methods", "late-concta", "late-concat"), ("methods", "auxfromer", "auxformer")],
)
def test_an_unknown_name_lists_near_ones(kind, mistyped, meant):
    known = getattr(registry, kind)
    with pytest.raises(UserError) as error:
        known[mistyped]
    text = one_line(error)
    assert text.startswith(f"unknown method {mistyped!r}; did you mean")
    assert repr(meant) in text
    assert f"`bench list methods` shows all {len(known.names())}" in text


def test_an_unknown_name_with_nothing_near():
    with pytest.raises(UserError) as error:
        registry.methods["zzzzzz"]
    assert one_line(error).startswith("unknown method 'zzzzzz'. `bench list methods`")


def test_the_command_that_lists_strategies_is_spelt_right():
    with pytest.raises(UserError) as error:
        registry.strategies["zzzzzz"]
    assert "strategys" not in one_line(error)


def test_a_class_of_another_base_is_refused():
    with pytest.raises(UserError, match="expected a subclass of FusionMethod"):
        method("odd", paper="made here")(dict)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError, match="expected a subclass of TrainingStrategy"):
        strategy("odd", paper="made here", default="late-concat")(FusionMethod)  # pyright: ignore[reportArgumentType]
    assert "odd" not in registry.methods
    assert "odd" not in registry.strategies


def test_an_ablation_shares_its_parents_class_and_fixes_settings():
    ablation("late-concat-thin", of="late-concat", width=4)
    parent, entry = registry.methods["late-concat"], registry.methods["late-concat-thin"]
    assert entry.cls is parent.cls
    assert (entry.of, dict(entry.fixed)) == ("late-concat", {"width": 4})
    assert (entry.paper, entry.modalities, entry.cost) == (
        parent.paper, parent.modalities, parent.cost,
    )  # fmt: skip
    with pytest.raises(UserError, match="registered twice"):
        ablation("late-concat-thin", of="late-concat")


def test_a_registry_of_its_own_keeps_the_order_of_registration():
    own = Registry("thing", "things", "fusemark.methods")
    for name in ("b", "a", "c"):
        own.add(name, name)
    assert own.names() == ["b", "a", "c"]
    assert list(own) == ["b", "a", "c"]


def test_a_plugin_file_registers_its_names_once(plugin):
    file = plugin(PLUGIN.format(name="from-a-file"))
    module = load_plugin(file)
    assert registry.methods["from-a-file"].cls.__module__ == module
    assert load_plugin(str(file)) == module


def test_two_plugin_files_of_one_name_are_two_modules(plugin, tmp_path):
    (tmp_path / "other").mkdir()
    first = load_plugin(plugin(PLUGIN.format(name="file-one")))
    second = load_plugin(plugin(PLUGIN.format(name="file-two"), "other/plugin.py"))
    assert first != second
    assert "file-one" in registry.methods
    assert "file-two" in registry.methods


def test_a_plugin_that_takes_a_taken_name(plugin):
    with pytest.raises(UserError) as error:
        load_plugin(plugin(PLUGIN.format(name="late-concat")))
    text = one_line(error)
    assert "method 'late-concat' is registered twice" in text
    assert "fusemark.methods.late_concat" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('no luck')", "raised RuntimeError on import: no luck"),
        ("import no_such_module_at_all", "raised ModuleNotFoundError on import: No module named"),
        ("def broken(:\n    pass", "raised SyntaxError on import"),
        ("1 / 0", "raised ZeroDivisionError on import: division by zero"),
    ],
)
def test_a_plugin_that_raises_on_import_is_one_line(text, said, plugin):
    file = plugin(text)
    for _ in range(2):
        with pytest.raises(UserError) as error:
            load_plugin(file)
        assert said in one_line(error)
        assert "plugin.py" in one_line(error)


def test_a_plugin_that_is_no_python_file(plugin, tmp_path):
    with pytest.raises(UserError, match="is not a file; expected the path of a Python file"):
        load_plugin(tmp_path / "nowhere.py")
    with pytest.raises(UserError, match="is not a file"):
        load_plugin(tmp_path)
    with pytest.raises(UserError, match=r"expected a name ending in \.py"):
        load_plugin(plugin("x = 1", "plugin.txt"))


def installed(folder, text, points):
    """Lay out an installed package as pip would: a module, and its metadata beside it."""
    (folder / "extra_fusion.py").write_text(text, encoding="utf-8")
    info = folder / "extra_fusion-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra-fusion\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(points)
    code = (
        "from fusemark.benchmark import UserError, registry\n"
        "try:\n"
        "    print(registry.methods['extra'].cls.__module__, 'late-concat' in registry.methods)\n"
        "except UserError as error:\n"
        "    print('UserError:', error)\n"
    )
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": path}, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_installed_package_adds_a_method_by_its_entry_point(tmp_path):
    points = "[fusemark.methods]\nextra = extra_fusion:Made\n"
    assert installed(tmp_path, PLUGIN.format(name="extra"), points) == "extra_fusion True"


def test_an_entry_point_that_raises_is_one_line(tmp_path):
    found = installed(
        tmp_path, "raise OSError('gone')", "[fusemark.methods]\nextra = extra_fusion\n"
    )
    assert found == (
        "UserError: entry point 'extra' (extra_fusion) of group fusemark.methods cannot be loaded: "
        "OSError: gone; mend or uninstall that package"
    )


def test_an_entry_point_that_takes_a_taken_name(tmp_path):
    points = "[fusemark.methods]\nextra = extra_fusion:Made\n"
    found = installed(tmp_path, PLUGIN.format(name="late-concat"), points)
    assert found.startswith("UserError: entry point 'extra'")
    assert "method 'late-concat' is registered twice" in found
    assert len(found.splitlines()) == 1


def test_a_strategy_is_registered_with_its_default():
    @strategy("twice-as-long", paper="made here", default="late-concat")
    class Longer(TrainingStrategy):
        """Longer."""

    entry = registry.strategies["twice-as-long"]
    assert (entry.cls, entry.default, entry.summary) == (Longer, "late-concat", "Longer.")
