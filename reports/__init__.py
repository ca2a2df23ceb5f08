"""Reports: a store of results turned into pages and tables."""

from __future__ import annotations

from .compare import compare
from .compare_view import view
from .writing import write

__all__ = ["compare", "view", "write"]
