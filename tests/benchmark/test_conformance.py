"""The conformance suite must fail on methods that are wrong in one known way each."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from fusemark.benchmark import TrainingStrategy, UserError, search
from fusemark.benchmark.conformance import PROPERTIES, Subject, check_method
from fusemark.benchmark.recipes import Recipe
from fusemark.benchmark.registry import MethodEntry, StrategyEntry, methods
from torch import nn

from . import broken
from .broken import Branched, Sound, UnusedParameter

BROKEN = [  # property, method, what its verdict must say
    ("shapes", broken.ExtraAxis, "expected torch.float32 (4, 3)"),
    ("shapes", broken.BareTensor, "returned Tensor, not an Output"),
    ("shapes", broken.WritesInput, "writes into the values of 'a'"),
    ("shapes", broken.CountsItsCalls, "a forward pass in evaluation changes 'calls'"),
    ("gradients", broken.UnusedParameter, "no gradient reaches parameter 'spare'"),
    ("gradients", broken.DeafToOne, "does not depend on 'a', which `uses` names"),
    ("gradients", broken.SaysLessThanItUses, "depends on 'b', which `uses` does not name"),
    ("gradients", broken.BlindLoss, "loss 'supervised' is inf"),
    ("padding", broken.CountsPadding, "more padding of 'a': a prediction moves by"),
    ("padding", broken.MultipliesByMask, "garbage in the padding: a prediction is no longer"),
    ("padding", broken.PaddingInTraining, "the padding while training: loss 'energy' is nan"),
    ("neighbours", broken.BatchStatistics, "neighbours fifty times as large: a prediction moves"),
    ("neighbours", broken.PositionInBatch, "another order of the batch: a prediction moves"),
    ("absence", broken.SeesTheAbsent, "'a' absent, garbage in its place: a prediction"),
    ("absence", broken.NoneLeft, "every modality absent, garbage in its place:"),
    ("lengths", broken.NeedsThreeSteps, "one step each: RuntimeError"),
    ("lengths", broken.SampleDeviation, "one step each: logits are not finite"),
    ("frames", broken.VectorsOnly, "RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
    ("frames", broken.LastPixel, "garbage in the padding: a prediction"),
    ("overfit", broken.LearnsOtherLabels, "accuracy 0.00 on eight examples after 300 steps"),
    ("seeds", broken.OwnChance, "differ in 'head.bias' after construction"),
    ("seeds", broken.OwnSeed, "the method sets torch's seed itself"),
    ("seeds", broken.OwnDraw, "seeds 5 and 6 draw the same weights"),
    ("seeds", broken.NoiseInEvaluation, "the same seed and weights predict differently"),
    ("seeds", broken.OwnCorruption, "corrupt draws 'a' by other chance than its generator's"),
    ("seeds", broken.CorruptsInPlace, "corrupt writes into the values of 'a'"),
    ("seeds", broken.OwnNoise, "differ in 'project.a.weight' after three training steps"),
    ("saving", broken.HiddenState, "neither a parameter nor a buffer"),
    ("search-space", broken.Indivisible, "rate=0.0: broken: width 8 is not divisible"),
    ("search-space", broken.IndivisibleAtPaperSize, "at size paper: broken: width 8 is not"),
    ("search-space", broken.TooMuchOfARate, "rate=1.5: broken: dropout probability"),
    ("search-space", broken.EvenWidthsOnly, "shapes cannot be multiplied"),
    ("shapes-alone", broken.ReadsAValue, "on the meta device: RuntimeError: Tensor.item()"),
    ("shapes-alone", broken.BranchesOnData, "on the meta device"),
    ("shapes-alone", broken.SelectsRows, "on the meta device"),
    ("shapes-alone", broken.OnNoDevice, "on the meta device"),
    ("labels", broken.ReadsHiddenLabels, "the loss 'supervised' reads them"),
    ("labels", broken.MeanOfNoLabels, "no label at all: loss 'supervised' is nan"),
    ("labels", broken.PredictsFromLabels, "the prediction changes with the labels"),
    ("branches", broken.BranchesMixed, "branch 'b': its logits depend on 'a'"),
    ("branches", broken.BranchUnnamed, "forward gives no auxiliary output 'logits'"),
    ("branches", broken.BranchTooWide, "depend on"),
]


def entry(cls, modalities=(1, None), argument=None):
    return MethodEntry("broken", cls, "", "published", modalities, "zeros", "", argument)


def subject(cls, **options):
    return Subject(Recipe("broken", entry(cls, **options), None, ()))


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("cls", [Sound, Branched])
def test_sound_methods_hold_to_everything(cls, name):
    verdict = PROPERTIES[name](subject(cls))
    expected = "skipped" if name == "branches" and cls is Sound else "ok"
    assert verdict.outcome == expected, verdict.evidence
    assert verdict.property == name
    assert "\n" not in verdict.evidence


@pytest.mark.parametrize(("name", "cls", "evidence"), BROKEN)
def test_a_broken_method_fails_where_it_is_broken(name, cls, evidence):
    verdict = PROPERTIES[name](subject(cls))
    assert verdict.outcome == "failed"
    assert evidence in verdict.evidence
    assert "\n" not in verdict.evidence


def test_every_property_is_refuted_by_a_broken_method():
    assert {name for name, *_ in BROKEN} == set(PROPERTIES)


def test_examinations_leave_the_global_generator_alone():
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    PROPERTIES["seeds"](subject(Sound))
    assert torch.equal(torch.rand(3), expected)


def test_tasks_keep_to_the_modalities_that_a_method_takes():
    assert subject(Sound).counts == (1, 2, 3)
    assert subject(Sound, modalities=(2, 2)).counts == (2,)
    assert subject(Sound, modalities=(2, None)).counts == (2, 3)
    five = subject(Sound, modalities=(5, None))
    assert five.counts == (5,)
    assert len(five.task().names) == 5
    assert PROPERTIES["shapes"](five).outcome == "ok"


def test_an_argument_names_the_first_modality():
    recipe = Recipe("only:lips", entry(Sound, argument="modality"), "lips", ())
    assert Subject(recipe).task().names == ("lips", "b", "c")


def test_a_kind_of_task_that_is_refused_is_said_and_not_examined():
    class Classifier(Sound):
        def __init__(self, task, config):
            if task.kind == "regression":
                raise ValueError("takes classes only")
            super().__init__(task, config)

    verdicts = {name: held(subject(Classifier)) for name, held in PROPERTIES.items()}
    assert {v.outcome for v in verdicts.values()} == {"ok", "skipped"}
    assert "no regression: broken: takes classes only" in verdicts["shapes"].evidence


def test_a_method_for_regression_alone_is_examined_on_it():
    class Regressor(Sound):
        def __init__(self, task, config):
            if task.kind == "classification":
                raise ValueError("takes targets only")
            super().__init__(task, config)

    verdicts = [held(subject(Regressor)) for held in PROPERTIES.values()]
    assert {v.outcome for v in verdicts} == {"ok", "skipped"}
    assert any("of the labels' variance left" in v.evidence for v in verdicts)


def test_weights_that_start_constant_are_no_sign_of_a_seed():
    class Zeros(Sound):
        def __init__(self, task, config):
            super().__init__(task, config)
            for parameter in self.parameters():
                nn.init.zeros_(parameter)

    assert PROPERTIES["seeds"](subject(Zeros)).outcome == "ok"


def test_a_modality_that_training_drops_by_chance_is_not_dead():
    class DropsOneOfAll(Sound):
        def features(self, batch):
            parts = list(super().features(batch).chunk(len(self.task.names), 1))
            if self.training and len(parts) > 1:
                kept = torch.ones(len(parts)).index_fill(0, torch.randint(len(parts), (1,)), 0.0)
                parts = [part * kept[i] for i, part in enumerate(parts)]
            return torch.cat(parts, 1)

    verdict = PROPERTIES["gradients"](subject(DropsOneOfAll))
    assert verdict.outcome == "ok", verdict.evidence


def test_parameters_of_another_phase_are_excused_through_a_strategy():
    class Phased(UnusedParameter):
        other_phase = ("spare",)

    class Wrap(TrainingStrategy):
        pass

    wrap = StrategyEntry("wrap", Wrap, "", "published", "broken")
    for cls, outcome in ((Phased, "ok"), (UnusedParameter, "failed")):
        wrapped = Subject(Recipe("broken+wrap", entry(cls), None, (wrap,)))
        assert PROPERTIES["gradients"](wrapped).outcome == outcome


def test_a_strategy_that_corrupts_by_other_chance_fails():
    class Wild(TrainingStrategy):
        @dataclass(frozen=True)
        class Config:
            rate: float = search(0.5, low=0.0, high=1.0)

        def corrupt(self, batch, generator):
            drop = torch.as_tensor(np.random.default_rng().random(len(batch)) < self.config.rate)
            return batch.without(self.task.names[0], drop)

    wild = StrategyEntry("wild", Wild, "", "published", "broken")
    wrapped = Subject(Recipe("broken+wild", entry(Sound), None, (wild,)))
    assert "corrupt draws 'a' by other chance" in PROPERTIES["seeds"](wrapped).evidence
    evidence = PROPERTIES["search-space"](wrapped).evidence
    assert "2 corners of rate (shapes: 1, choices of real numbers: 2) build" in evidence


def test_frames_that_are_refused_are_no_failure():
    class Vectors(Sound):
        def __init__(self, task, config):
            if any(len(m.shape) > 1 for m in task.modalities.values()):
                raise ValueError("takes vectors only")
            super().__init__(task, config)

    verdict = PROPERTIES["frames"](subject(Vectors))
    assert verdict.outcome == "skipped"
    assert verdict.evidence == "image frames are refused: broken: takes vectors only"


@pytest.fixture
def registered(monkeypatch):
    """Registers a class as `broken` until the test ends."""
    methods.load()
    monkeypatch.setattr(methods, "_entries", dict(methods._entries))
    return lambda cls: methods.add("broken", entry(cls))


def test_a_constructor_that_fails_is_a_failure_of_every_property(registered):
    class Typo(Sound):
        def __init__(self, task, config):
            super().__init__(task, configuration)  # noqa: F821

    registered(Typo)
    verdicts = check_method("broken")
    assert [v.property for v in verdicts] == list(PROPERTIES)
    assert {v.outcome for v in verdicts} == {"failed"}
    assert all("NameError: name 'configuration' is not" in v.evidence for v in verdicts)


def test_a_method_that_refuses_the_tiny_size_is_examined_at_its_own(registered):
    class Wide(Sound):
        def __init__(self, task, config):
            if config.width < 32:
                raise ValueError("takes widths from 32 up")
            super().__init__(task, config)

    registered(Sound)
    assert Subject.of("broken").settings
    methods._entries.pop("broken")
    registered(Wide)
    assert not Subject.of("broken").settings
    assert PROPERTIES["shapes"](Subject.of("broken")).outcome == "ok"


def test_an_unknown_method_is_one_line_for_the_user():
    with pytest.raises(UserError, match=r"^unknown method 'no-such-thing'"):
        check_method("no-such-thing")
