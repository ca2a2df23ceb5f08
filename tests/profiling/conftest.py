from pathlib import Path

import pytest
from fusemark.benchmark.registry import load_plugin

PLUGINS = (
    str(Path(__file__).parents[1] / "benchmark" / "toy.py"),
    str(Path(__file__).parent / "toy_timed.py"),
)


@pytest.fixture
def timed():
    """The toy and the method of known times, loaded; returns the two plugins' paths."""
    for plugin in PLUGINS:
        load_plugin(plugin)
    return PLUGINS
