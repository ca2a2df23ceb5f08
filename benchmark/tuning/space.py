"""What tuning may try of a method: its own marked settings, its strategies', the learning rate."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..contract.config import Space, spaces
from ..recipes import Recipe

if TYPE_CHECKING:
    import optuna

RATES = (1e-4, 1e-2)
BATCHES = (16, 32, 64)
FEWEST_STEPS = 20  # steps an epoch that the greatest batch must leave


@dataclass(frozen=True)
class Parameter:
    """One setting that is tuned: its path in a plan, its default there, and what may be tried.

    Interval and choices hold the default, so that the first trial can be the default's.
    """

    path: str
    default: Any
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def distribution(self) -> optuna.distributions.BaseDistribution:
        """The same as Optuna writes it."""
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        if self.choices:
            return CategoricalDistribution([encoded(choice) for choice in self.choices])
        assert self.low is not None
        assert self.high is not None
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def suggest(self, trial: optuna.Trial) -> Any:
        """Return the trial's value of this setting."""
        if self.choices:
            return decoded(trial.suggest_categorical(self.path, list(map(encoded, self.choices))))
        assert self.low is not None
        assert self.high is not None
        if self.whole:
            return trial.suggest_int(self.path, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.path, self.low, self.high, log=self.log)


def encoded(value: Any) -> Any:
    """Return a choice as storages keep it: a sequence becomes its JSON text."""
    return json.dumps(value) if isinstance(value, (list, tuple)) else value


def decoded(value: Any) -> Any:
    """Undo :func:`encoded`."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value


def parameters(
    recipe: Recipe,
    config: Mapping[str, Mapping[str, Any]],
    training: Mapping[str, Any],
    held: Mapping[str, Any],
    examples: int,
) -> tuple[Parameter, ...]:
    """Return what is tuned of a method.

    Parameters
    ----------
    config, training
        What the method is run with where nothing is tuned: the defaults.
    held
        Settings that the user fixed, by path: those are not tuned.
    examples
        Size of the training part; the batch is tuned only where the greatest leaves enough steps.
    """
    found = [*of_method(recipe, config), *of_strategies(recipe, config)]
    lr = training["lr"]
    own = f"{recipe.name}.training"
    found.append(Parameter(f"{own}.lr", lr, min(RATES[0], lr), max(RATES[1], lr), log=True))
    if examples >= FEWEST_STEPS * BATCHES[-1]:
        found.append(Parameter(f"{own}.batch", training["batch"], choices=(
            *BATCHES, *({training["batch"]} - set(BATCHES)),
        )))  # fmt: skip
    fixed = {last(path) for path in held if reaches(path, recipe)}
    return tuple(p for p in found if last(p.path) not in fixed)


def of_method(recipe: Recipe, config: Mapping[str, Mapping[str, Any]]) -> Iterator[Parameter]:
    entry = recipe.entry
    scope = f"{entry.name}:{recipe.argument}" if recipe.argument else entry.name
    for name, space in spaces(entry.cls.Config).items():
        if name not in entry.fixed and name != entry.argument:
            yield parameter(f"{scope}.{name}", entry.cls.Config, config[entry.name][name], space)


def of_strategies(recipe: Recipe, config: Mapping[str, Mapping[str, Any]]) -> Iterator[Parameter]:
    entry = recipe.entry
    outer = f"{entry.name}:{recipe.argument}" if recipe.argument else entry.name
    for strategy in recipe.strategies:
        outer = f"{outer}+{strategy.name}"
        for name, space in spaces(strategy.cls.Config).items():
            default = config[strategy.name][name]
            yield parameter(f"{outer}.{name}", strategy.cls.Config, default, space)


def parameter(path: str, config: type, default: Any, space: Space) -> Parameter:
    if space.choices:
        plain = tuple(list(c) if isinstance(c, tuple) else c for c in space.choices)
        whole = plain if default in plain else (*plain, default)
        numbers = all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in whole)
        return Parameter(path, default, choices=tuple(sorted(whole)) if numbers else whole)
    assert space.low is not None
    assert space.high is not None
    whole = typing.get_type_hints(config)[last(path)] is int
    low, high = min(space.low, default), max(space.high, default)
    return Parameter(path, default, low, high, space.log, whole)


def last(path: str) -> str:
    """Return what a path names within its scope: ``layers``, ``training.lr``."""
    head, _, name = path.rpartition(".")
    within_training = head == "training" or head.endswith(".training")
    return f"training.{name}" if within_training else name


def reaches(path: str, recipe: Recipe) -> bool:
    """Say whether a user's setting is one of this method's, of its strategies' or of training."""
    head = path.rpartition(".")[0]
    if head == "training" or head.endswith(".training"):
        return head in ("training", *(f"{scope}.training" for scope in recipe.scopes))
    return head in {*recipe.scopes, *(s.name for s in recipe.strategies)}
