"""Conventional cross-attention between full lengths: what `chunked` is measured by."""

from __future__ import annotations

from dataclasses import dataclass

from ..benchmark.registry import any_number, method
from .blocks.costly import CostlyConfig, ReducedFusion


@method(
    "unchunked",
    paper="baseline of chunked: cross-attention between full lengths",
    modalities=any_number,
    mark="reconstruction",
    cost="(T_a + T_v)^2",
)
class Unchunked(ReducedFusion):
    """Cross-attention between encoded sequences at their full lengths.

    (C) The blocks of ``chunked``, but one transformer encodes all frames of the costly modality,
    and the other modalities and its encoded frames attend to each other.
    """

    @dataclass(frozen=True)
    class Config(CostlyConfig):
        """Settings of the transformers and of the crossing."""
