"""The harness of fusemark; its public names are resolved on first use.

Importing a method must load neither pandas nor matplotlib, so nothing is imported here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

PUBLIC = {
    "Batch": "contract",
    "Branch": "contract",
    "FusionDataset": "contract",
    "FusionMethod": "contract",
    "Modality": "contract",
    "Output": "contract",
    "Split": "contract",
    "Task": "contract",
    "TrainingStrategy": "contract",
    "UserError": "contract",
    "search": "contract",
    "supervised_loss": "contract",
    "ablation": "registry",
    "any_number": "registry",
    "dataset": "registry",
    "method": "registry",
    "strategy": "registry",
    "two_or_more": "registry",
    "Plan": "plan",
    "run": "run",
    "Store": "store",
    "load_results": "store",
}

__all__ = list(PUBLIC)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{PUBLIC[name]}", __name__), name)
