"""Reports: a store of results turned into pages and tables."""

from __future__ import annotations

from .writing import write

__all__ = ["write"]
