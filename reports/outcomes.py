"""What one seed of one method measured: a record's figures, or those of its pooled folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..benchmark import evaluation, sentiment
from ..benchmark.store import Store
from .cells import Cell, real
from .grouping import by


@dataclass(frozen=True)
class Outcome:
    """One seed of a method on its whole test part.

    Attributes
    ----------
    metrics
        Values by key; nan where a value is not finite.
    recall, f1, support
        (classes,) per class; empty for regression.
    confusion
        (classes, classes) counts, rows true; empty for regression.
    absent
        Accuracy (regression: MAE) with each modality absent in the test.
    own, all
        Ceiling from the method's modalities, and from all, measured on this test part (accuracy);
        nan where nobody knows it.
    own_exact, all_exact
        The same in closed form.
    """

    seed: int
    metrics: Mapping[str, float]
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    confusion: np.ndarray
    absent: Mapping[str, float]
    own: float = math.nan
    all: float = math.nan
    own_exact: float = math.nan
    all_exact: float = math.nan


def outcomes(
    cells: Sequence[Cell], folds: int, store: Store
) -> tuple[tuple[Outcome, ...], tuple[int, ...]]:
    """Return the outcome of every seed whose folds are all done, in order of seeds.

    A protocol's folds are test parts of one corpus: their predictions are pooled and each measure
    is taken once per seed, since a mean of folds' macro F1 is no macro F1 of anything.

    Returns
    -------
    tuple
        The outcomes, and the seeds whose folds are done but whose predictions cannot be pooled.
    """
    found, unreadable = [], []
    for seed, same in sorted(by(cells, lambda c: c.seed).items()):
        done = [cell for cell in same if cell.ok]
        if len(done) < folds or len(done) < len(same):
            continue
        if len(done) == 1:
            found.append(single(done[0]))
            continue
        try:
            found.append(pooled(seed, done, store))
        except (OSError, KeyError, ValueError, BadZipFile):
            unreadable.append(seed)
    return tuple(found), tuple(unreadable)


def single(cell: Cell) -> Outcome:
    """Read the outcome of a seed that has one fold."""
    record = cell.record
    key = "accuracy" if record["kind"] == "classification" else "mae"
    return replace(
        measured(cell.seed, record),
        absent={m: real(scores.get(key)) for m, scores in record["absent"].items()},
        **ceilings(record["oracle"]),
    )


def pooled(seed: int, cells: Sequence[Cell], store: Store) -> Outcome:
    """Measure a seed's folds as one test part."""
    records = [cell.record for cell in cells]
    kind = records[0]["kind"]
    predictions = [store.predictions(cell.id) for cell in cells]
    labels = np.concatenate([p["labels"] for p in predictions])
    weights = np.array([len(p["labels"]) for p in predictions], float)
    weights /= weights.sum()

    def mean(values: Sequence[float]) -> float:
        return float(np.dot(weights, values))

    if kind == "classification":
        probabilities = np.concatenate([p["probabilities"] for p in predictions]).astype(float)
        scores = evaluation.classification(normalised(probabilities), labels, 0)
        key, level = "accuracy", "chance"
    else:
        values = np.concatenate([p["values"] for p in predictions]).astype(float)
        scores = evaluation.regression(values, labels, np.zeros(labels.shape[1]))
        scores["metrics"] |= sentiment.scores(values, labels, records[0]["outputs"])
        key, level = "mae", "chance_mae"
    # Each fold has its own training part, and with it its own constant answer.
    scores["metrics"][level] = mean([cell.metric(level) for cell in cells])
    modalities = dict.fromkeys(m for r in records for m in r["absent"])
    known = [m for m in modalities if all(m in r["absent"] for r in records)]
    bounds = [ceilings(r["oracle"]) for r in records]
    return replace(
        measured(seed, scores),
        absent={m: mean([real(r["absent"][m].get(key)) for r in records]) for m in known},
        **{name: mean([b[name] for b in bounds]) for name in bounds[0]},
    )


def normalised(probabilities: np.ndarray) -> np.ndarray:
    """Make rows sum to one again: they were stored in single precision."""
    return probabilities / probabilities.sum(1, keepdims=True)


def measured(seed: int, scores: Mapping[str, Any]) -> Outcome:
    """Read metrics, per-class figures and confusion of a record, or of a pooled evaluation."""
    per_class = scores.get("per_class") or {}

    def vector(name: str) -> np.ndarray:
        return np.array([real(v) for v in per_class.get(name, [])])

    return Outcome(
        seed=seed,
        metrics={key: real(v) for key, v in scores["metrics"].items()},
        recall=vector("recall"),
        f1=vector("f1"),
        support=vector("support"),
        confusion=np.array(scores.get("confusion") or np.zeros((0, 0)), float),
        absent={},
    )


def ceilings(oracle: Mapping[str, Any] | None) -> dict[str, float]:
    """Read the oracle's accuracies, measured and in closed form."""
    found = {}
    for name in ("own", "all"):
        bound = (oracle or {}).get(name) or {}
        found[name] = real(bound.get("measured"))
        found[f"{name}_exact"] = real(bound.get("closed_form"))
    return found
