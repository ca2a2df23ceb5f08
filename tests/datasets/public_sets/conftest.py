"""Published files for the tests of this folder."""

import pytest

from .layouts import Sets


@pytest.fixture
def sets(tmp_path):
    return Sets(tmp_path)
