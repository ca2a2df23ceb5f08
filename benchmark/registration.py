"""The plan as a store keeps it: what was fixed, when, and whether it still is what was fixed."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from .contract.errors import UserError

EXTRA = ("lengths", "cost", "looks")
"""Fields that most plans leave empty."""
RULES = ("metric", "baseline", "family", "alpha", "margin")
"""What is tested, and how."""
NOT_HASHED = (
    "hash", "command", "cells", "costs", "series", "comparisons", "python", "registered", "asked",
    "seal",
)  # fmt: skip
"""What a store keeps beside the plan: what follows from it, and when and how it was made."""
NOT_SEALED = ("command", "python", "seal")
"""What may differ when the same plan is asked for again."""

State = Literal["kept", "changed", "unknown"]


def plan_hash(fields: Mapping[str, Any]) -> str:
    """Hash what a plan asks for; a field of ``EXTRA`` that it does not ask for is no part of it."""
    asked = {k: v for k, v in fields.items() if v or k not in EXTRA}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]


def seal(plan: Mapping[str, Any]) -> str:
    """Hash all that a store keeps of a plan: its names spelled out, its cells, its date."""
    return plan_hash({k: v for k, v in plan.items() if k not in NOT_SEALED})


def state(plan: Mapping[str, Any]) -> State:
    """Say whether a kept plan is the one that was made, from its content alone.

    ``unknown`` is a plan of before there were seals whose hash cannot be recomputed: a name was
    abbreviated, or was a folder's path, and is not kept as it was asked for.
    """
    if "seal" in plan:
        return "kept" if plan["seal"] == seal(plan) else "changed"
    fields = {k: v for k, v in plan.items() if k not in NOT_HASHED}
    asked = (plan.get("asked") or {}, typed(plan.get("command") or ""))
    kept = any(plan_hash({**fields, **names}) == plan.get("hash") for names in asked)
    return "kept" if kept else "changed" if "asked" in plan else "unknown"


def typed(command: str) -> dict[str, list[str]]:
    """Return the methods and datasets that a command names, as they were typed."""
    try:
        words = shlex.split(command)
    except ValueError:
        return {}
    named = ("--methods", "--datasets")
    return {word[2:]: to.split(",") for word, to in pairwise(words) if word in named}


def registered(
    plan: Mapping[str, Any], before: Mapping[str, Any] | None, now: str, cells: int
) -> dict[str, Any]:
    """Say when a plan was fixed, how many cells the store held by then, and of which plan.

    The same plan asked for again keeps its first date: it was fixed before its first cell, or it
    was not.
    """
    if not before:
        return {"time": now, "cells": cells}
    if before.get("hash") == plan["hash"] and "registered" in before:
        return before["registered"]
    first = (before.get("registered") or {}).get("earlier")
    first = first or {k: before[k] for k in ("hash", *RULES) if k in before}
    return {"time": now, "cells": cells, "earlier": first}


class Part(BaseModel):
    """Known fields in their JSON types; others are no reader's."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Registered(Part):
    """When a plan was fixed, and how many records there were by then."""

    time: str
    cells: int
    earlier: dict[str, Any] = {}


class Looks(Part):
    """After how many seeds it looks."""

    at: Annotated[list[int], Field(min_length=1)]
    spending: str
    futility: FiniteFloat


class Pair(Part):
    """One comparison."""

    dataset: str
    method: str
    other: str
    metric: str
    scope: Literal["seeds", "speakers"]


class Kept(Part):
    """A kept plan."""

    methods: list[str] = []
    datasets: list[str] = []
    seeds: list[int] = []
    settings: dict[str, Any] = {}
    baseline: str | None = None
    metric: str | None = None
    family: Literal["baseline", "pairs"] | None = None
    alpha: Annotated[FiniteFloat, Field(gt=0, lt=1)] | None = None
    margin: Annotated[FiniteFloat, Field(gt=0)] | None = None
    preset: str | None = None
    lengths: list[str] = []
    looks: Looks | None = None
    hash: str | None = None
    command: str | None = None
    cells: list[str] = []
    costs: dict[str, list[str]] = {}
    series: dict[str, dict[str, int]] = {}
    comparisons: list[Pair] = []
    registered: Registered | None = None
    asked: dict[str, list[str]] | None = None
    seal: str | None = None


def check_plan(plan: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a kept plan whose fields have their types.

    Raises
    ------
    UserError
        Names the file and the field.
    """
    try:
        Kept.model_validate(plan)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{str(path)!r} is damaged ({where}={first.get('input')!r}: {first['msg']}); restore "
            f"it from a copy, or remove it"
        ) from error
    return plan


def check_kept(plan: Mapping[str, Any] | None, path: Path) -> None:
    """Refuse to go on with a plan that was changed by hand: a run must not register it.

    Raises
    ------
    UserError
        The plan's content is not what its hash says.
    """
    if plan is not None and state(plan) == "changed":
        raise UserError(
            f"{str(path)!r} was changed after plan {plan.get('hash')} was made; restore it from a "
            f"copy, choose another --out, or remove it: the run then registers its plan anew, as "
            f"one that was not fixed before the first cell"
        )
