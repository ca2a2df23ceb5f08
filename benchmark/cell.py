"""A quality cell: what identifies it, and the one function that a worker runs for it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import evaluation
from .contract import FusionDataset, FusionMethod
from .contract.config import configure
from .loading import Part, Scaler, hide_labels, joined, load, reduced
from .recipes import Recipe, parse
from .registry import datasets
from .seeds import stream
from .settings import DataSettings, TrainingSettings
from .training import fit, lasting, predict, refit


@dataclass(frozen=True)
class Cell:
    """One training of one method on one split: a unit of work that can be lost and done again."""

    method: str
    config: Mapping[str, Any]
    dataset: str
    dataset_config: Mapping[str, Any]
    fingerprint: str
    seed: int
    fold: int
    training: Mapping[str, Any]
    data: Mapping[str, Any]
    kind: str = "quality"

    @property
    def id(self) -> str:
        """Hash of what was asked, 16 hexadecimal digits."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        fold = f" fold {self.fold}" if self.fold else ""
        return f"{self.method} on {self.dataset}, seed {self.seed}{fold}"


def open_dataset(name: str, config: Mapping[str, Any], root: Path | None) -> FusionDataset:
    """Build a dataset by its name, ``name[:argument]``, and its settings."""
    base, _, argument = name.partition(":")
    entry = datasets[base]
    settings = dict(config)
    if entry.argument and argument:
        settings[entry.argument] = argument
    opened = entry.cls(configure(entry.cls.Config, settings, base), root)
    opened.name = f"{base}:{Path(argument).name}" if entry.local and argument else name
    return opened


def run_quality(
    cell: Cell, root: Path | None, source: str | None = None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Train and test one cell; return the measured part of its record, and its predictions.

    ``source`` is the dataset as it was asked for, where the cell keeps less than its path.
    """
    clock = Clock()
    recipe = parse(cell.method)
    dataset = open_dataset(source or cell.dataset, cell.dataset_config, root)
    data, settings = DataSettings(**cell.data), TrainingSettings(**cell.training)
    axes = {"seed": cell.seed, "fold": cell.fold}
    split = dataset.split(np.random.default_rng(stream("split", **axes)), cell.fold)
    split.check(dataset)
    task = reduced(dataset.task, data)
    train, valid = load(dataset, split.train, data), load(dataset, split.valid, data)
    scaler = Scaler.fit(train, task) if data.normalise else None
    if scaler:
        train, valid = scaler.apply(train), scaler.apply(valid)
    train = hide_labels(train, data.labelled, np.random.default_rng(stream("labels", **axes)))
    clock.mark("load")

    def build() -> FusionMethod:
        return recipe.build(task, cell.config)

    model, history, selection = fit(build, train, valid, settings, **axes)
    clock.mark("train")
    if settings.refit:
        epochs = lasting(history.valid_score, settings.refit_window)
        model = refit(build, joined(train, valid), settings, history, epochs, **axes)
        selection = replace(selection, refit_epochs=epochs)
        clock.mark("refit")
    # The test part is read here for the first time, when nothing is left to be chosen.
    test = load(dataset, split.test, data)
    test = scaler.apply(test) if scaler else test
    clock.mark("load")
    scores, predictions = score(model, train, test, 4 * settings.batch)
    predictions["ids"] = np.asarray(dataset.ids)[split.test].astype(str)
    predictions["groups"] = np.asarray(dataset.groups)[split.test].astype(str)
    clock.mark("evaluate")
    record = {
        "outputs": list(task.outputs),
        "kind": task.kind,
        **scores,
        "oracle": oracle(dataset, split.test, model.uses),
        "history": {
            **asdict(history),
            "score": "macro_f1" if task.kind == "classification" else "-mae",
        },
        "selection": asdict(selection),
        "parameters": sum(p.numel() for p in model.parameters()),
        "counts": {
            "train": len(train),
            "labelled": int(train.labelled.sum()),
            "valid": len(valid),
            "test": len(test),
        },
        "protocol": {
            "text": dataset.protocol,
            "design": dataset.design,
            "folds": dataset.folds,
            "leaks": dataset.leaks,
            "test_groups": sorted(set(predictions["groups"].tolist())),
        },
        "durations": clock.durations(),
    }
    return record, predictions


def score(
    model: FusionMethod, train: Part, test: Part, size: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Score a model on the test part: as it is, then with each modality absent."""
    labels = test.labels.numpy()
    outputs: dict[str, np.ndarray] = {}
    for absent in (None, *model.uses):
        logits = predict(model, test, size, absent)
        classes = model.task.kind == "classification"
        outputs[absent or ""] = (logits.double().softmax(1) if classes else logits).numpy()
    if model.task.kind == "classification":
        common = int(torch.mode(train.labels).values)
        scored = {k: evaluation.classification(v, labels, common) for k, v in outputs.items()}
        shown, stored = ("accuracy", "macro_f1"), "probabilities"
    else:
        mean = train.labels.mean(0).numpy()
        scored = {k: evaluation.regression(v, labels, mean) for k, v in outputs.items()}
        shown, stored = ("mae", "pearson"), "values"
    whole = scored.pop("")
    absent_scores = {k: {m: v["metrics"][m] for m in shown} for k, v in scored.items()}
    predictions = {stored: outputs[""].astype(np.float32), "labels": labels}
    return {**whole, "absent": absent_scores}, predictions


def oracle(dataset: FusionDataset, positions: np.ndarray, uses: tuple[str, ...]) -> dict | None:
    """Accuracy of the best decision on these examples: from the method's modalities, from all."""
    found = {}
    for name, modalities in {"own": uses, "all": dataset.task.names}.items():
        decisions = dataset.oracle(positions, modalities)
        if decisions is None:
            return None
        found[name] = {
            "modalities": list(modalities),
            "measured": float((decisions == dataset.labels[positions]).mean()),
            "closed_form": dataset.ceiling(modalities),
        }
    return found


class Clock:
    """Seconds spent on each phase; a phase marked twice adds up."""

    def __init__(self) -> None:
        self.start = self.last = time.perf_counter()
        self.spent: dict[str, float] = {}

    def mark(self, phase: str) -> None:
        now = time.perf_counter()
        self.spent[phase] = self.spent.get(phase, 0.0) + now - self.last
        self.last = now

    def durations(self) -> dict[str, float]:
        return {**self.spent, "total": time.perf_counter() - self.start}


__all__ = ["Cell", "Recipe", "open_dataset", "run_quality"]
