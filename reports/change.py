"""One method on one dataset in two runs: what changed, by a paired test on what they share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..benchmark.looks import Result, Scope, result_for_seeds, result_for_speakers
from ..benchmark.statistics.multiplicity import holm
from ..benchmark.statistics.sign_flip import sign_flip
from ..benchmark.statistics.two_way import FEWEST
from ..benchmark.sums import SCORES, alike, stack, tested
from .cells import Cell
from .formatting import clean
from .metrics import Metric, columns
from .runs import Key, Run, parted


@dataclass(frozen=True)
class Change:
    """A method on a dataset in the second run against the first.

    Attributes
    ----------
    seeds
        Those that both runs have done.
    cells, equal
        Cells that both have done, and those whose predictions are equal bit for bit.
    before, after
        Mean of the metric over those seeds.
    result
        Two-sided test of after minus before, above zero where the second run is the better one.
    scope
        Whether it speaks about new seeds on these speakers, or about new speakers too.
    adjusted
        Its p after Holm over all methods that changed.
    broke
        Whether a cell failed in the second run that had ended well in the first.
    had
        Whether the first run has a result that could have been lost.
    repeated
        Whether every cell was asked the same in both runs, so that no setting made a difference.
    least
        The smallest p that the test could have given, before Holm.
    """

    dataset: str
    size: str
    method: str
    metric: Metric
    seeds: tuple[int, ...]
    cells: int
    equal: int
    before: float
    after: float
    result: Result
    scope: Scope
    broke: bool
    had: bool
    repeated: bool
    alpha: float
    adjusted: float = math.nan
    least: float = 0.0

    @property
    def same(self) -> bool:
        """Whether all cells are equal bit for bit."""
        return self.cells > 0 and self.equal == self.cells

    @property
    def separated(self) -> bool:
        return self.adjusted < self.alpha

    @property
    def worse(self) -> bool:
        """Whether a gate must stop: significantly worse, or failing where it did not."""
        return self.broke or (self.separated and self.result.difference < 0)

    @property
    def verdict(self) -> str:
        """``worse``, ``better``, ``not separated``, ``equal bit for bit``, or why there is none."""
        if self.broke:
            return "worse: it fails where it did not"
        if self.same:
            return "equal bit for bit"
        if not self.had:
            return "without a result in the first run"
        if math.isnan(self.adjusted):
            return f"cannot be tested: {self.result.reason}"
        if not self.separated:
            return "not separated"
        return "better" if self.result.difference > 0 else "worse"


def equal_cells(one: Run, two: Run, key: Key) -> bool:
    """Say whether two cells' predictions are equal bit for bit."""
    a, b = one.cells[key], two.cells[key]
    if not (a.ok and b.ok):
        return False
    try:
        x, y = one.store.predictions(a.id), two.store.predictions(b.id)
    except (OSError, ValueError):
        return False
    return x.keys() == y.keys() and all(
        x[k].dtype == y[k].dtype and x[k].tobytes() == y[k].tobytes() for k in x
    )


def change(
    one: Run, two: Run, keys: Sequence[Key], same: set[Key], asked: str | None, alpha: float
) -> Change:
    """Test one method on one dataset."""
    pairs = {key: (one.cells[key], two.cells[key]) for key in keys}
    done = {key: pair for key, pair in pairs.items() if pair[0].ok and pair[1].ok}
    folds = max(cell.folds for pair in pairs.values() for cell in pair)
    seeds = tuple(
        seed for seed, found in parted(done, lambda key: key[3]).items() if len(found) == folds
    )
    whole = {key: pair for key, pair in done.items() if key[3] in seeds}
    record = next((a.record for a, _ in whole.values()), {})
    kind, outputs = record.get("kind", "classification"), record.get("outputs", ())
    metric = columns(kind, asked, outputs)[0]
    crossed = (record.get("protocol") or {}).get("design") == "crossed"
    before, after, result, least = measured(one, two, whole, seeds, metric, crossed)
    if other := other_data(whole):
        result = Result(math.nan, result.difference, reason=other)
    dataset, size, method = keys[0][:3]
    return Change(
        dataset=clean(dataset),
        size=clean(size),
        method=clean(method),
        metric=metric,
        seeds=seeds,
        cells=len(whole),
        equal=sum(key in same for key in whole),
        before=before,
        after=after,
        result=result,
        scope="seeds" if crossed else "speakers",
        broke=any(a.ok and not b.ok for a, b in pairs.values()),
        had=any(a.ok for a, _ in pairs.values()),
        repeated=all(a.id == b.id for a, b in pairs.values()),
        alpha=alpha,
        least=least,
    )


def other_data(pairs: Mapping[Key, tuple[Cell, Cell]]) -> str:
    """Say in what the data of two runs differ, if they do: the methods would not be to blame."""
    for a, b in pairs.values():
        if a.asked["fingerprint"] != b.asked["fingerprint"]:
            return "the dataset's content differs between the runs"
        if a.asked["dataset_config"] != b.asked["dataset_config"]:
            return "the dataset's settings differ between the runs"
    return ""


def measured(
    one: Run,
    two: Run,
    pairs: Mapping[Key, tuple[Cell, Cell]],
    seeds: Sequence[int],
    metric: Metric,
    crossed: bool,
) -> tuple[float, float, Result, float]:
    """Return the metric's means before and after, the test of their difference, and its least p."""
    nan = math.nan
    if not seeds:
        return nan, nan, Result(nan, reason="no seed that both have done"), 0.0
    score = SCORES.get(metric.key)
    if score is None:
        if len(pairs) > len(seeds):
            return nan, nan, Result(nan, reason=f"folds' {metric.label} cannot be pooled"), 0.0
        sign = 1.0 if metric.higher else -1.0
        raw = [np.array([pair[i].metric(metric.key) for pair in pairs.values()]) for i in (0, 1)]
        if not all(np.isfinite(x).all() for x in raw):
            return nan, nan, Result(nan, reason=f"{metric.label} is not finite"), 0.0
        test, least = for_seeds(sign * raw[1], sign * raw[0])
        return float(raw[0].mean()), float(raw[1].mean()), test, least
    read = [
        [
            tested(run.store, [p[i].record for key, p in pairs.items() if key[3] == seed])
            for seed in seeds
        ]
        for i, run in enumerate((one, two))
    ]
    known = [[part for part in parts if part is not None] for parts in read]
    if any(len(parts) < len(seeds) for parts in known):
        return nan, nan, Result(nan, reason="predictions cannot be read, or are not finite"), 0.0
    a, b = (stack(seeds, parts) for parts in known)
    scores = [score.of(x.values.sum(1)) for x in (a, b)]
    sign = 1.0 if metric.higher else -1.0
    before, after = (sign * float(x.mean()) for x in scores)
    if not alike(a, b):
        reason = "they were not tested on the same examples"
        return before, after, Result(nan, reason=reason), 0.0
    if crossed:
        return before, after, *for_seeds(scores[1], scores[0])
    test = result_for_speakers(b.values, a.values, score.of, "redrawn", FEWEST)
    return before, after, test, 0.0


def for_seeds(after: np.ndarray, before: np.ndarray) -> tuple[Result, float]:
    """Test over seeds; a change that is the same at every seed by its sign, exactly.

    The second value is the smallest p that the test could have given.
    """
    result = result_for_seeds(after, before)
    d = after - before
    if math.isnan(result.p) and len(d) > 1 and abs(float(d.mean())) > 1e-12:
        found = sign_flip(d, np.random.default_rng(0))
        return Result(found.p, float(d.mean())), found.smallest_p
    return (result if len(d) > 1 else replace(result, reason="one common seed")), 0.0


def corrected(changes: Sequence[Change], alpha: float, repeated: bool) -> list[Change]:
    """Correct by Holm over the methods that changed: of equal ones nothing is asked.

    Nor, without ``repeated``, of those whose cells were asked the same.
    A test that could not have told any change apart with so few seeds is none: a gate must not
    pass what nobody could have judged.
    """
    tests = [i for i, one in enumerate(changes) if not one.same and (repeated or not one.repeated)]
    adjusted = holm([changes[i].result.p for i in tests], alpha).adjusted
    known = dict(zip(tests, adjusted, strict=True))
    judged = [replace(one, adjusted=known.get(i, math.nan)) for i, one in enumerate(changes)]
    return [blind(one) if one.least > 0 and not one.separated else one for one in judged]


def blind(one: Change) -> Change:
    """Take back the test of a change that so few seeds' signs could not have separated."""
    reason = (
        f"the change is the same at all {len(one.seeds)} seeds, which by its sign alone cannot "
        f"reach p < {one.alpha:g} after correction; more seeds can"
    )
    result = Result(math.nan, one.result.difference, reason=reason)
    return replace(one, result=result, adjusted=math.nan)


def importance(one: Change) -> tuple[Any, ...]:
    """Worse, then better, then the rest by p; what is equal comes last."""
    kind = 0 if one.worse else 1 if one.separated else 3 if one.same else 2
    p = one.adjusted if math.isfinite(one.adjusted) else 2.0
    return kind, p, one.dataset, one.method
