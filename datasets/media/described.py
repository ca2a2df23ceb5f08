"""What ``store.json`` says of a feature store, field by field, before anything believes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...benchmark.contract import UserError
from ..storage.features import DTYPES, FORMAT, NAME, FeatureStore, Stored

FIELDS: Mapping[str, tuple[type, str]] = {
    "format": (int, "a whole number"),
    "corpus": (str, "text"),
    "classes": (list, "a list of text"),
    "modalities": (dict, "an object"),
    "settings": (dict, "an object"),
    "content": (str, "text"),
}
KEYS = {field.name for field in fields(Stored)}
MOST = 2**31  # numbers of one step


def described(path: Path) -> dict[str, Any]:
    """Return what ``store.json`` says, every field of the type that it must have.

    Raises
    ------
    UserError
        No store, an unfinished one, or a field that is missing or of another type.
    """
    try:
        content = (path / "store.json").read_bytes()
    except FileNotFoundError:
        FeatureStore(path)  # says whether it is unfinished, or none at all
        raise
    except (OSError, ValueError) as error:  # a file, a name too long, a NUL
        raise UserError(
            f"feature store {str(path)!r} cannot be read ({first_line(error)}); expected a folder "
            "that `bench data prepare` made"
        ) from error
    try:
        meta = json.loads(content.decode("utf-8"))
        check_meta(meta)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"store.json: {first_line(error)}") from error
    return meta


def check_meta(meta: Any) -> None:
    """Raise ValueError with what is wrong in the content of a ``store.json``."""
    if not isinstance(meta, dict):
        raise ValueError(f"it holds {said(meta)}; expected an object")
    for name, (kind, expected) in FIELDS.items():
        if type(meta.get(name)) is not kind:
            raise ValueError(f"{name} is {said(meta.get(name))}; expected {expected}")
    if meta["format"] != FORMAT:
        raise ValueError(f"format {meta['format']}, this version reads {FORMAT}")
    for text in (meta["corpus"], meta["content"], *meta["classes"]):
        if not isinstance(text, str) or not encodable(text):
            raise ValueError(f"{said(text)} among its names; expected text")
    if not meta["modalities"]:
        raise ValueError("it names no modality")
    for name, kept in meta["modalities"].items():
        check_kind(name, kept)


def check_kind(name: Any, kept: Any) -> Stored:
    """Return how a modality is stored, of what a file says; raise ValueError with what is wrong."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{said(name)} is no modality")
    if not isinstance(kept, dict) or not {"dtype", "shape"} <= set(kept) <= KEYS:
        raise ValueError(f"{name} is {said(kept)}; expected {', '.join(sorted(KEYS))}")
    if kept["dtype"] not in DTYPES:
        raise ValueError(f"{name} is of type {said(kept['dtype'])}; expected {', '.join(DTYPES)}")
    shape, rate = kept["shape"], kept.get("rate")
    whole = isinstance(shape, list) and shape and all(type(n) is int and n > 0 for n in shape)
    if not whole or math.prod(shape) > MOST:
        raise ValueError(f"{name} has shape {said(shape)}; expected a list of positive numbers")
    if rate is not None and not (number(rate) and rate > 0):
        raise ValueError(f"{name} has rate {said(rate)}; expected Hz over 0, or null")
    if not number(kept.get("centre", 0.0)):
        raise ValueError(f"{name} has centre {said(kept['centre'])}; expected a number")
    if not (number(kept.get("scale", 1.0)) and kept.get("scale", 1.0)):
        raise ValueError(f"{name} has scale {said(kept['scale'])}; expected a number but 0")
    return Stored(**{**kept, "shape": tuple(shape)})


def number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)


def encodable(text: str) -> bool:
    """Whether text is more than half a character: JSON can name a surrogate alone."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def said(value: Any) -> str:
    """Return the beginning of a value for a message."""
    if value is None:
        return "missing"
    text = "an object" if isinstance(value, dict) else ascii(value)
    return text if len(text) <= 40 else text[:37] + "..."


def first_line(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    found = getattr(error, "strerror", None) or " ".join(str(error).split())
    return (found or type(error).__name__)[:200]


def damaged(path: Path, why: str) -> UserError:
    return UserError(
        f"feature store {str(path)!r} is damaged ({why}); run its `bench data prepare` again, "
        "which mends it, or fetch the folder again"
    )
