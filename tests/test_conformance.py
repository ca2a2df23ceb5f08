"""Every registered method and strategy against every property of the conformance suite."""

from functools import cache

import pytest
from fusemark.benchmark.conformance import PROPERTIES, Subject
from fusemark.benchmark.registry import methods, strategies

subject = cache(Subject.of)


@pytest.mark.parametrize("name", [*methods.names(), *strategies.names()])
@pytest.mark.parametrize("claim", PROPERTIES)
def test_conformance(name, claim):
    verdict = PROPERTIES[claim](subject(name))
    if verdict.outcome == "skipped":
        pytest.skip(verdict.evidence)
    assert verdict.outcome == "ok", verdict.evidence
