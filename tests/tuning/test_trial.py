"""The training of a trial is the ordinary cell's, less its test part."""

from dataclasses import asdict

import numpy as np
import pytest
from fusemark.benchmark.cell import open_dataset, run_quality
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.seeds import stream
from fusemark.benchmark.settings import TrainingSettings
from fusemark.benchmark.training import History
from fusemark.benchmark.tuning import trial as training
from fusemark.benchmark.tuning.tune import FIRST_SEED
from fusemark.benchmark.tuning.withheld import TestPartError, Withheld

from .conftest import held


def cells(set_, seeds=(FIRST_SEED,)):
    fields = {"methods": ["toy-linear"], "datasets": ["toy"], "settings": set_, "seeds": seeds}
    return Planned(make_plan(fields), None).cells


@pytest.mark.parametrize(
    "set_",
    [
        {"training.schedule": "plateau", "training.plateau_patience": 1},
        {"training.schedule": "warmup", "training.patience": 2, "training.epochs": 30},
        {"training.schedule": "constant", "toy-linear.rate": 0.4, "data.labelled": 0.3},
        {"toy.kind": "regression", "data.normalise": False, "training.optimiser": "adamw"},
        {"toy.folds": 2, "training.refit": True, "data.max_frames": 3},
    ],
)
def test_history_equals_the_ordinary_cells(set_):
    for cell in cells({"training.epochs": 8, **set_}):
        heard: dict[int, float] = {}
        found = training.train(cell, None, "toy", heard.__setitem__)
        record, _ = run_quality(cell, None)
        expected = {k: v for k, v in record["history"].items() if k != "score"}
        assert asdict(found) == expected
        assert list(heard) == expected["epoch"]
        assert list(heard.values()) == expected["valid_score"]


def test_first_trial_is_the_default_cell_epoch_by_epoch(specs, step):
    (spec,) = specs(pruner="none")
    assert step(spec) == "complete"
    record, _ = run_quality(spec.cells[0], None)
    (trial,) = held(spec)
    assert list(trial.intermediate_values.values()) == record["history"]["valid_score"]
    assert trial.values == [max(record["history"]["valid_score"])]
    assert trial.user_attrs["run"]["default"]


def test_seeds_of_a_trial_are_averaged(specs, step):
    (spec,) = specs(seeds=3)
    step(spec)
    (trial,) = held(spec)
    best = [max(run_quality(cell, None)[0]["history"]["valid_score"]) for cell in spec.cells]
    assert [cell.seed for cell in spec.cells] == [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2]
    assert trial.values == pytest.approx([np.mean(best)])
    assert sorted(trial.intermediate_values) == list(range(1, 13))


def test_each_seed_of_a_trial_takes_the_next_fold(specs):
    (spec,) = specs(seeds=3, set_={"toy.folds": 2})
    assert [cell.fold for cell in spec.cells] == [0, 1, 0]


def test_score_of_a_training_that_is_refit_is_the_mean_around_its_epochs():
    scores = [0.1, 0.9, 0.1, 0.5, 0.6, 0.7, 0.2]
    history = History(valid_score=scores)
    assert training.achieved(history, TrainingSettings()) == 0.9
    # Means over three: the greatest is (.5 + .6 + .7) / 3 at the fifth epoch.
    refit = TrainingSettings(refit=True, refit_window=3)
    assert training.achieved(history, refit) == pytest.approx(0.6)


def test_test_part_cannot_be_read_and_its_labels_are_not_there():
    dataset = open_dataset("toy", {}, None)
    split = dataset.split(np.random.default_rng(stream("split", seed=0)), 0)
    withheld = Withheld(dataset, split)
    with pytest.raises(TestPartError, match="stands in the test part"):
        withheld.examples(np.array([split.train[0], split.test[0]]))
    assert dataset.read == []
    assert (withheld.labels[split.test] == -1).all()
    assert (withheld.labels[split.train] == dataset.labels[split.train]).all()
    assert len(withheld.split(np.random.default_rng(0), 0).test) == 0


def test_a_trial_reads_every_training_and_validation_example_and_no_other(monkeypatch):
    opened = []

    def keep(*given):
        opened.append(open_dataset(*given))
        return opened[-1]

    monkeypatch.setattr(training, "open_dataset", keep)
    training.parts.cache_clear()
    (cell,) = cells({"training.epochs": 2})
    training.train(cell, None, "toy", lambda *_: None)
    (dataset,) = opened
    split = dataset.split(np.random.default_rng(stream("split", seed=FIRST_SEED)), 0)
    assert sorted(dataset.read) == sorted([*split.train, *split.valid])


def test_a_dataset_that_notices_is_tuned_but_not_tested(specs, step):
    (spec,) = specs(datasets="toy-sealed", trials=2)
    assert step(spec) == "complete"
    with pytest.raises(RuntimeError, match="the test part was read"):
        run_quality(spec.cells[0], None)


def test_a_trial_that_would_test_is_no_failed_trial_but_a_fault(specs, step, monkeypatch):
    (spec,) = specs(trials=2)

    def peek(*_):
        raise TestPartError("read")

    monkeypatch.setattr(training, "train", peek)
    with pytest.raises(TestPartError):
        step(spec)
