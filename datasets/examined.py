"""What is looked at before a plan opens a dataset, beside what its cells read."""

from __future__ import annotations

from ..benchmark.registry import examiners
from .media.intact import examine
from .storage.prepared import PreparedDataset

examiners[PreparedDataset] = examine
