"""What is examined, the tasks and batches it is examined on, and what an examination says."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch

from ..contract import Batch, FusionMethod, Modality, Task, UserError
from ..recipes import Recipe, Settings, parse
from ..registry import methods

Kind = Literal["classification", "regression"]

TINY: Settings = {"methods.width": 16, "methods.heads": 2}
STEPS = (Modality((7,), 12, 50.0), Modality((5,), 20, 30.0), Modality((4,), 16, 25.0))
FRAMES = Modality((3, 6, 5), 10, 5.0)
OUTPUTS: Mapping[Kind, tuple[str, ...]] = {
    "classification": ("low", "middle", "high"),
    "regression": ("arousal", "valence"),
}


class ViolationError(Exception):
    """A property does not hold; the message says where it breaks."""


class InapplicableError(Exception):
    """A property says nothing about this method; the message says why."""


@dataclass(frozen=True)
class Verdict:
    """What one property's examination found.

    Parameters
    ----------
    property
        Name of the property: a key of ``PROPERTIES``.
    outcome
        ``"ok"``, ``"failed"``, or ``"skipped"`` where the property says nothing about the method.
    evidence
        One sentence: what was tried and held, or what broke.
    """

    property: str
    outcome: Literal["ok", "failed", "skipped"]
    evidence: str


@dataclass(frozen=True)
class Property:
    """A claim about every method, and the examination that tries to refute it.

    Calling it with a subject gives a verdict; an exception of the method's own is a failure too.
    """

    name: str
    claim: str
    examine: Callable[[Subject], str]

    def __call__(self, subject: Subject) -> Verdict:
        try:
            with torch.random.fork_rng(devices=[]):
                return Verdict(self.name, "ok", self.examine(subject))
        except InapplicableError as reason:
            return Verdict(self.name, "skipped", str(reason))
        except Exception as error:
            return Verdict(self.name, "failed", said(error))


@dataclass(frozen=True)
class Subject:
    """A recipe at size ``small``, made smaller still where it has a width and heads to set.

    Parameters
    ----------
    recipe
        The method and the strategies around it.
    settings
        Overrides by dotted path, as ``--set`` takes them.
    """

    recipe: Recipe
    settings: Settings = field(default_factory=lambda: TINY)

    @classmethod
    def of(cls, name: str) -> Subject:
        """Return the subject of a name; a method that needs a modality's name gets the first one.

        Raises
        ------
        UserError
            An unknown name.
        """
        bare = name in methods and methods[name].argument == "modality"
        subject = cls(parse(f"{name}:a" if bare else name))
        # What else a constructor raises is for every property to report.
        with suppress(Exception):
            if len(subject.refusals) == len(OUTPUTS):
                # It may refuse width 16 with 2 heads: then its own size `small` is examined.
                return replace(subject, settings={})
        return subject

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the tasks' modalities; an argument like that of ``only:audio`` is the first."""
        entry, argument = self.recipe.entry, self.recipe.argument
        names = ["a", "b", "c", *(f"m{i}" for i in range(3, entry.modalities[0]))]
        if entry.argument == "modality" and argument and argument not in names:
            names[0] = argument
        return tuple(names)

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of modalities to try: one, two and three, or the least that the method takes."""
        least, greatest = self.recipe.entry.modalities
        within = (n for n in (1, 2, 3) if n >= least and (greatest is None or n <= greatest))
        return tuple(within) or (least,)

    @functools.cached_property
    def refusals(self) -> Mapping[Kind, str]:
        """By kind of task that the method refuses to be built for, its reason."""
        reasons: dict[Kind, str] = {}
        for kind in OUTPUTS:
            try:
                self.build(self.task(kind=kind))
            except UserError as refusal:
                reasons[kind] = str(refusal)
        return reasons

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds of task that the method takes; classification where it takes none."""
        return tuple(k for k in OUTPUTS if k not in self.refusals) or ("classification",)

    def task(self, count: int | None = None, kind: Kind | None = None) -> Task:
        """Return a task of unequal widths, rates and lengths.

        By default it has as many modalities as are tried, and is of the first kind that is taken.
        """
        kind = kind or self.kinds[0]
        names = self.modalities[: count or self.counts[-1]]
        steps = {name: STEPS[i % len(STEPS)] for i, name in enumerate(names)}
        return Task(steps, OUTPUTS[kind], kind)

    def pair(self, kind: Kind | None = None) -> Task:
        """Return a task of two modalities, or of the number nearest to it."""
        return self.task(min(self.counts, key=lambda count: abs(count - 2)), kind)

    def filmed(self) -> Task:
        """Return the pair's task with image frames (C, H, W) for its last modality."""
        task = self.pair()
        return replace(task, modalities={**task.modalities, task.names[-1]: FRAMES})

    def build(self, task: Task, seed: int = 0, size: str = "small") -> FusionMethod:
        """Build the module with the weights that a seed draws."""
        torch.manual_seed(seed)
        return self.recipe.build(task, self.recipe.resolve(size, self.settings))

    def perturbed(self, task: Task) -> FusionMethod:
        """Build the module and move every parameter a little.

        What starts at zero (a gate, a head, a combinator's slopes) would hide behind its zero both
        a gradient that ought to flow and padding that reaches the prediction.
        """
        model = self.build(task)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        return model


def draw(task: Task, size: int, seed: int = 0, lengths: Mapping[str, int] | None = None) -> Batch:
    """Draw a batch of standard normal values with labels, all present and labelled.

    Parameters
    ----------
    lengths
        For each modality one length for all examples; by default each example has its own, at
        least 2 and four short of the task's longest, so that padding may be added.
    """
    chance = torch.Generator().manual_seed(seed)
    values, counts = {}, {}
    for name, modality in task.modalities.items():
        if lengths is None:
            count = torch.randint(2, modality.max_length - 3, (size,), generator=chance)
        else:
            count = torch.full((size,), lengths[name])
        drawn = torch.randn(size, int(count.max()), *modality.shape, generator=chance)
        beyond = torch.arange(drawn.shape[1]) >= count[:, None]
        values[name] = drawn.masked_fill(
            beyond.view(beyond.shape + (1,) * len(modality.shape)), 0.0
        )
        counts[name] = count
    if task.kind == "classification":
        labels = torch.arange(size) % len(task.outputs)
    else:
        labels = torch.randn(size, len(task.outputs), generator=chance)
    return Batch(
        values=values,
        lengths=counts,
        present={name: torch.ones(size, dtype=torch.bool) for name in task.names},
        labels=labels,
        labelled=torch.ones(size, dtype=torch.bool),
        examples=torch.arange(size),
        groups=torch.arange(size) % 3,
        tasks=torch.zeros(size, dtype=torch.int64),
    )


@contextmanager
def case(name: str) -> Iterator[None]:
    """Say of whatever goes wrong inside in which case it did."""
    try:
        yield
    except Exception as error:
        raise ViolationError(f"{name}: {said(error)}") from error


def said(error: Exception) -> str:
    """Return an exception as one line, with the last place outside torch that it passed."""
    if isinstance(error, ViolationError | UserError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "torch" not in Path(f.filename).parts and f.line]
    message = (str(error).strip().split("\n") or [""])[0]
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {message}{place}"
