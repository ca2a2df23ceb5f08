"""``bench run --until-decided``: seeds are added in looks, where nothing is decided yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .contract.errors import UserError
from .looks import Course, Pair, Scope, start
from .looks_store import StoreSource, metric_on
from .statistics.wording import count, number, p_value
from .store import Store
from .sums import SCORES

if TYPE_CHECKING:
    from .cell import Cell
    from .plan import Plan, Planned

FLAGS = ("until_decided", "looks", "spending", "futility", "scope")
QUARTERS = 4
FIRST = 5
"""Seeds of the earliest look, where none are given: fewer hardly decide anything at its bound."""


class Looks(BaseModel):
    """When a run looks at its results, fixed in the plan before the first cell.

    ``at`` are numbers of seeds, the last one the plan's; ``spending`` says how alpha is shared
    among them; a comparison whose chance of being decided by the last look is under ``futility``
    stops (0: never). ``scope`` is what a verdict speaks about: ``seeds`` (new seeds on the same
    test speakers), ``speakers`` (new speakers and new seeds), or ``auto``, which is seeds where
    all seeds are tested on the same speakers and speakers where each draws its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: tuple[int, ...]
    spending: Literal["obrien-fleming", "pocock"] = "obrien-fleming"
    futility: Annotated[float, Field(ge=0, lt=0.5)] = 0.05
    scope: Literal["auto", "seeds", "speakers"] = "auto"


def read_looks(fields: dict[str, Any], seeds: int) -> Looks | None:
    """Take the flags of looks out of a plan's fields and return what they ask for.

    Raises
    ------
    UserError
        Looks that do not rise, end elsewhere than at the plan's seeds, or cannot be read; a flag
        that means nothing without looks.
    """
    given = {name: fields.pop(name) for name in FLAGS if fields.get(name) is not None}
    fields.pop("until_decided", None)
    asked, at = given.pop("until_decided", None), given.pop("looks", None)
    if isinstance(at, Looks):
        return at
    if isinstance(at, Mapping):
        given, at = {**at, **given}, at.get("at")
        given.pop("at", None)
    if asked is False or (at is None and not asked):
        if given:
            name, value = next(iter(given.items()))
            raise UserError(f"--{name} {value} means nothing without --until-decided")
        return None
    chosen = numbers(at) if at is not None else quarters(seeds)
    check(chosen, seeds)
    try:
        return Looks(at=chosen, **given)
    except ValidationError as error:
        first = error.errors()[0]
        where = first["loc"][0]
        raise UserError(f"--{where} {first.get('input')!r}: {first['msg']}") from error


def numbers(given: Any) -> tuple[int, ...]:
    """Read ``5,10,15,20``, or a list."""
    parts = given.split(",") if isinstance(given, str) else given
    try:
        return tuple(int(part) for part in ([parts] if isinstance(parts, int) else parts))
    except (TypeError, ValueError):
        raise UserError(
            f"--looks {given!r}; expected numbers of seeds such as 5,10,15,20"
        ) from None


def quarters(seeds: int) -> tuple[int, ...]:
    """Look after each quarter of the seeds, from five on: 20 gives 5, 10, 15, 20.

    >>> quarters(20), quarters(10)
    ((5, 10, 15, 20), (5, 8, 10))
    """
    parts = (-(-seeds * k // QUARTERS) for k in range(1, QUARTERS + 1))
    return tuple(sorted({min(seeds, max(FIRST, part)) for part in parts}))


def check(at: tuple[int, ...], seeds: int) -> None:
    """Refuse looks that cannot be taken."""
    shown = ",".join(map(str, at))
    if at == (seeds,):
        raise UserError(
            f"--until-decided with {count(seeds, 'seed')} has one look, so that nothing can stop "
            f"early; raise --seeds (such as --seeds 20), or give --looks"
        )
    if not at or at[0] < 2 or list(at) != sorted(set(at)):
        raise UserError(
            f"--looks {shown}: expected rising numbers of seeds from 2 on, such as 5,10,15,20"
        )
    if at[-1] > seeds:
        raise UserError(
            f"--looks {shown}: a look after {at[-1]} seeds is beyond the plan's "
            f"{seeds}; raise --seeds, or leave the look out"
        )
    if at[-1] < seeds:
        raise UserError(
            f"--looks {shown} ends before the plan's {seeds} seeds; end with {seeds}, or give "
            f"--seeds {at[-1]}"
        )


def check_part(planned: Planned, part: tuple[int, int]) -> None:
    """Refuse a part of the cells: what is decided follows from all of them."""
    if planned.plan.looks is not None and part != (1, 1):
        raise UserError(
            f"--only-cells {part[0]}/{part[1]} with --until-decided: a look needs all its cells; "
            f"leave --only-cells out"
        )


def comparisons(planned: Planned) -> tuple[Pair, ...]:
    """Return the plan's family of comparisons, over all its datasets; none without looks.

    Raises
    ------
    UserError
        Nothing to compare, or a dataset on which a verdict of the plan's scope cannot be reached.
    """
    plan = planned.plan
    if plan.looks is None:
        return ()
    found: list[Pair] = []
    for dataset in planned.datasets:
        methods = list(dict.fromkeys(c.method for c in planned.cells if c.dataset == dataset))
        metric = metric_on(plan.metric, planned.datasets[dataset].task.kind)
        scope = scope_on(planned, dataset, metric)
        found += [
            Pair(dataset, one, other, metric, scope)
            for one, other in family(plan, methods, dataset)
        ]
    return tuple(found)


def family(plan: Plan, methods: list[str], dataset: str) -> list[tuple[str, str]]:
    """Return the pairs of methods that are compared on a dataset."""
    if len(methods) < 2:
        raise UserError(
            f"--until-decided on {dataset} with the one method {methods[0]!r} has nothing to "
            f"decide; name two or more with --methods"
        )
    if plan.family == "pairs":
        return list(combinations(methods, 2))
    if plan.baseline is None:
        raise UserError(
            "--until-decided compares methods with a baseline and the plan names none; give "
            "--baseline METHOD, or --family pairs"
        )
    if plan.baseline not in methods:
        raise UserError(
            f"--until-decided compares methods with the baseline {plan.baseline!r}, which is not "
            f"among those run on {dataset}: {', '.join(methods)}"
        )
    return [(method, plan.baseline) for method in methods if method != plan.baseline]


def scope_on(planned: Planned, dataset: str, metric: str) -> Scope:
    """Return what verdicts on a dataset speak about."""
    plan, opened = planned.plan, planned.datasets[dataset]
    assert plan.looks is not None
    crossed = opened.design == "crossed"
    auto: Scope = "seeds" if crossed else "speakers"
    scope: Scope = auto if plan.looks.scope == "auto" else plan.looks.scope
    if scope == "seeds" and not crossed:
        raise UserError(
            f"--scope seeds on {dataset}, whose seeds are tested on different speakers: a verdict "
            f"there is for new speakers; leave --scope out"
        )
    if metric not in SCORES and (scope == "speakers" or opened.folds > 1):
        raise UserError(
            f"--until-decided on {dataset} with --metric {metric}, which does not add up over "
            f"speakers; choose one that does, such as macro_f1, accuracy or mae"
        )
    return scope


def batches(planned: Planned, store: Store, say: Callable[[str], None]) -> Iterator[list[Cell]]:
    """Yield the cells to have before each look, then take it; all cells at once without looks.

    What is decided is read from the store's records each time, so that a run which was killed
    goes on where it stood.

    Parameters
    ----------
    say
        Is given what each look finds, a line at a time.
    """
    looks = planned.plan.looks
    if looks is None:
        yield planned.cells
        return
    course = start(looks.model_dump(), planned.plan.alpha, planned.comparisons)
    plan = {"seeds": planned.plan.seeds, "cells": [c.id for c in planned.cells]}
    while (seeds := course.next_seeds) is not None:
        asked, chosen = course.asked(), set(planned.plan.seeds[:seeds])
        going = {key for key, n in asked.items() if n == seeds}
        wanted = [c for c in planned.cells if (c.dataset, c.method) in going and c.seed in chosen]
        yield wanted
        records = [r for c in planned.cells if (r := store.get(c.id)) is not None]
        source = StoreSource(store, plan, records)
        if not all(source.ready(course.pairs[i], seeds) for i in course.open):
            say(f"look at {seeds} seeds: not all of its cells have a record; nothing is decided")
            return
        course = course.taken(source)
        for line in account(course):
            say(line)
    say(ending(course))


def account(course: Course) -> Iterator[str]:
    """Say what the last look found."""
    look = len(course.looks)
    seeds = course.plan.looks[look - 1]
    yield f"look {look} of {len(course.plan.looks)}, {count(seeds, 'seed')}:"
    for i, pair in enumerate(course.pairs):
        found = course.looks[-1][i]
        if found is not None:
            bound = course.state.comparisons[i].bound
            yield f"  {pair.dataset}: {pair.method} against {pair.other}: " + (
                f"withheld, {found.reason}: {course.verdict(i)}"
                if found.reason
                else f"{apart(pair, found.difference)}, t = {number(found.statistic)}, "
                f"{p_value(found.p)}, bound {number(bound, 2)}: {course.verdict(i)} "
                f"({pair.holds_for})"
            )


def apart(pair: Pair, difference: float) -> str:
    """Write a difference in the metric's unit."""
    score = SCORES.get(pair.metric)
    points = pair.metric == "ece" or (score is not None and score.kind == "confusion")
    return f"{number(100 * difference)} points" if points else number(difference)


def ending(course: Course) -> str:
    """Say how it ended and what was saved."""
    saved, most = course.saved()
    tally = ", ".join(f"{n} {what}" for what, n in course.tally().items() if n)
    return (
        f"{count(len(course.pairs), 'comparison')}: {tally}; "
        f"{saved} of {most} trainings saved ({100 * saved / most:.0f} %)"
    )
