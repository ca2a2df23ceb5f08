"""The protocol's statistics beside the verdict, of every method against the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..benchmark.statistics.bayes import Posterior
from ..benchmark.statistics.coverage import LEAST_COVERAGE
from ..benchmark.statistics.design_size import CORRECTED, SPEAKERS, Size
from ..benchmark.statistics.hierarchical import HierarchicalInterval
from ..benchmark.statistics.mcnemar import McNemar
from ..benchmark.statistics.redrawn import RedrawnTest
from ..benchmark.statistics.resampled import ResampledT
from .evidence import Rules
from .grouping import Row
from .metrics import Metric
from .predictions import Design, Predictions
from .protocol_effect import Effect, effect
from .protocol_examples import Examples, models
from .protocol_seeds import Matched, matched, posterior, resampled
from .protocol_speakers import Tables, bootstrap, over_speakers, ratio, sizes, tables
from .standings import Standing

CROSSED = "all seeds have one split, of which the verdict's own test takes seeds and speakers"


@dataclass(frozen=True)
class Against:
    """A method against the baseline; in place of a result stands why there is none.

    All scores are in the metric's unit (points for a share) and in the method's favour: A is the
    method, B the baseline.

    Attributes
    ----------
    seeds
        Those that both have done.
    effect
        Over seeds where all have one split, over speakers where each draws its own.
    posterior
        Bayesian correlated t over seeds, with the plan's region of practical equivalence.
    resampled
        Nadeau and Bengio's test over splits.
    speakers
        t and sign-flip over speakers, each averaged over the seeds that tested it.
    bootstrap
        Hierarchical paired bootstrap over seeds and speakers.
    models
        McNemar's test of each seed's pair of models.
    sizes
        How often tests reject in this very design where the two are equal.
    overlap, correlated
        Why intervals over speakers alone, and of the corrected t, are withheld; empty where they
        are not.
    """

    method: str
    other: str
    seeds: tuple[int, ...]
    effect: Effect | str
    posterior: Posterior | str
    resampled: ResampledT | str
    speakers: RedrawnTest | str
    bootstrap: HierarchicalInterval | str
    models: Mapping[int, McNemar] | str
    sizes: tuple[Size, ...] | str
    overlap: str
    correlated: str


@dataclass(frozen=True)
class Further:
    """A table's statistics beside the verdict; ``reason`` says why there is none."""

    metric: Metric
    rules: Rules
    design: Design
    baseline: str
    against: tuple[Against, ...]
    reason: str = ""

    @property
    def sizes(self) -> tuple[Size, ...] | str:
        """The sizes of the comparison with most seeds, which stands for the table."""
        most = max(self.against, key=lambda one: len(one.seeds), default=None)
        return "there is no comparison" if most is None else most.sizes


def further(
    standings: Sequence[Standing],
    rows: Mapping[str, Row],
    metric: Metric,
    rules: Rules,
    design: Design,
    said: Predictions,
    examples: Examples,
) -> Further:
    """Compare every method that has a result with the baseline.

    Parameters
    ----------
    rows
        By label, those of ``standings``.
    """
    measured = [row for row in standings if row.done]
    baseline = next((row for row in standings if row.baseline), None)
    name = "" if baseline is None else baseline.label
    others = [row for row in measured if row is not baseline]
    reason = ""
    if not measured:
        reason = "no method has a complete seed"
    elif baseline is None:
        reason = "there is no baseline to compare with (--baseline METHOD)"
    elif not baseline.done:
        reason = f"the baseline {name} has no complete seed"
    elif not others:
        reason = f"{name}, the baseline, is the only method with a complete seed"
    if reason or baseline is None:
        return Further(metric, rules, design, name, (), reason)
    setting = Setting(rules, design, ratio(rows[name].cells, design), {})
    base = rows[name]
    return Further(
        metric,
        rules,
        design,
        name,
        tuple(
            against(
                matched(row, baseline, metric),
                models(rows[row.label], base, examples),
                tables(rows[row.label], base, metric, said),
                setting,
            )
            for row in others
        ),
    )


@dataclass(frozen=True)
class Setting:
    """What a table's comparisons share; ``known`` keeps the designs that were simulated."""

    rules: Rules
    design: Design
    test_to_train: float | str
    known: dict[bytes, tuple[Size, ...]]


def against(
    over: Matched, pairs: dict[int, McNemar] | str, found: Tables | str, setting: Setting
) -> Against:
    """Compute one comparison's statistics."""
    design, test_to_train = setting.design, setting.test_to_train
    simulated = sizes(found, design, test_to_train, setting.known)
    overlap, correlated = (covered(simulated, test) for test in (SPEAKERS, CORRECTED))
    alpha = setting.rules.alpha
    if isinstance(found, str):
        speakers = measured = found
    else:
        speakers = CROSSED if design == "crossed" else over_speakers(found)
        zero = np.zeros_like(found.means)
        measured = effect(found.means, zero, "speaker", alpha, overlap)
    if design == "crossed":
        measured = over.reason or effect(over.a, over.b, "seed", alpha)
    return Against(
        over.method,
        over.other,
        over.seeds,
        measured,
        f"it takes its correlation from the corrected t, and {correlated}"
        if correlated
        else posterior(over, setting.rules, design, test_to_train),
        resampled(over, design, test_to_train),
        speakers,
        bootstrap(found, design),
        pairs,
        simulated,
        overlap,
        correlated,
    )


def covered(simulated: tuple[Size, ...] | str, test: str) -> str:
    """Say why a two-sided test's interval is withheld; empty where it is not, or not made."""
    if isinstance(simulated, str):
        return ""
    size = next((one for one in simulated if one.test == test), None)
    if size is None or 1 - size.worst >= LEAST_COVERAGE:
        return ""
    return (
        f"a 95 % interval of the {test} covers {100 * (1 - size.worst):.0f} % in this design where "
        f"{max(size.rates, key=size.rates.__getitem__)}"
    )
