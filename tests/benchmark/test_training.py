import dataclasses

import numpy as np
import pytest
import torch
from fusemark.benchmark import UserError
from fusemark.benchmark.cell import Cell, open_dataset, run_quality
from fusemark.benchmark.loading import Scaler, average, hide_labels, joined, load, reduced
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.seeds import stream
from fusemark.benchmark.settings import DataSettings, TrainingSettings
from fusemark.benchmark.training import DivergedError, Steps, fit, lasting, predict, refit, warmup


def cell(toy, method="toy-linear", seed=0, data=None, dataset=None, **training):
    training = TrainingSettings(**{"epochs": 6, "batch": 16, **training})
    recipe = parse(method)
    return Cell(
        method=method,
        config=recipe.resolve("small", {}),
        dataset="toy",
        dataset_config=dataset or {},
        fingerprint="f",
        seed=seed,
        fold=0,
        training=training.model_dump(),
        data=DataSettings(**(data or {})).model_dump(),
    )


def parts(toy, **data):
    dataset = open_dataset("toy", {}, None)
    split = dataset.split(np.random.default_rng(0), 0)
    settings = DataSettings(**data)
    return (
        dataset,
        split,
        load(dataset, split.train, settings),
        load(dataset, split.valid, settings),
    )


def test_training_and_selection_read_no_test_example(toy, monkeypatch):
    """The test part is read only when the last weights are fixed."""
    opened = []
    monkeypatch.setattr(
        "fusemark.benchmark.cell.open_dataset",
        lambda *a: opened.append(open_dataset(*a)) or opened[-1],
    )
    read_before_end = []

    def spy(function):
        def wrapped(*arguments, **named):
            result = function(*arguments, **named)
            read_before_end.append(set(opened[0].read))
            return result

        return wrapped

    monkeypatch.setattr("fusemark.benchmark.cell.fit", spy(fit))
    monkeypatch.setattr("fusemark.benchmark.cell.refit", spy(refit))
    run_quality(cell(toy, refit=True), None)
    split = opened[0].split(np.random.default_rng(stream("split", seed=0)), 0)
    assert len(read_before_end) == 2
    for seen in read_before_end:
        assert seen == set(split.train) | set(split.valid)
    assert set(opened[0].read) > set(split.test)


def test_equal_seeds_give_bitwise_equal_predictions(toy):
    torch.set_num_threads(1)
    first, other, again = (
        run_quality(cell(toy, seed=s), None)[1]["probabilities"] for s in (3, 4, 3)
    )
    assert first.tobytes() == again.tobytes()
    assert first.shape != other.shape or first.tobytes() != other.tobytes()


def test_best_weights_are_restored(toy):
    """The returned model scores what the history says of its best epoch."""
    dataset, _, train, valid = parts(toy)
    recipe = parse("toy-linear")

    def build():
        return recipe.build(dataset.task, recipe.resolve("small", {}))

    model, history, selection = fit(
        build, train, valid, TrainingSettings(epochs=12, lr=0.05, patience=3), seed=1
    )
    said = predict(model, valid, 64).argmax(1)
    from sklearn.metrics import f1_score

    score = f1_score(valid.labels, said, average="macro", labels=np.unique(valid.labels))
    assert score == history.valid_score[selection.best_epoch - 1] == max(history.valid_score)
    if selection.stopped == "patience":
        assert selection.epochs == selection.best_epoch + 3


def test_refit_repeats_the_first_training_on_more_examples(toy):
    """On the same examples a refit of n epochs has the weights that training had after n."""
    dataset, _, train, valid = parts(toy)
    recipe = parse("toy-linear")

    def build():
        return recipe.build(dataset.task, recipe.resolve("small", {}))

    settings = TrainingSettings(epochs=5, patience=None, lr=0.01, schedule="plateau")
    model, history, selection = fit(build, train, valid, settings, seed=2)
    again = refit(build, train, settings, history, selection.best_epoch, seed=2)
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_divergence_is_an_error_that_says_what_to_do(toy):
    with pytest.raises(DivergedError, match=r"smaller training\.lr"):
        run_quality(cell(toy, method="toy-diverges"), None)


def test_streams_are_fixed_and_independent():
    # The first eight bytes of SHA-256 over the named axes, as `sha256sum` prints them.
    import hashlib

    text = b"order|seed=7|fold=2"
    assert stream("order", seed=7, fold=2) == int(hashlib.sha256(text).hexdigest()[:16], 16) >> 1
    values = {
        stream(n, seed=s, fold=f)
        for n in ("initialisation", "order", "dropout", "split", "corruption")
        for s in range(20)
        for f in range(3)
    }
    assert len(values) == 5 * 20 * 3


def test_normalisation_is_fitted_on_the_training_frames_alone(toy):
    dataset, split, train, valid = parts(toy)
    frames = torch.from_numpy(np.concatenate([e["audio"] for e in dataset.examples(split.train)]))
    scaler = Scaler.fit(train, dataset.task)
    mean, deviation = frames.mean(0), frames.numpy().std(0)
    np.testing.assert_allclose(scaler.mean["audio"], mean, atol=1e-5)
    np.testing.assert_allclose(scaler.scale["audio"], deviation, rtol=1e-4)
    before = valid.modalities["audio"].values.clone()
    after = scaler.apply(valid).modalities["audio"].values
    np.testing.assert_allclose(after, (before - mean) / deviation, atol=1e-4)


def test_features_in_one_unit_keep_their_proportions(toy):
    dataset, _, train, _ = parts(toy)
    audio = dataclasses.replace(dataset.task.modalities["audio"], one_unit=True)
    task = dataclasses.replace(dataset.task, modalities={**dataset.task.modalities, "audio": audio})
    values = train.modalities["audio"].values
    values[:, 1] *= 10
    common = float(values.numpy().var(0).mean() ** 0.5)
    np.testing.assert_allclose(Scaler.fit(train, task).scale["audio"], common, rtol=1e-5)
    separate = Scaler.fit(train, dataset.task).scale["audio"]
    np.testing.assert_allclose(separate, values.numpy().std(0), rtol=1e-4)


def test_frames_are_averaged_in_groups(toy):
    values = np.arange(14, dtype=np.float32).reshape(7, 2)
    expected = [values[:2].mean(0), values[2:4].mean(0), values[4:].mean(0)]
    np.testing.assert_array_equal(average(values, 3), expected)
    assert average(values, 7) is average(values, None) is values
    dataset = open_dataset("toy", {}, None)
    task = reduced(dataset.task, DataSettings(max_frames=8))
    assert [(m.max_length, m.rate) for m in task.modalities.values()] == [(8, None), (7, 25.0)]


def test_batches_cover_every_example_once_and_pad_by_zero(toy):
    _, _, train, _ = parts(toy)
    rng = np.random.default_rng(0)
    batches = list(train.shuffled(7, rng))
    assert sorted(torch.cat([b.examples for b in batches]).tolist()) == train.positions.tolist()
    sizes = [len(b) for b in batches]
    assert max(sizes) - min(sizes) <= 1, "no batch is left with a single example"
    for batch in batches:
        for name in batch.values:
            assert (batch.values[name][~batch.mask(name)] == 0).all()
            assert batch.values[name].shape[1] == batch.lengths[name].max()


def test_bucketing_pads_less_than_random_batches():
    """On uniform lengths 1 to 100, sorting windows of eight batches cuts the padding by half."""
    from fusemark.benchmark.loading import Packed, Part

    rng = np.random.default_rng(0)
    lengths = torch.from_numpy(rng.integers(1, 101, 1000))
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    packed = Packed(torch.zeros(int(offsets[-1]), 1), offsets, torch.ones(1000, dtype=torch.bool))
    index = torch.arange(1000)
    part = Part({"a": packed}, index * 0, index >= 0, index, index)

    def padding(batches):
        return sum(int((~b.mask("a")).sum()) for b in batches)

    random = (part.batch(rows) for rows in torch.from_numpy(rng.permutation(1000)).split(32))
    assert padding(part.shuffled(32, rng)) < 0.5 * padding(random)


def test_joined_parts_hold_the_examples_of_both(toy):
    _, _, train, valid = parts(toy)
    both = joined(train, valid)
    last = both.batch(torch.tensor([len(both) - 1]))
    own = valid.batch(torch.tensor([len(valid) - 1]))
    assert len(both) == len(train) + len(valid)
    for name in own.values:
        assert torch.equal(last.values[name], own.values[name])


def test_labels_are_hidden_by_class(toy):
    _, _, train, _ = parts(toy)
    some = hide_labels(train, 0.25, np.random.default_rng(0))
    for label in range(3):
        members = train.labels == label
        assert int(some.labelled[members].sum()) == round(0.25 * int(members.sum()))
    record, _ = run_quality(cell(toy, data={"labelled": 0.25}), None)
    assert record["counts"]["labelled"] == int(some.labelled.sum())


def test_warmup_is_linear_then_cosine():
    assert warmup(3, 60) == pytest.approx(0.5, abs=1e-3)
    assert warmup(6, 60) == pytest.approx(1.0)
    assert warmup(33, 60) == pytest.approx(0.5)
    assert warmup(60, 60) == pytest.approx(0.0, abs=1e-12)


def test_clipping_bounds_the_gradient(toy):
    dataset, _, train, _ = parts(toy)
    recipe = parse("toy-linear")
    model = recipe.build(dataset.task, recipe.resolve("small", {}))
    steps = Steps(model, TrainingSettings(clip=1e-3), seed=0, fold=0, epochs=1)
    steps.epoch(train, 1)
    norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
    assert norm <= 1e-3 * (1 + 1e-4)


def test_regression_cells_are_scored_as_regression(toy):
    record, predictions = run_quality(
        cell(toy, dataset={"kind": "regression"}, lr=0.03, epochs=30), None
    )
    assert record["kind"] == "regression"
    assert set(record["metrics"]) == {"mae", "rmse", "r2", "pearson", "chance_mae"}
    assert record["metrics"]["mae"] < record["metrics"]["chance_mae"]
    error = np.abs(predictions["values"] - predictions["labels"]).mean()
    assert record["metrics"]["mae"] == pytest.approx(float(error), rel=1e-6)


@pytest.mark.parametrize("shape", [(3, 6), (0, 5), (13, 5)])
def test_an_example_that_does_not_fit_the_task_is_named(toy, monkeypatch, shape):
    dataset = open_dataset("toy", {}, None)
    wrong = {"audio": np.zeros(shape, np.float32), "visual": None}
    monkeypatch.setattr(dataset, "examples", lambda positions: [wrong])
    with pytest.raises(UserError, match="toy: example 'clip 3' has audio of shape"):
        load(dataset, np.array([3]), DataSettings())


@pytest.mark.parametrize(
    ("scores", "window", "epoch"),
    [
        ([0.1, 0.9, 0.2, 0.7, 0.8, 0.7, 0.1], 1, 2),  # without a window the greatest itself
        ([0.1, 0.9, 0.2, 0.7, 0.8, 0.7, 0.1], 3, 5),  # (.7 + .8 + .7) / 3 around the fifth
        ([0.5, 0.5, 0.5], 3, 3),  # the last of equals
        ([0.2, 0.6, 0.8], 3, 3),  # at the end the mean is over what there is: (.6 + .8) / 2
        ([0.4], 9, 1),
    ],
)
def test_a_refit_takes_the_epoch_around_which_scores_last(scores, window, epoch):
    assert lasting(scores, window) == epoch
