from pathlib import Path

import pytest
from fusemark.benchmark.registry import load_plugin

KNOWN = Path(__file__).parent / "known.py"


@pytest.fixture
def known() -> Path:
    """The plugin of methods whose cost is known, loaded."""
    load_plugin(KNOWN)
    return KNOWN
