"""What a store's plan fixed and when, and whether the plan is still what was fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..benchmark.registration import RULES, state
from .formatting import clean, count, ranges

Fixed = Literal["", "beforehand", "afterwards", "changed"]


@dataclass(frozen=True)
class Registration:
    """A plan's standing.

    Attributes
    ----------
    hash
        The plan's, or nothing where there is none.
    fixed
        Before the first cell, after it, or changed by hand since; nothing where it is not told.
    text
        The rules with when they were fixed; nothing where it is not told.
    warning
        Why the tests below are not preregistered, in one sentence; nothing where they are.
    """

    hash: str
    fixed: Fixed
    text: str
    warning: str


def registration(plan: Mapping[str, Any]) -> Registration:
    """Read a plan's standing from its own content."""
    named, made = clean(plan.get("hash") or ""), plan.get("registered")
    found = state(plan) if plan else "kept"
    if found == "changed":
        text = f"CHANGED since it was made. It says now: {rules(plan)}."
        return Registration(named, "changed", text, changed(plan))
    unknown = " Its hash cannot be recomputed from what was kept of it." * (found == "unknown")
    if not made:
        return Registration(named, "", "", "")
    when = clean(made["time"]).replace("T", " ").replace("+00:00", " UTC")
    if made["cells"] == 0:
        text = f"Fixed on {when}, before the first cell: {rules(plan)}.{unknown}"
        return Registration(named, "beforehand", text, "")
    held = f"the store held {count(made['cells'], 'record')} of an earlier one"
    text = (
        f"NOT fixed beforehand: this plan was made on {when}, when {held}. "
        f"It says: {rules(plan)}.{unknown}"
    )
    warning = f"this plan was made when {held}{earlier(plan)}."
    return Registration(named, "afterwards", text, warning)


def changed(plan: Mapping[str, Any]) -> str:
    return (
        f"plan.json was changed after plan {clean(plan.get('hash') or '')} was made, so "
        f"that metric, baseline, level or seeds may have been chosen by the results."
    )


def rules(plan: Mapping[str, Any]) -> str:
    """Write what a plan tests, and how."""
    looks, parts = plan.get("looks"), [rule(plan, key) for key in RULES]
    parts.append(f"seeds {ranges(plan.get('seeds') or [])}")
    if looks:
        parts.append(
            f"looks after {', '.join(map(str, looks['at']))} seeds ({clean(looks['spending'])} "
            f"spending, futility {looks['futility']:g})"
        )
    return ", ".join(parts)


def rule(plan: Mapping[str, Any], key: str) -> str:
    """Write one rule of a plan."""
    value = plan.get(key)
    if key == "margin":
        shown = "not fixed" if value is None else f"±{value:g} points"
        return f"region of practical equivalence {shown}"
    return f"{key} {f'{value:g}' if isinstance(value, float) else clean(value or 'none')}"


def earlier(plan: Mapping[str, Any]) -> str:
    """Say in what the plan that the store was begun with differs; nothing where it is not told."""
    first = plan["registered"].get("earlier") or {}
    if not first:
        return ""
    other = [rule(first, key) for key in RULES if key in first and first[key] != plan.get(key)]
    said = ", ".join(other) if other else "the same rules for other cells"
    return f", {clean(first.get('hash') or 'which has no hash')}, with {said}"
