"""Every registered method and strategy against every property of the conformance suite."""

from functools import cache

import pytest
from fusemark.benchmark.conformance import PROPERTIES, Subject
from fusemark.benchmark.registry import methods, strategies

subject = cache(Subject.of)
# An ablation is its method with settings that are fixed: its suite runs with the slow tests.
ABLATIONS = [pytest.param(entry.name, marks=pytest.mark.slow) for entry in methods if entry.of]
NAMES = [entry.name for entry in methods if not entry.of]
# Counting the FLOPs of every method, in test_flops.py, needs its shapes alone.
CLAIMS = [
    pytest.param(claim, marks=pytest.mark.slow) if claim == "shapes-alone" else claim
    for claim in PROPERTIES
]


@pytest.mark.parametrize("name", [*NAMES, *strategies.names(), *ABLATIONS])
@pytest.mark.parametrize("claim", CLAIMS)
def test_conformance(name, claim):
    verdict = PROPERTIES[claim](subject(name))
    if verdict.outcome == "skipped":
        pytest.skip(verdict.evidence)
    assert verdict.outcome == "ok", verdict.evidence
