"""Two runs compared: what changed from one to the other, and what cannot be told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..benchmark.contract.errors import UserError
from ..benchmark.registration import state
from .change import Change, change, corrected, equal_cells, importance
from .formatting import clean, ranges
from .runs import Difference, Lacking, Run, differences, lacking, parted


@dataclass(frozen=True)
class Compared:
    """Two runs compared: significant changes first, then the others, then what is equal.

    Attributes
    ----------
    alpha, metric
        Those of the first run's plan; the metric may be one that a dataset does not have.
    spoilt
        Plans and records of either run that cannot be relied on.
    """

    names: tuple[str, str]
    plans: tuple[str, str]
    changes: tuple[Change, ...]
    lacking: tuple[Lacking, ...]
    differences: tuple[Difference, ...]
    shared: int
    equal: int
    alpha: float
    metric: str
    spoilt: tuple[str, ...]

    @property
    def same_plan(self) -> bool:
        return bool(self.plans[0]) and self.plans[0] == self.plans[1]

    @property
    def worse(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.worse)

    @property
    def unjudged(self) -> tuple[str, ...]:
        """What a gate cannot pass: what the second run lost, what has no test, spoilt files."""
        lost = [
            f"{one.method} on {one.dataset}, seeds {ranges(one.seeds)}: not done in the second run"
            for one in self.lacking
            if one.which == "first"
        ]
        untested = [
            f"{one.method} on {one.dataset}: {one.result.reason or 'no test'}"
            for one in self.changes
            if one.had and not one.same and not one.broke and math.isnan(one.adjusted)
        ]
        return (*lost, *untested, *self.spoilt)


def compare(first: Path, second: Path, *, repeated: bool = True) -> Compared:
    """Compare two runs on the cells that both have.

    Cells are matched by dataset, size, method, seed and fold, so that a changed default is a
    difference between the runs and no reason not to compare them.

    Parameters
    ----------
    repeated
        Whether to test methods whose cells were asked the same in both runs. What differs there is
        the code, the machine or chance: what a gate looks for, and nothing that settings did.

    Raises
    ------
    UserError
        A folder that holds no trainings, one folder given twice, or two that share no cell.
    """
    if Path(first).resolve() == Path(second).resolve():
        raise UserError(
            f"{str(first)!r} and {str(second)!r} are one folder; `bench compare` needs two runs"
        )
    one, two = Run(first), Run(second)
    shared = sorted((one.cells.keys() & two.cells.keys()) - one.several - two.several)
    if not shared:
        raise UserError(
            f"{str(first)!r} and {str(second)!r} have no cell in common (dataset, size, method, "
            f"seed); `bench compare` needs two runs of one plan, or of plans that overlap"
        )
    alpha = float(one.plan.get("alpha") or 0.05)
    asked = one.plan.get("metric") or two.plan.get("metric")
    same = {key for key in shared if equal_cells(one, two, key)}
    parts = parted(shared, lambda key: key[:3])
    changes = corrected(
        [change(one, two, part, same, asked, alpha) for part in parts.values()], alpha, repeated
    )
    return Compared(
        names=names(first, second),
        plans=(clean(one.plan.get("hash") or ""), clean(two.plan.get("hash") or "")),
        changes=tuple(sorted(changes, key=importance)),
        lacking=tuple(lacking(one, two)),
        differences=tuple(differences(one, two, shared)),
        shared=len(shared),
        equal=len(same),
        alpha=alpha,
        metric=clean(asked or changes[0].metric.key),
        spoilt=tuple(spoilt(one, two)),
    )


def names(first: Path, second: Path) -> tuple[str, str]:
    """Name two folders by their last parts, or as they were given where those are equal."""
    short = Path(first).resolve().name, Path(second).resolve().name
    one, two = short if short[0] != short[1] else (str(first), str(second))
    return clean(one), clean(two)


def spoilt(one: Run, two: Run) -> Iterator[str]:
    """Name what was left out of the comparison, or should not be believed, in either run."""
    for which, run in (("first", one), ("second", two)):
        if state(run.plan) == "changed":
            yield f"plan.json of the {which} run was changed after it was made"
        for record in run.damaged:
            yield clean(f"{record.file} of the {which} run: {record.why}")
        for (dataset, _, method), keys in parted(sorted(run.several), lambda k: k[:3]).items():
            seeds = ranges([key[3] for key in keys])
            yield clean(
                f"{method} on {dataset}, seeds {seeds}: the {which} run holds it in several "
                f"configurations"
            )
