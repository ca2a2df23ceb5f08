"""What tests of several folders share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Give the folder of real corpora, FUSEMARK_DATA or ../shared/data, or skip the test."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    root = Path(os.environ.get("FUSEMARK_DATA") or beside)
    if not root.is_dir():
        pytest.skip("no folder of real corpora: FUSEMARK_DATA, or ../shared/data")
    return root
