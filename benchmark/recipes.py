"""From a name like ``only:audio`` or ``mult+missing-modality`` to a module that can be trained."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .contract import FusionMethod, Task, UserError
from .contract.config import configure, sized
from .registry import MethodEntry, StrategyEntry, methods, strategies

Settings = Mapping[str, Any]
"""Overrides by dotted path: ``mult.layers``, ``mult+missing-modality.rate``, ``methods.width``."""


@dataclass(frozen=True)
class Recipe:
    """A method's entry, its argument after the colon, and the strategies around it, inside out."""

    name: str
    entry: MethodEntry
    argument: str | None
    strategies: tuple[StrategyEntry, ...]

    @property
    def scopes(self) -> tuple[str, ...]:
        """Prefixes of setting paths that reach this recipe, the weakest first."""
        entry = self.entry
        own = f"{entry.name}:{self.argument}" if self.argument else entry.name
        names = ("methods", entry.of, entry.name, own, self.name)
        return tuple(dict.fromkeys(n for n in names if n))

    def resolve(self, size: str, settings: Settings) -> dict[str, dict[str, Any]]:
        """Return the whole configuration, by component, as plain values that JSON can hold.

        Raises
        ------
        UserError
            An unknown setting of this method, or a value of another type.
        """
        config = self.entry.cls.Config
        fields = {field.name for field in dataclasses.fields(config)}
        chosen = sized(config, size, self.entry.cls.small)
        for scope in self.scopes:
            if scope == self.name and self.strategies:
                continue
            given = under(settings, scope)
            if scope in ("methods", self.entry.of):
                given = {n: v for n, v in given.items() if n in fields}
            chosen.update(given)
        chosen.update(self.entry.fixed)
        if self.entry.argument and self.argument:
            chosen[self.entry.argument] = self.argument
        resolved = {self.entry.name: plain(configure(config, chosen, self.entry.name))}
        outer = self.entry.name if not self.argument else f"{self.entry.name}:{self.argument}"
        for strategy in self.strategies:
            outer = f"{outer}+{strategy.name}"
            # `moddrop.rate` reaches every composition, `mult+moddrop.rate` this one alone.
            given = {**under(settings, strategy.name), **under(settings, outer)}
            resolved[strategy.name] = plain(configure(strategy.cls.Config, given, strategy.name))
        return resolved

    def check(self, task: Task, dataset: str) -> None:
        """Raise UserError where the method cannot take the task's modalities."""
        least, greatest = self.entry.modalities
        count = len(task.modalities)
        if count < least or (greatest is not None and count > greatest):
            wanted = f"{least} or more" if greatest is None else f"{least} to {greatest}"
            raise UserError(
                f"method {self.name!r} takes {wanted} modalities; {dataset} has {count}: "
                f"{', '.join(task.names)}"
            )
        if self.entry.argument == "modality" and self.argument not in task.modalities:
            raise UserError(
                f"method {self.name!r}: {dataset} has no modality {self.argument!r}; "
                f"it has {', '.join(task.names)}"
            )

    def build(self, task: Task, resolved: Mapping[str, Mapping[str, Any]]) -> FusionMethod:
        """Build the module; weights are drawn from torch's global generator.

        Raises
        ------
        UserError
            A configuration that cannot be built, or a strategy whose requirement is not met.
        """
        entry = self.entry
        config = configure(entry.cls.Config, resolved[entry.name], entry.name)
        built = buildable(entry.cls, entry.name, task, config)
        for strategy in self.strategies:
            if "branches" in strategy.cls.requires and not built.branches():
                raise UserError(
                    f"strategy {strategy.name!r} requires a method with branches (a part of its "
                    f"own for each modality); {self.entry.name!r} has none, 'late-concat' has"
                )
            settings = configure(strategy.cls.Config, resolved[strategy.name], strategy.name)
            built = buildable(strategy.cls, strategy.name, built, settings)
        return built


def buildable(cls: type, name: str, first: Any, config: Any) -> FusionMethod:
    """Call a constructor; a ValueError of its checks becomes one line for the user."""
    try:
        return cls(first, config)
    except ValueError as error:
        raise UserError(f"{name}: {error}") from error


def parse(name: str) -> Recipe:
    """Read a method's name: ``name[:argument][+strategy...]``, or ``strategy(name)``.

    Raises
    ------
    UserError
        An unknown method or strategy, or an argument that is missing or too much.
    """
    text, around = name.strip(), []
    while match := re.fullmatch(r"([\w-]+)\((.+)\)", text):
        text, around = match[2], [match[1], *around]
    text = "+".join([text, *around])
    base, *wraps = text.split("+")
    if len(set(wraps)) < len(wraps):
        raise UserError(f"method {name!r} wraps with a strategy twice; name each once")
    if base in strategies and base not in methods:
        entry = strategies[base]
        inner = parse(entry.default)
        chain = (*inner.strategies, entry, *(strategies[w] for w in wraps))
        return Recipe(text, inner.entry, inner.argument, chain)
    base, colon, argument = base.partition(":")
    entry = methods[base]
    if entry.argument and not argument:
        raise UserError(f"method {base!r} needs its {entry.argument}: '{base}:<{entry.argument}>'")
    if colon and not entry.argument:
        raise UserError(f"method {base!r} takes nothing after a colon; got {argument!r}")
    return Recipe(text, entry, argument or None, tuple(strategies[w] for w in wraps))


def under(settings: Settings, scope: str) -> dict[str, Any]:
    """Return the settings whose path lies directly under a scope, by their last part."""
    prefix = f"{scope}."
    found = {path[len(prefix) :]: v for path, v in settings.items() if path.startswith(prefix)}
    return {name: value for name, value in found.items() if "." not in name}


def plain(config: Any) -> dict[str, Any]:
    """Return a configuration as JSON values: tuples become lists."""
    values = dataclasses.asdict(config)
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
