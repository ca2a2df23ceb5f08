"""The statistics beside the verdict as one CSV file: a row for each figure, in full precision."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..benchmark.statistics.bayes import Posterior
from .collect import Report, Table
from .protocol import Against
from .protocol_datasets import signed_ranks
from .protocol_effect import Effect
from .protocol_pairs import discoveries
from .protocol_words import NAMES, floor

HEAD = ("dataset", "size", "metric", "unit", "method", "against", "statistic", "over", "n",
        "quantity", "value", "low", "high", "p", "withheld", "sentence")  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One number with its interval and p; ``over`` names what ``n`` counts."""

    statistic: str
    over: str = ""
    n: int | None = None
    quantity: str = ""
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    withheld: str = ""
    sentence: str = ""


def statistics(report: Report) -> str:
    """Return the file: differences in ``unit``, in the method's favour; unknown is empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEAD)
    for table in report.tables:
        metric = table.primary
        for method, other, figure in of_table(table):
            known = (table.title, table.size, metric.key, metric.unit, method, other)
            writer.writerow((*known, *columns(figure)))
    for found in report.together:
        ranks = signed_ranks(found, report.tables)
        known = (", ".join(found.datasets), found.size, found.metric, "points")
        if ranks.reason:
            one = Figure("Bayesian signed-rank test", "dataset", withheld=ranks.reason)
            writer.writerow((*known, "", ranks.baseline, *columns(one)))
        for method, posterior in ranks.posteriors:
            for figure in of_posterior("Bayesian signed-rank test", "dataset", posterior):
                writer.writerow((*known, method, ranks.baseline, *columns(figure)))
    return file.getvalue()


def columns(one: Figure) -> tuple[str, ...]:
    """Set one figure's entries."""
    numbers = (one.value, one.low, one.high, one.p)
    return (
        one.statistic, one.over, "" if one.n is None else str(one.n), one.quantity,
        *(repr(float(x)) if math.isfinite(x) else "" for x in numbers), one.withheld, one.sentence,
    )  # fmt: skip


def of_table(table: Table) -> Iterator[tuple[str, str, Figure]]:
    """Yield a table's figures with the two methods that each is of."""
    found = table.further
    if found.reason:
        yield "", found.baseline, Figure("all", withheld=found.reason)
    for one in found.against:
        for figure in of_comparison(one):
            yield one.method, one.other, figure
    pairs = discoveries(table.compared)
    if isinstance(pairs, str):
        yield "", "", Figure("Benjamini-Hochberg", withheld=pairs)
        return
    for pair, adjusted in zip(pairs.pairs, pairs.correction.adjusted, strict=True):
        n, scale = pair.test.seeds, table.primary.scale
        test = pair.test
        yield (
            pair.method,
            pair.other,
            Figure(
                "Benjamini-Hochberg", "seed", n, "difference", scale * test.difference, p=test.p
            ),
        )
        yield (
            pair.method,
            pair.other,
            Figure("Benjamini-Hochberg", "seed", n, "adjusted p", adjusted),
        )


def of_comparison(one: Against) -> Iterator[Figure]:
    """Yield a comparison's figures, and a line for each that is not given."""
    for field, name in NAMES.items():
        reason = getattr(one, field)
        if isinstance(reason, str):
            yield Figure(name, withheld=reason)
    if not isinstance(one.effect, str):
        yield from of_effect(one.effect)
    if not isinstance(one.posterior, str):
        yield from of_posterior(NAMES["posterior"], "seed", one.posterior)
    if not isinstance(one.resampled, str):
        t, why = one.resampled, one.correlated
        low, high = (math.nan, math.nan) if why else (t.low, t.high)
        yield Figure(NAMES["resampled"], "seed", t.n, "difference", t.difference, low, high, t.p,
                     why, "" if why else t.sentence())  # fmt: skip
    if not isinstance(one.speakers, str):
        t, flip, n = one.speakers.t, one.speakers.flip, one.speakers.speakers
        low, high = (math.nan, math.nan) if one.overlap else (t.low, t.high)
        yield Figure("t over speakers", "speaker", n, "difference", t.difference, low, high, t.p,
                     one.overlap, "" if one.overlap else t.sentence())  # fmt: skip
        why = floor(flip)
        yield Figure("Sign-flip over speakers", "speaker", n, "difference", flip.difference,
                     p=math.nan if why else flip.p, withheld=why,
                     sentence="" if why else flip.sentence())  # fmt: skip
    if not isinstance(one.bootstrap, str):
        b = one.bootstrap
        yield Figure(NAMES["bootstrap"], "seed and speaker", min(b.seeds, b.speakers), "difference",
                     b.difference, b.low, b.high, sentence=b.sentence())  # fmt: skip
    if not isinstance(one.models, str):
        for seed, test in one.models.items():
            name = f"{NAMES['models']}, seed {seed}"
            yield Figure(name, "example", test.n, "only the method right", test.only_a, p=test.p,
                         sentence=test.sentence())  # fmt: skip
            yield Figure(name, "example", test.n, "only the baseline right", test.only_b)
            yield Figure(name, "example", test.n, "mid-p", test.mid_p)
    if not isinstance(one.sizes, str):
        for size in one.sizes:
            for spread, rate in size.rates.items():
                yield Figure(f"{NAMES['sizes']} of {size.test}", "simulated run", size.runs,
                             spread, rate)  # fmt: skip


def of_effect(of: Effect) -> Iterator[Figure]:
    """Yield an effect's figures."""
    name, unit, n, why = NAMES["effect"], of.unit, of.size.n, of.withheld
    nan = math.nan
    most = nan if of.most.n is None else of.most.n
    least = nan if of.least.n is None else of.least.n
    size, ends = of.size, (of.size.low, of.size.high, *of.powers, least, most)
    low, high, weak, strong, least, most = (nan,) * 6 if why else ends
    yield Figure(name, unit, n, "d_z", size.dz, low, high, withheld=why,
                 sentence="" if why else size.sentence())  # fmt: skip
    yield Figure(name, unit, n, "g_z", size.gz)
    yield Figure(name, unit, n, "power", of.power.power, weak, strong, withheld=why,
                 sentence=of.power.sentence())  # fmt: skip
    yield Figure(name, unit, n, "difference found with 80 % power", of.detectable.difference,
                 sentence=of.detectable.sentence())  # fmt: skip
    needed = nan if of.needed.n is None else of.needed.n
    yield Figure(name, unit, n, f"{unit}s needed for 80 % power", needed, least, most,
                 withheld=why, sentence=of.needed.sentence())  # fmt: skip


def of_posterior(name: str, over: str, found: Posterior) -> Iterator[Figure]:
    """Yield a posterior's three probabilities."""
    text = found.sentence()
    for quantity, p in (
        ("P(better)", found.a_better),
        ("P(practically equal)", found.equal),
        ("P(worse)", found.b_better),
    ):
        yield Figure(name, over, found.n, quantity, p, sentence=text)
        text = ""
