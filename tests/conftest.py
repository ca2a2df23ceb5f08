"""What tests of several folders share."""

import os
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Give each process of several one thread: two threads of each would wait for one another."""
    if hasattr(config, "workerinput"):
        os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, which is later


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Give the folder of real corpora, FUSEMARK_DATA or ../shared/data, or skip the test."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    root = Path(os.environ.get("FUSEMARK_DATA") or beside)
    if not root.is_dir():
        pytest.skip("no folder of real corpora: FUSEMARK_DATA, or ../shared/data")
    return root
