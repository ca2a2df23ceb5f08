"""What the statistics beside the verdict say of themselves, and why some are not given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ..benchmark.statistics.design_size import ALPHA
from ..benchmark.statistics.sign_flip import SignFlip
from .collect import Table
from .formatting import count, number
from .protocol import Against, Further
from .protocol_pairs import discoveries
from .variance_grid import reason as no_variance

NAMES: Mapping[str, str] = {
    "effect": "Effect size and power",
    "posterior": "Bayesian correlated t-test",
    "resampled": "Nadeau and Bengio's test",
    "speakers": "t and sign-flip over speakers",
    "bootstrap": "Bootstrap over seeds and speakers",
    "models": "McNemar's test",
    "sizes": "Simulated size",
}
"""By field of :class:`.protocol.Against`."""


def notes(table: Table) -> Iterator[str]:
    """Yield what is not given of a table, and why."""
    found = table.further
    for field, name in NAMES.items():
        yield from lacking(name, {one.method: getattr(one, field) for one in found.against})
    for name, field in (
        ("Intervals over speakers alone", "overlap"),
        ("Interval of Nadeau and Bengio's test", "correlated"),
    ):
        reasons = {one.method: getattr(one, field) for one in found.against}
        yield from lacking(name, {m: why for m, why in reasons.items() if why}, len(reasons))
    yield from lacking("Sign-flip over speakers", dict(floors(found)), len(found.against))
    pairs = discoveries(table.compared)
    if not isinstance(pairs, str):
        yield (
            f"Benjamini and Hochberg's correction: of {count(len(pairs.pairs), 'pair')} that the "
            f"plan did not fix, {len(pairs.found)} differ at a false discovery rate of "
            f"{pairs.correction.alpha:g}; Holm leaves {len(pairs.beyond)} of them open. "
            "Exploratory."
        )
    elif not found.reason:
        yield f"Benjamini and Hochberg's correction, not given: {pairs}."
    if table.variance is None and not found.reason:
        yield f"Shares of the variance, not given: {no_variance(table)}."


def lacking(name: str, of: Mapping[str, object], whole: int | None = None) -> Iterator[str]:
    """Say why some methods have no such statistic; of all of them without their names."""
    whole = len(of) if whole is None else whole
    reasons: dict[str, list[str]] = {}
    for method, result in of.items():
        if isinstance(result, str) and result:
            reasons.setdefault(result, []).append(method)
    for reason, methods in reasons.items():
        whom = "" if len(methods) == whole else f" of {', '.join(methods)}"
        yield f"{name}{whom}, not given: {reason}."


def floors(found: Further) -> Iterator[tuple[str, str]]:
    """Yield the methods whose sign-flip test cannot reject, and why."""
    for one in found.against:
        if not isinstance(one.speakers, str) and floor(one.speakers.flip):
            yield one.method, floor(one.speakers.flip)


def floor(flip: SignFlip) -> str:
    """Say why a sign-flip test's p is withheld; empty where it is not."""
    if flip.smallest_p <= ALPHA:
        return ""
    least = number(flip.smallest_p, 4)
    return f"over {count(flip.n, 'speaker')} its p cannot fall below {least}"


def words(found: Further) -> Iterator[tuple[str, str]]:
    """Yield each method with its statistics' own sentences, those without any left out."""
    for one in found.against:
        said = " ".join(sentences(one))
        if said:
            yield one.method, said


def sentences(one: Against) -> Iterator[str]:
    """Yield the sentences of one comparison; one that would tell a withheld figure is left out."""
    if not isinstance(one.effect, str):
        of = one.effect
        if not of.withheld:
            yield of.size.sentence()
        yield from (of.power.sentence(), of.detectable.sentence(), of.needed.sentence())
    if not isinstance(one.posterior, str):
        yield one.posterior.sentence()
    if not isinstance(one.resampled, str) and not one.correlated:
        yield one.resampled.sentence()
    if not isinstance(one.speakers, str) and not one.overlap:
        floored = floor(one.speakers.flip)
        yield one.speakers.t.sentence() if floored else one.speakers.sentence()
    if not isinstance(one.bootstrap, str):
        yield one.bootstrap.sentence()
    if not isinstance(one.models, str):
        seed, first = next(iter(one.models.items()))
        if len(one.models) == 1:
            yield f"Seed {seed}: {first.sentence()}{unmatched(one)}"
        else:
            p = [test.p for test in one.models.values() if math.isfinite(test.p)]
            few = sum(value < ALPHA for value in p)
            yield (
                f"McNemar's exact test is below .05 in {few} of "
                f"{count(len(one.models), 'seed')}, for each seed's pair of models only."
                + unmatched(one)
            )


def unmatched(one: Against) -> str:
    """Say how many common seeds McNemar's test had to leave out; empty where it has all."""
    left = len(one.seeds) - len(one.models)
    if left <= 0:
        return ""
    return f" {count(left, 'seed')} left out: no predictions of the same examples can be read."
