"""Every result says itself in one sentence, and the package keeps to itself."""

import ast
import dataclasses
import doctest
import importlib
import math
import pkgutil
from pathlib import Path

import fusemark.benchmark.statistics as package
import pytest
from fusemark.benchmark.statistics.wording import interval, number, p_value

MODULES = [m.name for m in pkgutil.iter_modules(package.__path__)]
ALLOWED = {"numpy", "scipy", "statsmodels", "__future__"}
STANDARD = {"collections", "dataclasses", "functools", "itertools", "math", "typing"}


@pytest.mark.parametrize("name", MODULES)
def test_results_are_frozen_and_speak(name: str) -> None:
    module = importlib.import_module(f"{package.__name__}.{name}")
    # What others are made with: estimators, and a simulated rate that stands in a table.
    parts = {"Crossed", "Redrawn", "Size"}
    for thing in vars(module).values():
        if not (dataclasses.is_dataclass(thing) and isinstance(thing, type)):
            continue
        assert thing.__dataclass_params__.frozen, thing  # type: ignore[attr-defined]
        assert thing.__name__ in parts or callable(getattr(thing, "sentence", None)), thing


@pytest.mark.parametrize("name", MODULES)
def test_nothing_of_the_project_is_imported(name: str) -> None:
    path = Path(package.__path__[0]) / f"{name}.py"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            roots = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, f"{name} reaches outside its folder"
            roots = {(node.module or "").split(".")[0]} if node.level == 0 else set()
        else:
            continue
        assert roots <= ALLOWED | STANDARD, f"{name} imports {roots}"


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name: str) -> None:
    module = importlib.import_module(f"{package.__name__}.{name}")
    assert doctest.testmod(module).failed == 0


def test_numbers_are_written_as_papers_write_them() -> None:
    assert p_value(0.05) == "p = .050"
    assert p_value(0.0004) == "p < .001"
    assert p_value(math.nan) == "p unknown"
    assert number(-0.0123456) == "-0.0123"
    assert number(12345.6) == "12346"
    assert number(-math.inf) == "minus infinity"
    assert interval(0.1, 0.25, 0.9) == "90 % interval 0.1 to 0.25"
