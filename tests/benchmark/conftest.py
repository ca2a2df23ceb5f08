from pathlib import Path

import pytest
from fusemark.benchmark.registry import load_plugin

TOY = Path(__file__).parent / "toy.py"


@pytest.fixture
def toy() -> Path:
    """The toy plugin, loaded: its dataset `toy` and its methods `toy-*`."""
    load_plugin(TOY)
    return TOY
