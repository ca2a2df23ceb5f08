"""Batches, tasks, configurations and splits keep what the contract says of them."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from fusemark.benchmark import Batch, FusionMethod, Modality, Output, Split, Task, UserError, search
from fusemark.benchmark.contract import Space, supervised_loss
from fusemark.benchmark.contract.config import coerce, configure, corners, sized, spaces
from hypothesis import given, settings
from hypothesis import strategies as st

TASK = Task(
    {"audio": Modality((3,), 6, 50.0), "visual": Modality((2, 4, 4), 5)}, ("no", "maybe", "yes")
)


def make(size=4, seed=0):
    chance = torch.Generator().manual_seed(seed)
    return Batch(
        values={
            n: torch.randn(size, m.max_length, *m.shape, generator=chance)
            for n, m in TASK.modalities.items()
        },
        lengths={
            n: torch.randint(1, m.max_length + 1, (size,), generator=chance)
            for n, m in TASK.modalities.items()
        },
        present={n: torch.rand(size, generator=chance) < 0.7 for n in TASK.names},
        labels=torch.arange(size) % 3,
        labelled=torch.rand(size, generator=chance) < 0.7,
        examples=torch.arange(size) + 10,
        groups=torch.arange(size) // 2,
        tasks=torch.zeros(size, dtype=torch.int64),
    )


batches = st.builds(make, st.integers(1, 7), st.integers(0, 10_000))


def equal(one, other):
    def flat(batch):
        for value in vars(batch).values():
            yield from [value] if isinstance(value, torch.Tensor) else value.values()

    return all(torch.equal(a, b) for a, b in zip(flat(one), flat(other), strict=True))


@given(batches)
@settings(deadline=None, max_examples=25)
def test_masks_count_the_lengths_and_begin_at_the_first_step(batch):
    for name in TASK.names:
        mask = batch.mask(name)
        assert mask.shape == batch.values[name].shape[:2]
        assert torch.equal(mask.sum(1), batch.lengths[name])
        assert mask[:, 0].all()
        assert torch.equal(mask.to(torch.int8).cummin(1).values, mask.to(torch.int8))


@given(batches, st.sampled_from([float("nan"), float("inf"), 7.0]))
@settings(deadline=None, max_examples=25)
def test_what_is_not_seen_is_zero_whatever_stands_there(batch, garbage):
    for name in TASK.names:
        seen = batch.mask(name) & batch.present[name][:, None]
        dirty = batch.values[name].clone()
        dirty[~seen] = garbage
        visible = batch.with_values(name, dirty).visible(name)
        assert torch.equal(visible[seen], batch.values[name][seen])
        assert (visible[~seen] == 0).all()
        assert torch.equal(visible, batch.visible(name))


def test_no_gradient_reaches_what_is_not_seen():
    batch = make()
    values = batch.values["visual"].clone().requires_grad_()
    batch.with_values("visual", values).visible("visual").square().sum().backward()
    seen = batch.mask("visual") & batch.present["visual"][:, None]
    assert values.grad is not None
    assert (values.grad[~seen] == 0).all()
    assert (values.grad[seen] != 0).any()


@given(batches, st.randoms())
@settings(deadline=None, max_examples=25)
def test_a_permutation_and_back_is_the_same_batch(batch, chance):
    order = torch.tensor(chance.sample(range(len(batch)), len(batch)))
    there = batch.map(lambda tensor: tensor[order])
    assert equal(there.map(lambda tensor: tensor[order.argsort()]), batch)
    assert torch.equal(there.visible("audio"), batch.visible("audio")[order])


def test_a_batch_has_the_length_and_device_of_its_labels():
    batch = make(5)
    assert len(batch) == 5
    assert batch.device.type == "cpu"
    moved = batch.to("meta")
    assert moved.device.type == "meta"
    assert moved.visible("visual").shape == (5, 5, 2, 4, 4)


def test_a_part_of_the_modalities():
    batch = make()
    part = batch.only("visual")
    assert list(part.values) == list(part.lengths) == list(part.present) == ["visual"]
    assert part.labels is batch.labels
    assert list(batch.values) == ["audio", "visual"]


def test_without_marks_absent_and_leaves_the_rest():
    batch = make()
    gone = batch.without("audio")
    assert not gone.present["audio"].any()
    assert torch.equal(gone.present["visual"], batch.present["visual"])
    assert gone.lengths is batch.lengths
    assert (gone.visible("audio") == 0).all()
    which = torch.tensor([True, False, True, False])
    some = batch.without("audio", which)
    assert torch.equal(some.present["audio"], batch.present["audio"] & ~which)


def test_a_batch_is_never_changed_by_deriving_another():
    batch = make()
    kept = batch.map(torch.clone)
    batch.without("audio").with_values("visual", torch.zeros_like(batch.values["visual"]))
    batch.only("audio").visible("audio").add_(1.0)
    assert equal(batch, kept)


def test_a_task_and_its_modalities():
    assert TASK.names == ("audio", "visual")
    assert [m.width for m in TASK.modalities.values()] == [3, 32]
    swapped = TASK.only("visual", "audio")
    assert swapped.names == ("visual", "audio")
    assert (swapped.outputs, swapped.kind) == (TASK.outputs, TASK.kind)


def test_supervised_loss_of_classes_in_closed_form():
    batch = replace(make(3), labelled=torch.tensor([True, False, True]))
    logits = torch.tensor([[2.0, 0.0, 0.0], [9.0, 9.0, 9.0], [0.0, 0.0, 0.0]])
    expected = (np.log(np.exp(2) + 2) - 2 + np.log(3)) / 2
    assert supervised_loss(logits, batch, TASK).item() == pytest.approx(expected, rel=1e-6)


def test_supervised_loss_of_targets_in_closed_form():
    task = Task(TASK.modalities, ("x", "y"), "regression")
    batch = replace(
        make(2), labels=torch.tensor([[1.0, 3.0], [np.nan, 5.0]]),
        labelled=torch.tensor([True, False]),
    )  # fmt: skip
    assert supervised_loss(torch.zeros(2, 2), batch, task).item() == (1 + 9) / 2


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_without_labels_the_loss_and_its_gradient_are_zero(kind):
    task = Task(TASK.modalities, TASK.outputs, kind)
    hidden = torch.full((4,), 99) if kind == "classification" else torch.full((4, 3), np.nan)
    batch = replace(make(), labels=hidden, labelled=torch.zeros(4, dtype=torch.bool))
    logits = torch.randn(4, 3, requires_grad=True)
    loss = supervised_loss(logits, batch, task)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_the_default_hooks():
    class Shift(FusionMethod):
        """Learns a bias alone."""

        def __init__(self, task, config):
            super().__init__(task, config)
            self.bias = torch.nn.Parameter(torch.zeros(3))

        def forward(self, batch):
            return Output(self.bias.expand(len(batch), 3))

    model, batch = Shift(TASK, Shift.Config()), make()
    assert model.uses == TASK.names
    assert model.branches() == {}
    assert model.corrupt(batch, torch.Generator()) is batch
    losses = model.losses(model(batch), batch)
    assert list(losses) == ["supervised"]
    model.backward({**losses, "again": losses["supervised"]}, model.parameters())
    known = batch.labels[batch.labelled]
    # d CE / d bias = softmax - frequency of each class, here twice.
    expected = 2 * (1 / 3 - torch.bincount(known, minlength=3) / len(known))
    assert model.bias.grad is not None
    torch.testing.assert_close(model.bias.grad, expected)
    with pytest.raises(TypeError, match="does not define forward"):
        FusionMethod(TASK, None)(batch)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        ("3", int, 3), (3.0, int, 3), ("1e2", int, 100), (True, bool, True), ("yes", bool, True),
        ("0", bool, False), ("False", bool, False), ("2", float, 2.0), ("1e-3", float, 1e-3),
        (4, float, 4.0), ("x", str, "x"), ("none", int | None, None), (None, int | None, None),
        ("5", int | None, 5), ("b", Literal["a", "b"], "b"), ("2", Literal[1, 2], 2),
        ("1,2.5", tuple[float, ...], (1.0, 2.5)), ([1, 2], tuple[float, ...], (1.0, 2.0)),
        (3, tuple[int, ...], (3,)), ("", tuple[int, ...], ()), ("a", tuple[str, ...], ("a",)),
        ("2.5", int | float, 2.5), ("x", int | str, "x"), (object, Any, object),
    ],
)  # fmt: skip
def test_values_that_fit(value, hint, expected):
    found = coerce(value, hint, "mult.x")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("3.5", int), ("three", int), (None, int), ("inf", int), ("nan", int), ([1], int),
        ("maybe", bool), (2, bool), (None, bool), ("a", float), (None, float), (3, str),
        (None, str), ("c", Literal["a"]), ("x", int | None), ("1,x", tuple[int, ...]),
        (None, tuple[int, ...]),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_name_the_path_and_the_value(value, hint):
    with pytest.raises(UserError) as error:
        coerce(value, hint, "mult.x")
    assert str(error.value).startswith("mult.x=")
    assert "\n" not in str(error.value)


@dataclass(frozen=True)
class Config:
    width: int = search(40, low=16, high=128, log=True)
    heads: int = search(4, choices=(2, 4, 8))
    layers: int = 5
    deep: bool = False

    def __post_init__(self):
        if self.layers < 1:
            raise ValueError(f"layers={self.layers} is under 1")


def test_a_search_space_stands_beside_its_default():
    assert Config().width == 40
    assert spaces(Config) == {
        "width": Space(16, 128, log=True), "heads": Space(choices=(2, 4, 8)),
    }  # fmt: skip
    assert spaces(Config)["width"].corners == (16, 128)


def test_corners_of_a_few_settings_are_all_combinations():
    found = list(corners(Config))
    expected = [{"width": w, "heads": h} for w in (16, 128) for h in (2, 4, 8)]
    assert found == expected


def test_corners_of_many_settings_are_the_extremes_together_and_one_by_one():
    names = [f"x{i}" for i in range(8)]
    fields = {name: search(0.5, low=0.0, high=1.0) for name in names}
    many = dataclass(frozen=True)(
        type("Many", (), {**fields, "__annotations__": dict.fromkeys(names, float)})
    )
    found = list(corners(many))
    assert found[:2] == [dict.fromkeys(names, 0.0), dict.fromkeys(names, 1.0)]
    assert found[2:] == [{name: end} for name in names for end in (0.0, 1.0)]


@pytest.mark.parametrize(
    "wrong", [{}, {"low": 1}, {"high": 1}, {"low": 1, "high": 2, "choices": (1, 2)}]
)
def test_a_search_takes_an_interval_or_choices(wrong):
    with pytest.raises(TypeError, match="either low and high, or choices"):
        search(1, **wrong)


def test_the_small_size_changes_the_fields_that_are_there():
    assert sized(Config, "small", {"deep": True, "unknown": 1}) == {
        "width": 32, "heads": 4, "layers": 2, "deep": True,
    }  # fmt: skip
    assert sized(Config, "paper", {"deep": True}) == {}


def test_a_configuration_from_text():
    assert configure(Config, {"width": "24", "deep": "yes"}, "mult") == Config(width=24, deep=True)
    with pytest.raises(UserError, match=r"^mult has no setting 'hieads'; did you mean 'heads'\?"):
        configure(Config, {"hieads": 2}, "mult")
    with pytest.raises(UserError, match=r"^mult: layers=0 is under 1$"):
        configure(Config, {"layers": 0}, "mult")


class Labelled:
    """As much of a dataset as a split looks at."""

    name = "somewhere"
    task = TASK
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])


def split(train, valid, test):
    return Split(*(np.array(part, dtype=np.int64) for part in (train, valid, test)))


def test_a_sound_split_passes():
    split([0, 1, 2], [3, 4], [5, 6]).check(Labelled)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([0, 1, 2], [], [3]), "somewhere: the validation part is empty"),
        (([0, 1, 2], [3], []), "somewhere: the test part is empty"),
        (([0, 1, 2], [3], [2]), "somewhere: an example stands in two parts"),
        (([0, 1, 3], [4], [2]), "somewhere: class 'yes' has no training example"),
    ],
)
def test_a_split_that_is_wrong(parts, message):
    with pytest.raises(UserError, match=message):
        split(*parts).check(Labelled)  # pyright: ignore[reportArgumentType]
