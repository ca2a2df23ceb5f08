"""Three seeds of a method, alone and side by side, on parts of unequal sizes."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from fusemark.benchmark import training
from fusemark.benchmark.cell import open_dataset
from fusemark.benchmark.ensemble.fitting import fit, refit
from fusemark.benchmark.ensemble.lockstep import Seed
from fusemark.benchmark.ensemble.parts import Parts
from fusemark.benchmark.ensemble.together import Placed
from fusemark.benchmark.loading import Scaler, joined, load, reduced
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.seeds import stream
from fusemark.benchmark.settings import DataSettings, TrainingSettings
from fusemark.methods.blocks.dropout import Dropout
from torch import nn

SEEDS = 3
TINY = {"methods.width": 8, "methods.heads": 2, "methods.layers": 2}


@dataclass
class Trial:
    """A method on a task of its own small parts: how it is built, and what its seeds train on."""

    build: object
    train: list
    valid: list
    settings: TrainingSettings

    def alone(self, again=True, device="cpu"):
        """Return (model, history, selection, refit model) of each seed, trained by itself."""
        found = []
        build = self.build if device == "cpu" else lambda: Placed(self.build(), device)
        for seed, (train, valid) in enumerate(zip(self.train, self.valid, strict=True)):
            model, history, chosen = training.fit(build, train, valid, self.settings, seed=seed)
            found.append((model, history, chosen))
            if again:
                whole, epochs = joined(train, valid), chosen.epochs
                more = training.refit(build, whole, self.settings, history, epochs, seed=seed)
                found[-1] += (more,)
        return found

    def together(self, again=True, device="cpu"):
        """Return the same of the seeds trained side by side."""
        seeds = self.seeds([self.settings.epochs] * SEEDS, device)
        chosen = fit(seeds, Parts(self.train, device), Parts(self.valid, device), self.settings)
        histories = [seed.history for seed in seeds]
        if not again:
            return [(s.model, s.history, c) for s, c in zip(seeds, chosen, strict=True)]
        again = self.seeds([c.epochs for c in chosen], device)
        whole = [joined(a, b) for a, b in zip(self.train, self.valid, strict=True)]
        refit(again, Parts(whole, device), histories, self.settings)
        return [
            (seed.model, seed.history, chose, more.model)
            for seed, chose, more in zip(seeds, chosen, again, strict=True)
        ]

    def seeds(self, epochs, device="cpu"):
        found = []
        for seed in range(SEEDS):
            torch.manual_seed(stream("initialisation", seed=seed))
            found.append(Seed(seed, 0, self.build().to(device), epochs[seed]))
        return found


@pytest.fixture
def trial():
    """Return a function that prepares a method's trial, without dropout unless told."""

    def make(
        name, *, dtype=torch.float32, dropout=False, clips=182, set_=None, **training_settings
    ):
        dataset = open_dataset("simulated:cremad-like", {"clips": clips}, None)
        data = DataSettings(max_frames=9)
        task = reduced(dataset.task, data)
        recipe = parse(name)
        settings = {**TINY, **(set_ or {})}
        fields = vars(recipe.entry.cls.Config()) if recipe.entry.cls.Config else {}
        known = {k: v for k, v in settings.items() if k.split(".")[1] in fields or "+" in k}
        config = recipe.resolve("small", known)

        def build():
            model = recipe.build(task, config)
            for module in model.modules():
                if isinstance(module, Dropout) and not dropout:
                    module.rate = 0.0
                if isinstance(module, nn.Dropout) and not dropout:
                    module.p = 0.0
            return model.to(dtype)

        train, valid = [], []
        for seed in range(SEEDS):
            split = dataset.split(np.random.default_rng(stream("split", seed=seed)), 0)
            # Unequal parts: seeds have other numbers of batches, and batches of other sizes.
            a = load(dataset, split.train[: 26 - 4 * seed], data)
            b = load(dataset, split.valid[: 7 + seed], data)
            scaler = Scaler.fit(a, task)
            train.append(cast(scaler.apply(a), dtype))
            valid.append(cast(scaler.apply(b), dtype))
        asked = {"batch": 8, "epochs": 3, **training_settings}
        return Trial(build, train, valid, TrainingSettings(**asked))

    return make


def cast(part, dtype):
    packed = {n: replace(p, values=p.values.to(dtype)) for n, p in part.modalities.items()}
    return replace(part, modalities=packed)


@pytest.fixture(autouse=True)
def one_thread():
    """As in a worker: tensors this small gain nothing from a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
