"""Whole records, as the harness writes them, of trainings that nobody ran."""

from __future__ import annotations

from typing import Any


def record(name: str, seed: int = 0, method: str = "m", **more: Any) -> dict[str, Any]:
    """Return a training that ended well; ``more`` overrides top-level keys."""
    return {
        "schema": 1, "id": name, "size": "small", "status": "ok", "error": None,
        "cell": {
            "kind": "quality", "method": method, "config": {method: {"width": 8}}, "dataset": "d",
            "dataset_config": {}, "fingerprint": "f00d", "seed": seed, "fold": 0,
            "training": {"epochs": 2}, "data": {"normalise": True},
        },
        "kind": "classification", "outputs": ["no", "yes"],
        "metrics": {"macro_f1": 0.5, "accuracy": 0.5},
        "per_class": {"recall": [0.5, 0.5], "f1": [0.5, 0.5], "support": [4, 4]},
        "confusion": [[2, 2], [2, 2]], "absent": {}, "oracle": None,
        "history": {"epoch": [1, 2], "valid_score": [0.4, None], "score": "macro_f1"},
        "selection": {"best_epoch": 1}, "parameters": 7,
        "counts": {"train": 16, "labelled": 16, "valid": 8, "test": 8},
        "protocol": {
            "text": "odd subjects train", "design": "crossed", "folds": 1, "leaks": False,
            "test_groups": ["a", "b"],
        },
        "durations": {"train": 1.5, "total": 2.0}, "versions": {"torch": "2.13.0"},
        "machine": {"processor": "Some CPU", "cores": 2, "threads": 1, "memory_gib": 8.0},
        "device": "cpu", "git": {"commit": "0123456789abcdef", "dirty": False},
        "code": {"digest": "d", "harness": "h"}, "finished": "2026-11-20T13:00:21+00:00",
        **more,
    }  # fmt: skip
