"""Quality against length as tables: every method at every length, and against the baseline."""

from __future__ import annotations

import math

from . import captions
from .formatting import difference, integer, number, p_value
from .grids import Column, Entry, Grid, estimated
from .series import Contrast, Series


def scores(shown: Series) -> Grid:
    """Each method's score at each length."""
    metric = shown.metric
    head = [Column("method", numeric=False)]
    head += [Column(f"{integer(length)} {shown.unit}") for length in shown.lengths]
    rows = []
    for method in shown.methods:
        remark = "baseline" if method == shown.baseline else ""
        entries = [Entry(method, below=remark, name=True)]
        for length in shown.lengths:
            estimate = shown.estimate(method, length)
            best = leader(shown, length) == method
            entries.append(Entry("–") if estimate is None else estimated(metric, estimate, best))
        rows.append(tuple(entries))
    caption = (
        f"{metric.label} against length, {shown.title}: every method is trained and tested at each "
        f"length. {captions.over_seeds(shown.tables[shown.lengths[-1]])} The best mean of each "
        f"length in bold."
    )
    return Grid(f"{shown.anchor}-scores", caption, tuple(head), tuple(rows))


def leader(shown: Series, length: int) -> str | None:
    """Return the method with the best mean at a length."""
    known = {m: e.mean for m in shown.methods if (e := shown.estimate(m, length)) is not None}
    if len(known) < 2:
        return None
    best = max if shown.metric.higher else min
    return best(known, key=lambda method: known[method])


def contrasts(shown: Series) -> Grid | None:
    """Each method against the baseline at each length: difference, p, verdict and FLOPs."""
    if not shown.contrasts:
        return None
    head = [Column("method", numeric=False)]
    head += [Column(f"{integer(length)} {shown.unit}") for length in shown.lengths]
    rows = []
    for method, several in shown.contrasts.items():
        at = {each.length: each for each in several}
        entries = [entry(shown, at.get(length)) for length in shown.lengths]
        rows.append((Entry(method, name=True), *entries))
    first = next(iter(shown.contrasts.values()))[0].evidence
    caption = (
        f"Against {shown.baseline} at each length, {shown.title}: difference in "
        f"{shown.metric.label}, {shown.metric.unit}, its {100 * first.test.confidence:g} % "
        f"interval {first.holds_for}, p after Holm over the {shown.tests} comparisons that the "
        f"plan fixed with the verdict, and the FLOPs of one inference with the longest example "
        f"over the baseline's."
    )
    return Grid(f"{shown.anchor}-contrasts", caption, tuple(head), tuple(rows))


def entry(shown: Series, contrast: Contrast | None) -> Entry:
    """Set one comparison."""
    if contrast is None:
        return Entry("–")
    test = contrast.evidence.test
    ratio = f"; {number(contrast.ratio, 2)} x FLOPs" if math.isfinite(contrast.ratio) else ""
    if math.isnan(contrast.adjusted):
        return Entry(difference(shown.metric, test.difference), below=f"no test{ratio}")
    verdict = "better" if contrast.better else "worse" if contrast.worse else "not separated"
    ends = " to ".join(difference(shown.metric, end) for end in (test.low, test.high))
    p = p_value(contrast.adjusted, contrast.evidence.rules.alpha)
    return Entry(
        difference(shown.metric, test.difference),
        below=f"{ends}; p {p if p[0] in '<>' else f'= {p}'}, {verdict}{ratio}",
        strong=contrast.separated,
    )
