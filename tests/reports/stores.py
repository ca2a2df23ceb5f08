"""Synthetic stores in exactly the schema that the harness writes, drawn by numpy in milliseconds.

Figures come from scikit-learn, so that what a report computes has something to be held against.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import metrics

HOSTILE = "<script>alert(1)</script>"
ODD = "a_b&c%$|x`y*[z](http://e.x)"


@dataclass(frozen=True)
class Spec:
    """What to draw: each method's skill is the log-odds weight of the true class."""

    methods: Mapping[str, float] = field(
        default_factory=lambda: {
            "only:audio": 0.6,
            "only:visual": 1.0,
            "late-concat": 1.6,
            "mult": 1.8,
            "ladder": 2.1,
        }
    )
    datasets: Sequence[str] = ("simulated:cremad-like",)
    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    classes: Sequence[str] = ("anger", "disgust", "fear", "happy", "neutral", "sad")
    folds: int = 1
    design: str = "crossed"
    leaks: bool = False
    oracle: float | None = 0.62
    examples: int = 240
    speakers: int = 8
    epochs: int = 30
    kind: str = "classification"
    baseline: str | None = "late-concat"
    metric: str = "macro_f1"
    size: str = "small"
    fail: Mapping[tuple[str, int], tuple[str, str, str]] = field(default_factory=dict)
    missing: Sequence[tuple[str, int]] = ()
    patch: Mapping[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)


def write_store(path: Path, spec: Spec | None = None, *, plan: bool = True, salt: str = "") -> Path:
    """Write a store; ``patch`` overrides top-level keys of a (method, seed)'s records."""
    spec = spec or Spec()
    cells = path / "cells"
    cells.mkdir(parents=True, exist_ok=True)
    planned = []
    for d, dataset in enumerate(spec.datasets):
        for m, (method, skill) in enumerate(spec.methods.items()):
            for seed in spec.seeds:
                for fold in range(spec.folds):
                    name = f"{salt}{d:02x}{m:04x}{seed:06x}{fold:04x}"
                    planned.append(name)
                    if (method, seed) in spec.missing:
                        continue
                    rng = np.random.default_rng([d, m, seed, fold])
                    record, predictions = cell(spec, name, dataset, method, skill, seed, fold, rng)
                    record |= spec.patch.get((method, seed), {})
                    (cells / f"{name}.json").write_text(json.dumps(nulled(record)))
                    if predictions:
                        np.savez(cells / f"{name}.npz", **predictions)
    if plan:
        (path / "plan.json").write_text(json.dumps(plan_of(spec, planned)))
    return path


def plan_of(spec: Spec, planned: list[str]) -> dict[str, Any]:
    return {
        "methods": list(spec.methods), "datasets": list(spec.datasets), "seeds": list(spec.seeds),
        "size": spec.size, "settings": {"training.epochs": spec.epochs},
        "baseline": spec.baseline, "metric": spec.metric, "preset": None, "hash": "5b1f3c77a9",
        "command": f"bench run --methods {','.join(spec.methods)} --seeds {len(spec.seeds)}",
        "cells": planned,
    }  # fmt: skip


def cell(
    spec: Spec, name: str, dataset: str, method: str, skill: float, seed: int, fold: int,
    rng: np.random.Generator,
) -> tuple[dict[str, Any], dict[str, np.ndarray] | None]:  # fmt: skip
    record: dict[str, Any] = {
        "schema": 1, "id": name, "size": spec.size, "status": "ok", "error": None,
        "cell": {
            "kind": "quality", "method": method, "config": {method: {"width": 32, "layers": 2}},
            "dataset": dataset, "dataset_config": {"protocol": "odd-even"}, "fingerprint": "f00d",
            "seed": seed, "fold": fold,
            "training": {"epochs": spec.epochs, "batch": 32, "lr": 0.001, "refit": True},
            "data": {"max_frames": 64, "normalise": True, "labelled": 1.0},
        },
        "versions": {"python": "3.11.9", "torch": "2.13.0", "numpy": "2.4.6", "fusemark": "0.1.0"},
        "machine": {"processor": "Some CPU @ 2.5 GHz", "cores": 2, "threads": 1, "memory_gib": 8},
        "device": "cpu",
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
        "code": {"digest": f"d-{method}", "harness": "h1"},
        "finished": f"2026-11-20T13:{seed:02d}:21+00:00",
    }  # fmt: skip
    if (method, seed) in spec.fail:
        status, kind, message = spec.fail[method, seed]
        trace = f"benchmark/training.py:88 in fit: loss.backward()\n{kind}: {message}"
        error = {"type": kind, "message": message, "traceback": trace}
        return {**record, "status": status, "error": error}, None
    draw = classified if spec.kind == "classification" else regressed
    measured, predictions = draw(spec, skill, np.random.default_rng([7, fold]), rng)
    epochs = int(rng.integers(spec.epochs // 2, spec.epochs + 1))
    rise = 1 - np.exp(-np.arange(1, epochs + 1) / 6)
    level = measured["metrics"].get("macro_f1", -0.3)
    scores = level * rise + rng.normal(0, 0.01, epochs)
    uses = ["audio", "visual"] if "only:" not in method else [method.split(":")[1].split("+")[0]]
    key = "accuracy" if spec.kind == "classification" else "mae"
    bound = None
    if spec.oracle is not None and spec.kind == "classification":
        own = {"modalities": uses, "measured": spec.oracle - 0.05 * (len(uses) == 1)}
        both = {"modalities": ["audio", "visual"], "measured": spec.oracle}
        bound = {"own": {**own, "closed_form": 0.58}, "all": {**both, "closed_form": 0.6205}}
    groups = sorted(set(predictions["groups"].tolist()))
    return {
        **record, **measured, "kind": spec.kind,
        "outputs": list(spec.classes) if spec.kind == "classification" else ["arousal"],
        "absent": {m: {key: measured["metrics"][key] * 0.7, "macro_f1": 0.3} for m in uses},
        "oracle": bound,
        "history": {
            "epoch": list(range(1, epochs + 1)), "train_loss": (2 - rise).tolist(),
            "valid_loss": (2 - 0.8 * rise).tolist(), "valid_score": scores.tolist(),
            "lr": [0.001] * epochs,
            "score": "macro_f1" if spec.kind == "classification" else "-mae",
        },
        "selection": {
            "best_epoch": int(scores.argmax()) + 1, "epochs": epochs, "stopped": "patience",
            "refit_epochs": None,
        },
        "parameters": 12345 + 1000 * len(method),
        "counts": {"train": 800, "labelled": 800, "valid": 120, "test": spec.examples},
        "protocol": {
            "text": "odd subjects train, even ones test", "design": spec.design,
            "folds": spec.folds, "leaks": spec.leaks, "test_groups": groups,
        },
        "durations": {"load": 0.5, "train": 20.0, "evaluate": 0.2, "total": 20.7},
    }, predictions  # fmt: skip


def classified(
    spec: Spec, skill: float, shared: np.random.Generator, rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    n, classes = spec.examples, len(spec.classes)
    labels = shared.integers(0, classes, n)
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), labels] += skill
    # Neighbouring classes are mistaken for each other more often.
    logits[np.arange(n), (labels + 1) % classes] += 0.4
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    predictions = {**names(spec, n), "labels": labels, "probabilities": probabilities.astype("f4")}
    return scored(probabilities, labels), predictions


def scored(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    classes = np.arange(probabilities.shape[1])
    said = probabilities.argmax(1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, said, labels=classes, zero_division=0
    )
    confidence, right = probabilities.max(1), said == labels
    bins = np.minimum((confidence * 15).astype(int), 14)
    gaps = [abs((confidence - right)[bins == b].sum()) for b in range(15)]
    accuracy = float(right.mean())
    return {
        "metrics": {
            "accuracy": accuracy, "macro_f1": float(f1.mean()), "uar": float(recall.mean()),
            "macro_precision": float(precision.mean()), "macro_recall": float(recall.mean()),
            "micro_f1": accuracy, "micro_precision": accuracy, "micro_recall": accuracy,
            "ece": float(sum(gaps) / len(labels)),
            "chance": float(np.bincount(labels).max() / len(labels)),
            "log_loss": float(metrics.log_loss(labels, probabilities, labels=classes)),
        },
        "per_class": {
            "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(),
            "support": support.tolist(),
        },
        "confusion": metrics.confusion_matrix(labels, said, labels=classes).tolist(),
    }  # fmt: skip


def regressed(
    spec: Spec, skill: float, shared: np.random.Generator, rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    labels = shared.normal(size=(spec.examples, 1))
    values = labels + rng.normal(0, 1 / (0.5 + skill), labels.shape)
    error = values - labels
    measured = {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "r2": float(1 - (error**2).sum() / ((labels - labels.mean()) ** 2).sum()),
        "pearson": float(np.corrcoef(values[:, 0], labels[:, 0])[0, 1]),
        "chance_mae": float(np.abs(labels).mean()),
    }
    predictions = {**names(spec, spec.examples), "labels": labels.astype("f4"),
                   "values": values.astype("f4")}  # fmt: skip
    return {"metrics": measured}, predictions


def names(spec: Spec, n: int) -> dict[str, np.ndarray]:
    return {
        "ids": np.array([f"clip-{i}" for i in range(n)]),
        "groups": np.array([f"subject-{2 * (i % spec.speakers)}" for i in range(n)]),
    }


def nulled(value: Any) -> Any:
    """JSON has no NaN: the store writes null."""
    if isinstance(value, Mapping):
        return {k: nulled(v) for k, v in value.items()}
    if isinstance(value, list):
        return [nulled(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
