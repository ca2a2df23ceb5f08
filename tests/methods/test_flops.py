"""Every method's formula of its cost: algebra by hand, equal to the last digit to the count."""

from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from fusemark.benchmark.conformance.building import said_settings, searched
from fusemark.benchmark.conformance.subject import OUTPUTS, TINY, Subject
from fusemark.benchmark.contract import FusionMethod, Modality, Task, UserError
from fusemark.benchmark.cost import flops
from fusemark.benchmark.registry import methods, strategies
from fusemark.methods.blocks import algebra
from fusemark.methods.mmpareto import MMPareto
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

# The third is as wide as the model: AuxFormer does not project it.
MODALITIES = (Modality((7,), 96, 50.0), Modality((5,), 160, 30.0), Modality((16,), 128, 25.0))
LENGTHS = ((40, 160, 7), (33, 33, 33), (96, 2, 128), (5, 64, 21), (1, 1, 1))
SHORT = ((4, 9, 6), (1, 1, 1), (12, 3, 5))
"""For recurrent methods, which are counted step by step."""
RECURRENT = ("mfm",)
NAMES = methods.names() + strategies.names()
ABLATIONS = [entry.name for entry in methods if entry.of]
BATCH = 3


class ForbiddenMode(TorchDispatchMode):
    """Lets no operator run."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        raise AssertionError(f"a formula computes with tensors: {func}")


@contextmanager
def by_hand():
    """Inside, no module can be built, no counter started, and no tensor touched."""

    def refuse(self, *args, **kwargs):
        raise AssertionError(f"a formula makes a {type(self).__name__}")

    with pytest.MonkeyPatch.context() as patch, ForbiddenMode():
        for kind in (nn.Module, flops.Counting, FlopCounterMode):
            patch.setattr(kind, "__init__", refuse)
        patch.setattr(flops, "count", refuse)
        yield


def task_of(subject, count, kind="classification"):
    """A task of so many modalities, with the names that the subject knows them by."""
    return Task(
        dict(zip(subject.modalities, MODALITIES[:count], strict=False)), OUTPUTS[kind], kind
    )


def built(subject, task, size="small"):
    with torch.device("meta"):
        return subject.build(task, size=size)


def check(model, lengths, batch=BATCH):
    """Compare formula and count, in inference and in training; return the formula's figures."""
    figures = []
    for training in (False, True):
        with by_hand():
            formula = model.flops(batch, lengths, training)
        counted = flops.count(model, batch, lengths, training)
        assert type(formula) is int
        assert formula == counted.total, (lengths, training, counted.by_operator)
        assert counted.uncounted == {}
        figures.append(formula)
    assert 0 < figures[0] < figures[1]
    return figures


def lengths_of(name):
    return SHORT if name.partition("+")[0] in RECURRENT else LENGTHS


@pytest.mark.parametrize("name", NAMES)
def test_counted_equals_formula(name):
    """Five lengths of two modalities; one of one and of three, but for ablations."""
    subject = Subject.of(name)
    for count in (2,) if name in ABLATIONS else subject.counts:
        model = built(subject, task_of(subject, count))
        for lengths in lengths_of(name)[: 5 if count == 2 else 1]:
            check(model, dict(zip(model.task.names, lengths, strict=False)))


FILMED = (
    "auxformer", "chunked", "early-concat", "frame-discard", "husformer", "ladder", "late-concat",
    "mag", "mbt", "mfm", "mmpareto", "mult", "only", "perceiver", "unillm",
)  # fmt: skip
"""Methods whose formulas bring frames to the model's width each in a way of its own."""


@pytest.mark.parametrize("name", FILMED)
def test_counted_equals_formula_for_image_frames(name):
    subject = Subject.of(name)
    model = built(subject, subject.filmed())
    check(model, dict(zip(model.task.names, (6, 5), strict=False)), batch=2)


SETTINGS = (
    ("late-concat", {"late-concat.head": "mlp"}),
    ("symile", {"symile.negatives": "n_squared"}),
    ("unillm", {"unillm.active": 1}),
    ("unillm", {"unillm.stem": 2, "unillm.tasks": 3}),
    ("perceiver", {"perceiver.shared": False, "perceiver.repeats": 3}),
    ("mag", {"mag.injection": 2, "mag.pivot": "b"}),
    ("mult", {"mult.kernel": 3, "mult.causal": True, "mult.attention_dropout": 0.1}),
    ("mbt", {"mbt.fusion_layers": 4, "mbt.layers": 3, "mbt.bottlenecks": 0}),
    ("chunked", {"chunked.expensive": "a", "chunked.stride": 5, "chunked.crossings": 2}),
    ("husformer", {"husformer.class_weights": "1,2,3"}),
    ("pmr", {"late-concat.head": "mlp"}),
    ("mmpareto", {"late-concat.head": "mlp"}),
    ("late-average+mmpareto", {}),
    ("late-average+pmr", {}),
    ("auxformer+pmr", {}),
    ("auxformer+mmpareto", {}),
    ("ladder+mmpareto", {}),
    ("ladder-none+mmpareto", {}),
    ("late-concat+pmr+moddrop+mmpareto", {}),
    ("ladder+missing-modality+ogm-ge", {}),
)


@pytest.mark.parametrize(
    ("name", "settings"), SETTINGS, ids=[f"{n} {said_settings(s)}".strip() for n, s in SETTINGS]
)
def test_counted_equals_formula_with_other_settings(name, settings):
    subject = replace(Subject.of(name), settings={**TINY, **settings})
    model = built(subject, task_of(subject, 3))
    check(model, dict(zip(model.task.names, LENGTHS[0], strict=True)))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_counted_equals_formula_in_every_corner(name):
    """Every corner of what tuning may try, size paper, regression, and what is left out above."""
    subject = Subject.of(name)
    pair = task_of(subject, 2)
    lengths = dict(zip(pair.names, lengths_of(name)[0], strict=False))
    shapes = []
    for corner in searched(subject):
        # Rates and weights change no cost.
        shape = {n: v for n, v in corner.items() if not isinstance(v, float | tuple)}
        if shape not in shapes:
            shapes.append(shape)
            check(built(replace(subject, settings={**TINY, **shape}), pair), lengths)
    check(built(replace(subject, settings={}), pair, "paper"), lengths)
    for count in subject.counts:
        model = built(subject, task_of(subject, count))
        for each in lengths_of(name)[1:]:
            check(model, dict(zip(model.task.names, each, strict=False)))
    if "regression" in subject.kinds:
        check(built(subject, task_of(subject, 2, "regression")), lengths)
    with suppress(UserError):
        check(built(subject, subject.filmed()), dict(zip(pair.names, (6, 5), strict=False)))


def test_no_counter_no_module_and_no_tensor_can_be_used_in_a_formula():
    """What every formula above was evaluated under does bite."""
    with by_hand():
        for start in (FlopCounterMode, nn.Identity, lambda: flops.Counting(None)):
            with pytest.raises(AssertionError, match="a formula makes"):
                start()
        with pytest.raises(AssertionError, match="computes with tensors"):
            torch.zeros(2)


def differences(values, order):
    for _ in range(order):
        values = [b - a for a, b in pairwise(values)]
    return values


def audiovisual(name, steps):
    """Audio of 3 s at 62.5 Hz, and as many frames as the longest sequence of the task has."""
    modalities = {"audio": Modality((130,), 188, 62.5), "visual": Modality((512,), steps, 30.0)}
    settings = {"methods.width": 40, "methods.heads": 4, "chunked.chunk": 32, "chunked.stride": 16}
    subject = replace(Subject.of(name), settings=settings)
    return built(subject, Task(modalities, OUTPUTS["classification"]), "paper")


def counted(name, steps, training):
    lengths = {"audio": 188, "visual": steps}
    return flops.count(audiovisual(name, steps), 1, lengths, training).total


@pytest.mark.parametrize("training", [False, True])
def test_mult_is_exactly_quadratic_in_the_frames(training):
    """The square's factor is that of the visual self-encoder alone, 4 d blocks, thrice to train."""
    values = [counted("mult", steps, training) for steps in (64, 128, 192, 256, 320)]
    assert differences(values, 3) == [0, 0]
    square = 4 * 40 * 4 * 64**2 * (3 if training else 1)
    assert differences(values, 2) == [2 * square] * 3


@pytest.mark.parametrize("training", [False, True])
def test_chunked_is_exactly_affine_in_the_frames(training):
    """With chunks of m frames for every W, and the number of frames a multiple of W."""
    values = [counted("chunked", steps, training) for steps in (64, 128, 192, 256, 320)]
    assert differences(values, 2) == [0, 0, 0]
    assert differences(values, 1)[0] > 0


def test_unchunked_is_quadratic_and_its_cheaper_baselines_are_not():
    """Frames thrown away leave 1/64 of the square, an excerpt of fixed length nothing at all."""
    steps = (64, 128, 192, 256)
    square = 4 * 40 * 4 * 64**2
    for name, share in (("unchunked", 1), ("frame-discard", 64)):
        values = [counted(name, s, training=False) for s in steps]
        assert differences(values, 2) == [2 * square // share] * 2
    assert differences([counted("crop", s, training=False) for s in steps], 1) == [0, 0, 0]


def recurrent(name, steps, training):
    """Formula and count for sequences of equal lengths."""
    subject = Subject.of(name)
    task = Task({n: Modality((5 + i,), steps) for i, n in enumerate("ab")}, OUTPUTS["regression"],
                "regression")  # fmt: skip
    model, lengths = built(subject, task), dict.fromkeys(task.names, steps)
    with by_hand():
        formula = model.flops(BATCH, lengths, training)
    assert formula == flops.count(model, BATCH, lengths, training).total
    return formula


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("training", [False, True])
def test_recurrent_methods_are_exactly_affine_in_time(name, training):
    assert differences([recurrent(name, steps, training) for steps in (3, 6, 9)], 2) == [0]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECURRENT)
def test_the_affine_formula_holds_at_1024_steps(name):
    for training in (False, True):
        recurrent(name, 1024, training)


def test_a_layer_costs_what_its_equations_say():
    """24 T d^2 + 4 T^2 d forward, and twice that backward (Kaplan et al., 2020, without C_emb)."""
    batch, steps, width = 2, 50, 8
    layer = algebra.layer(batch, steps, width)
    assert layer.forward == batch * (24 * steps * width**2 + 4 * steps**2 * width)
    assert layer.backward == 2 * layer.forward
    assert algebra.linear(6, 5, 4, leaf=True) == algebra.Work(240, 240)


class Bare(FusionMethod):
    """A user's method, without a formula."""


class Headed(Bare):
    """A user's method with a formula that knows no branches."""

    def flops(self, batch, lengths, training=False):
        return batch


def test_a_method_without_a_formula_says_so():
    task = Task({"a": MODALITIES[0]}, ("x", "y"))
    lengths = {"a": 4}
    with pytest.raises(NotImplementedError, match="Bare declares no formula"):
        Bare(task, None).flops(1, lengths)
    moddrop = strategies["moddrop"].cls
    with pytest.raises(NotImplementedError, match="Bare declares no formula"):
        moddrop(Bare(task, None), moddrop.Config()).flops(1, lengths)
    pareto = MMPareto(Headed(task, None), MMPareto.Config())
    assert pareto.flops(1, lengths) == 1
    with pytest.raises(NotImplementedError, match="Headed declares no cost of its branches"):
        pareto.flops(1, lengths, training=True)


def test_a_pretrained_backbone_has_no_formula():
    subject = Subject.of("unillm")
    model = built(subject, task_of(subject, 2))
    model.config = replace(model.config, backbone="folder")
    with pytest.raises(NotImplementedError, match="'folder' is not declared"):
        model.flops(1, {"a": 4, "b": 4})
