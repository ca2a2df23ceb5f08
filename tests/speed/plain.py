"""Trainings as a plain script does them: one after another, in the usual tools.

Attention is two batched matrix products with a filled mask and a softmax between them, dropout is
``torch.nn.functional.dropout``, the optimiser ``torch.optim.Adam`` without fusing, and a batch is
whatever examples the permutation brings together, padded to its longest. Model, splits, settings,
schedule, early stopping and retraining are the harness's, so that the same networks are trained
for the same epochs. Each of the four parts can be switched to the harness's own (``PARTS``), to see
what it brings; ``comparison.py`` drives this.

    python tests/speed/plain.py CELL.json PARTS THREADS EPOCHS [FOLDER WAITING]

trains the cell with the parts named (by commas, or ``none``) taken from the harness and prints
JSON: seconds, accuracy, and the epochs of both its trainings, those of the second counted by how
many more examples it has. With EPOCHS, not 0, so many epochs of training and validation are timed,
after one that warms up. With FOLDER the clock starts when WAITING processes are ready.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fusemark.benchmark.cell import Cell, open_dataset
from fusemark.benchmark.contract import Batch
from fusemark.benchmark.loading import Part, Scaler, joined, load, reduced
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.seeds import stream
from fusemark.benchmark.settings import DataSettings, TrainingSettings
from fusemark.benchmark.training import lasting, warmup
from fusemark.methods.blocks.attention import Attention
from fusemark.methods.blocks.dropout import Dropout
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

PARTS = ("attention", "dropout", "optimiser", "bucketing")


def make_plain(ours: set[str]) -> None:
    """Replace the package's attention and dropout by the usual ones, unless they are wanted."""

    def mix(self: Attention, q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None) -> Tensor:
        scores = torch.bmm(q.flatten(0, 1) / math.sqrt(q.shape[-1]), k.flatten(0, 1).mT)
        scores = scores.unflatten(0, q.shape[:2])
        if allowed is not None:
            scores = scores.masked_fill(~allowed, -math.inf)
        weights = self.drop(scores.softmax(-1))
        return torch.bmm(weights.flatten(0, 1), v.flatten(0, 1)).unflatten(0, q.shape[:2])

    def drop(self: Dropout, x: Tensor) -> Tensor:
        return functional.dropout(x, self.rate, self.training)

    if "attention" not in ours:
        Attention.mix = mix
    if "dropout" not in ours:
        Dropout.forward = drop


class Examples:
    """Examples as a list of tensors a modality, put together as they come."""

    def __init__(self, part: Part):
        self.part = part
        self.sequences = {
            name: [packed.values[a:b] for a, b in pairwise(packed.offsets.tolist())]
            for name, packed in part.modalities.items()
        }

    def __len__(self) -> int:
        return len(self.part)

    def batch(self, rows: Tensor) -> Batch:
        part, chosen = self.part, rows.tolist()
        sequences = {n: [every[row] for row in chosen] for n, every in self.sequences.items()}
        return Batch(
            values={n: pad_sequence(s, batch_first=True) for n, s in sequences.items()},
            lengths={n: torch.tensor([len(x) for x in s]) for n, s in sequences.items()},
            present={n: packed.present[rows] for n, packed in part.modalities.items()},
            labels=part.labels[rows],
            labelled=part.labelled[rows],
            examples=part.positions[rows],
            groups=part.groups[rows],
            tasks=torch.zeros(len(rows), dtype=torch.int64),
        )

    def shuffled(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        order = torch.from_numpy(rng.permutation(len(self)))
        for rows in order.tensor_split(math.ceil(len(self) / size)):
            yield self.batch(rows)

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Batch]]:
        for rows in torch.arange(len(self)).split(size):
            yield rows, self.batch(rows)


class Script:
    """One cell trained in a loop of its own."""

    def __init__(self, cell: Cell, ours: set[str]):
        self.cell, self.ours = cell, ours
        self.settings = TrainingSettings(**cell.training)
        data, root = DataSettings(**cell.data), os.environ.get("FUSEMARK_DATA")
        dataset = open_dataset(cell.dataset, cell.dataset_config, Path(root) if root else None)
        rng = np.random.default_rng(stream("split", seed=cell.seed, fold=cell.fold))
        split = dataset.split(rng, cell.fold)
        self.task = reduced(dataset.task, data)
        train, valid, test = (
            load(dataset, rows, data) for rows in (split.train, split.valid, split.test)
        )
        scaler = Scaler.fit(train, self.task)
        parts = [scaler.apply(part) for part in (train, valid, test)]
        parts.append(joined(train, valid))
        kind = (lambda part: part) if "bucketing" in ours else Examples
        self.train, self.valid, self.test, self.both = map(kind, parts)

    def begin(self) -> None:
        """Make a new model with its optimiser."""
        cell = self.cell
        torch.manual_seed(stream("initialisation", seed=cell.seed, fold=cell.fold))
        self.model = parse(cell.method).build(self.task, cell.config)
        fused = True if "optimiser" in self.ours else None
        kind = torch.optim.Adam if self.settings.optimiser == "adam" else torch.optim.AdamW
        self.optimiser = kind(
            self.model.parameters(), lr=self.settings.lr, weight_decay=self.settings.weight_decay,
            fused=fused,
        )  # fmt: skip
        self.order = np.random.default_rng(stream("order", seed=cell.seed, fold=cell.fold))
        torch.manual_seed(stream("dropout", seed=cell.seed, fold=cell.fold))
        self.noise = torch.Generator().manual_seed(0)

    def epoch(self, part: Any, number: int, epochs: int) -> None:
        """Train one epoch (the first is 1) of so many."""
        settings, model = self.settings, self.model
        model.train()
        count = math.ceil(len(part) / settings.batch)
        for step, batch in enumerate(part.shuffled(settings.batch, self.order)):
            for group in self.optimiser.param_groups:
                group["lr"] = settings.lr * warmup(number - 1 + step / count, epochs)
            batch = model.corrupt(batch, self.noise)
            loss = torch.stack(tuple(model.losses(model(batch), batch).values())).sum()
            self.optimiser.zero_grad()
            model.backward({"loss": loss}, model.parameters())
            if settings.clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            self.optimiser.step()

    def decisions(self, part: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the decided and the true classes of a part."""
        self.model.eval()
        decided, true = [], []
        with torch.no_grad():
            for _, batch in part.in_order(4 * self.settings.batch):
                decided.append(self.model(batch).logits.argmax(1))
                true.append(batch.labels)
        return torch.cat(decided).numpy(), torch.cat(true).numpy()

    def score(self) -> float:
        """Return macro F1 on the validation part."""
        decided, true = self.decisions(self.valid)
        undefined: Any = 0
        return float(f1_score(true, decided, labels=np.unique(true), average="macro",
                              zero_division=undefined))  # fmt: skip

    def whole(self) -> tuple[float, float]:
        """Train, stop as the harness does, train again where it does.

        Returns the accuracy, and the epochs of training that it took.
        """
        settings = self.settings
        self.begin()
        scores, best, weights = [], 0, None
        for number in range(1, settings.epochs + 1):
            self.epoch(self.train, number, settings.epochs)
            scores.append(self.score())
            if scores[-1] == max(scores):
                best = number
                weights = {k: v.clone() for k, v in self.model.state_dict().items()}
            if settings.patience and number - best >= settings.patience:
                break
        self.model.load_state_dict(weights)
        done = float(len(scores))
        if settings.refit:
            epochs = lasting(scores, settings.refit_window)
            self.begin()
            for number in range(1, epochs + 1):
                self.epoch(self.both, number, epochs)
            done += epochs * len(self.both) / len(self.train)
        decided, true = self.decisions(self.test)
        return float((decided == true).mean()), done

    def some(self, epochs: int) -> None:
        """Train and validate some epochs."""
        for number in range(1, epochs + 1):
            self.epoch(self.train, number, self.settings.epochs)
            self.score()


def main() -> None:
    path, parts, threads, epochs, *together = sys.argv[1:]
    torch.set_num_threads(int(threads))
    ours = set(parts.split(",")) & set(PARTS)
    make_plain(ours)
    cell = Cell(**json.loads(Path(path).read_text()))
    if cell.training["schedule"] != "warmup":
        raise SystemExit("the plain loop knows the warm-up schedule alone")
    start = time.perf_counter()
    script, accuracy, done = Script(cell, ours), None, None
    if int(epochs):
        script.begin()
        script.some(1)
        if together:
            wait(Path(together[0]), int(together[1]))
        start = time.perf_counter()
        script.some(int(epochs))
    else:
        accuracy, done = script.whole()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "accuracy": accuracy, "epochs": done}))


def wait(folder: Path, others: int) -> None:
    """Start when so many processes are ready."""
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < others:
        time.sleep(0.01)


if __name__ == "__main__":
    main()
