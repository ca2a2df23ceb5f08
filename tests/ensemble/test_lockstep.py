"""Seeds side by side against the same seeds alone: the same numbers, whatever they train."""

import numpy as np
import pytest
import torch
from fusemark.benchmark import training
from fusemark.benchmark.ensemble.fitting import fit
from fusemark.benchmark.ensemble.parts import Parts
from fusemark.benchmark.ensemble.probe import unsuited
from fusemark.benchmark.ensemble.stacked import Stacked, shell
from fusemark.benchmark.registry import methods, strategies
from fusemark.methods.blocks.dropout import Dropout

from .conftest import SEEDS

# Whatever draws noise of its own gets other noise side by side; what has a backward pass or a
# state of its own is never trained so.
DRAWS = {"mfm", "ladder", "ladder-no-cross", "ladder-no-modality", "labelled-only"}
APART = {"unillm", "mmpareto", "ogm-ge", "pmr"}
NAMES = [
    f"{entry.name}:audio" if getattr(entry, "argument", None) else entry.name
    for entry in (*methods, *strategies)
    if entry.name not in DRAWS | APART and not entry.name.startswith("toy")
]

FAST = {"chunked", "early-concat", "mbt", "missing-modality", "mult"}
"""The others run with the slow tests."""


def losses(history):
    return np.array([history.train_loss, history.valid_loss])


def test_nearly_every_method_is_here():
    assert len(NAMES) >= 20


@pytest.mark.parametrize(
    "name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]
)
def test_exact_in_float64(trial, name):
    prepared = trial(name, dtype=torch.float64, epochs=2)
    pairs = zip(prepared.alone(again=False), prepared.together(again=False), strict=True)
    for alone, together in pairs:
        np.testing.assert_allclose(losses(together[1]), losses(alone[1]), rtol=1e-7, atol=1e-9)
        assert together[1].valid_score == alone[1].valid_score
        assert together[1].lr == alone[1].lr
        assert together[2] == alone[2]


@pytest.mark.parametrize("name", ["mult", "late-concat", "chunked", "missing-modality"])
def test_within_1e_4_in_float32(trial, name):
    prepared = trial(name)
    pairs = zip(prepared.alone(again=False), prepared.together(again=False), strict=True)
    for alone, together in pairs:
        np.testing.assert_allclose(losses(together[1]), losses(alone[1]), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "plateau", "plateau_patience": 1, "optimiser": "adamw", "weight_decay": 0.1},
        {"schedule": "constant", "clip": None, "weight_decay": 0.1},
        {"schedule": "constant", "clip": 1e-3},
    ],
)
def test_every_setting_of_training(trial, settings):
    prepared = trial("mult", dtype=torch.float64, epochs=5, **settings)
    for alone, together in zip(prepared.alone(), prepared.together(), strict=True):
        np.testing.assert_allclose(losses(together[1]), losses(alone[1]), rtol=1e-7)
        assert together[1].lr == alone[1].lr
        for one, other in zip(alone[::3], together[::3], strict=True):
            part = prepared.valid[0]
            said = [training.predict(m, part, 64) for m in (one, other)]
            torch.testing.assert_close(*said, rtol=1e-6, atol=1e-6)


def test_lack_of_memory_is_raised_and_makes_no_method_unsuited(trial, monkeypatch):
    def full(*given):
        raise MemoryError("no room")

    prepared = trial("late-concat")
    models = [prepared.build() for _ in range(SEEDS)]
    parts = Parts(prepared.train, "cpu")
    batches = [parts.alone(seed, np.arange(4)) for seed in range(SEEDS)]
    assert unsuited(models, batches) is None
    monkeypatch.setattr(Stacked, "gradients", full)
    with pytest.raises(MemoryError):
        unsuited(models, batches)


def test_each_seed_stops_by_its_own_patience(trial):
    prepared = trial("late-concat", dtype=torch.float64, epochs=12, patience=2, lr=2e-2)
    alone, together = prepared.alone(again=False), prepared.together(again=False)
    assert len({chosen.epochs for _, _, chosen in alone}) > 1
    assert [t[2] for t in together] == [a[2] for a in alone]


def test_a_seed_that_diverges_leaves_the_rest_alone(trial):
    prepared = trial("late-concat", dtype=torch.float64)
    unharmed = prepared.together(again=False)
    prepared.train[1].modalities["audio"].values.fill_(float("nan"))
    seeds = prepared.seeds([3] * SEEDS)
    chosen = fit(
        seeds, Parts(prepared.train, "cpu"), Parts(prepared.valid, "cpu"), prepared.settings
    )
    assert chosen[1] is None
    assert "loss is nan in epoch 1" in str(seeds[1].error)
    for seed in (0, 2):
        assert losses(seeds[seed].history) == pytest.approx(losses(unharmed[seed][1]), rel=1e-9)


def test_dropout_differs_between_seeds_and_has_its_rate(trial):
    prepared = trial("late-concat", dropout=True, set_={"late-concat.dropout": 0.25})
    torch.manual_seed(0)
    model = prepared.build()
    rates = [m.rate for m in model.modules() if isinstance(m, Dropout)]
    assert [m.p for m in shell(model).modules() if isinstance(m, torch.nn.Dropout)] == rates
    assert 0.25 in rates
    # The same weights and the same batch for all: what differs is the dropout.
    many = Stacked([model] * SEEDS, "cpu")
    batch = Parts([prepared.train[0]] * SEEDS, "cpu").batch(range(SEEDS), [np.arange(8)] * SEEDS)
    first, second = (many.gradients(batch)[0] for _ in range(2))
    assert len({*first.tolist(), *second.tolist()}) == 2 * SEEDS
    # Its mean over many draws is that of the model alone.
    alone = torch.stack([loss_of(model.train(), prepared.train[0]) for _ in range(400)])
    drawn = torch.cat([many.gradients(batch)[0] for _ in range(400 // SEEDS)])
    error = (alone.var() / len(alone) + drawn.var() / len(drawn)).sqrt()
    assert abs(alone.mean() - drawn.mean()) < 4 * error


@torch.no_grad()
def loss_of(model, part):
    batch = part.batch(torch.arange(8))
    return torch.stack(tuple(model.losses(model(batch), batch).values())).sum()
