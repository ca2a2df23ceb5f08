"""Configurations that carry their own search space, and the two named sizes."""

from __future__ import annotations

import dataclasses
import itertools
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import UserError, near

SIZES = ("small", "paper")
SMALL: Mapping[str, Any] = types.MappingProxyType({"width": 32, "layers": 2, "heads": 4})


@dataclass(frozen=True)
class NoSettings:
    """Configuration of what has nothing to set."""


@dataclass(frozen=True)
class Space:
    """What tuning may try for one setting: an interval (perhaps logarithmic), or choices."""

    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def corners(self) -> tuple[Any, ...]:
        """The extreme values: both ends of an interval, or every choice."""
        return self.choices or (self.low, self.high)


def search(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    log: bool = False,
    choices: Sequence[Any] = (),
) -> Any:
    """Declare a dataclass field with its default and with what tuning may try.

    Parameters
    ----------
    default
        The value of size ``paper``.
    low, high, log
        Interval, both ends included; logarithmic where ``log``.
    choices
        Instead of an interval: the values to try.
    """
    if bool(choices) == (low is not None and high is not None):
        raise TypeError("search() takes either low and high, or choices")
    space = Space(low, high, log, tuple(choices))
    return dataclasses.field(default=default, metadata={"search": space})


def spaces(config: type) -> dict[str, Space]:
    """Search space of a configuration class, by field; empty where nothing is to be tuned."""
    return {
        field.name: field.metadata["search"]
        for field in dataclasses.fields(config)
        if "search" in field.metadata
    }


def corners(config: type) -> Iterator[dict[str, Any]]:
    """Every corner of a search space, as settings; for many settings only their joint extremes."""
    space = spaces(config)
    if len(space) <= 6:
        for values in itertools.product(*(s.corners for s in space.values())):
            yield dict(zip(space, values, strict=True))
        return
    yield {name: s.corners[0] for name, s in space.items()}
    yield {name: s.corners[-1] for name, s in space.items()}
    for name, s in space.items():
        for corner in s.corners:
            yield {name: corner}


def sized(config: type, size: str, small: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that a named size changes: none for ``paper``, the method's own for ``small``."""
    if size not in SIZES:
        raise UserError(f"unknown size {size!r}; expected one of {', '.join(SIZES)}")
    names = {field.name for field in dataclasses.fields(config)}
    return {} if size == "paper" else {n: v for n, v in {**SMALL, **small}.items() if n in names}


def configure(config: type, settings: Mapping[str, Any], owner: str) -> Any:
    """Build a configuration from settings that may be text, checked against the field types.

    Raises
    ------
    UserError
        An unknown setting, or a value that is not of the field's type.
    """
    hints = typing.get_type_hints(config)
    values = {}
    for name, value in settings.items():
        if name not in hints:
            known = ", ".join(hints) or "none"
            raise UserError(f"{owner} has no setting {name!r}{near(name, hints)} It has: {known}")
        values[name] = coerce(value, hints[name], f"{owner}.{name}")
    try:
        return config(**values)
    except (TypeError, ValueError) as error:
        raise UserError(f"{owner}: {error}") from error


def coerce(value: Any, hint: Any, path: str) -> Any:
    """Turn text, or a JSON or TOML value, into a value of a field's type.

    Raises
    ------
    UserError
        The value does not fit; the message names the path, the value and the expected type.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        empty = value is None or (isinstance(value, str) and value.lower() == "none")
        if empty and type(None) in arguments:
            return None
        inner = [a for a in arguments if a is not type(None)]
        for candidate in inner[:-1]:
            try:
                return coerce(value, candidate, path)
            except UserError:
                continue
        return coerce(value, inner[-1], path)
    if origin is typing.Literal:
        for choice in arguments:
            if value == choice or str(value) == str(choice):
                return choice
        raise UserError(f"{path}={value!r} is not one of {', '.join(map(repr, arguments))}")
    if origin is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, Sequence):
            parts = [parts]
        return tuple(coerce(part, arguments[0], path) for part in parts if part != "")
    if hint is bool:
        text = str(value).lower()
        if text in ("true", "1", "yes", "false", "0", "no"):
            return text in ("true", "1", "yes")
    elif hint is int:
        try:
            if float(value) == int(float(value)):
                return int(float(value))
        except (TypeError, ValueError, OverflowError):
            pass
    elif hint is float:
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    elif hint is str and isinstance(value, str):
        return value
    expected = getattr(hint, "__name__", str(hint))
    raise UserError(f"{path}={value!r} is not of the expected type {expected}")
