"""A comparison of two runs as text, Markdown or JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..benchmark.contract.errors import UserError
from ..benchmark.json_file import finite
from .change import Change
from .compare import Compared
from .formatting import NOTHING, count, difference, p_value, ranges, value
from .grids import Column, Entry, Grid
from .markdown import escaped, lines

WIDTH = 160
HOLDS_FOR = {"seeds": "new seeds, these speakers", "speakers": "new speakers and seeds"}


def view(compared: Compared, form: str) -> str:
    """Set a comparison.

    Raises
    ------
    UserError
        An unknown format.
    """
    if form not in FORMS:
        raise UserError(f"unknown format {form!r}; expected one of {', '.join(FORMS)}")
    return FORMS[form](compared)


def heading(compared: Compared) -> Iterator[str]:
    """Say what was compared, and how it came out."""
    first, second = compared.names
    plans = (
        f"Both runs are of plan {compared.plans[0]}."
        if compared.same_plan
        else f"The runs are of different plans ({compared.plans[0] or 'none'} and "
        f"{compared.plans[1] or 'none'}): only what they share is compared."
    )
    yield (
        f"{second} against {first}: {count(compared.shared, 'cell')} in common, "
        f"{compared.equal} equal bit for bit. {plans}"
    )
    if not compared.same_plan:
        yield f"Tested by the first run's plan: metric {compared.metric}, alpha {compared.alpha:g}."
    changed = [c for c in compared.changes if not c.same]
    worse = ", ".join(f"{c.method} on {c.dataset}" for c in compared.worse)
    better = ", ".join(
        f"{c.method} on {c.dataset}" for c in compared.changes if c.verdict == "better"
    )
    if compared.unjudged:
        yield f"Cannot be judged: {'; '.join(compared.unjudged)}."
    if not changed:
        yield "Nothing that both have done changed." if compared.unjudged else "Nothing changed."
        return
    yield f"Worse: {worse or 'none'}. Better: {better or 'none'}."
    open_ = sum(c.verdict == "not separated" for c in changed)
    if open_:
        yield (
            f"Not separated: {open_}. These seeds cannot tell whether a change is there: that is "
            f"no proof that there is none."
        )


def note(compared: Compared) -> str:
    """Say which test the table holds."""
    changed = sum(not c.same for c in compared.changes)
    return (
        "Change: second run minus first on the seeds that both have done, above zero where the "
        "second is better. p: two-sided, paired over seeds where all are tested on the same "
        "speakers (paired t), else over seeds and speakers (t on the two-way jackknife variance); "
        f"Holm over {count(changed, 'method')} that changed; worse or better: p < "
        f"{compared.alpha:g}."
    )


def changes(compared: Compared) -> Grid:
    """The table of changes, significant ones first."""
    heads = ("dataset", "method", "metric", "seeds", "equal cells", "first", "second", "change",
             "p", "p (Holm)", "verdict", "holds for")  # fmt: skip
    words = ("dataset", "method", "metric", "verdict", "holds for")
    columns = tuple(Column(head, numeric=head not in words) for head in heads)
    return Grid("changes", note(compared), columns, tuple(map(row, compared.changes)))


def row(one: Change) -> tuple[Entry, ...]:
    """Set one method's row."""
    metric = one.metric
    return (
        Entry(one.dataset, name=True),
        Entry(one.method, name=True),
        Entry(metric.label),
        Entry(str(len(one.seeds))),
        Entry(f"{one.equal}/{one.cells}"),
        Entry(value(metric, one.before)),
        Entry(value(metric, one.after)),
        Entry(NOTHING if one.same else difference(metric, one.result.difference)),
        Entry(p_value(one.result.p, one.alpha)),
        Entry(p_value(one.adjusted, one.alpha)),
        Entry(one.verdict, strong=one.worse or one.separated),
        Entry(NOTHING if one.same else HOLDS_FOR[one.scope]),
    )


def lacking(compared: Compared) -> Grid | None:
    """What only one run has done."""
    if not compared.lacking:
        return None
    columns = tuple(Column(h, numeric=False) for h in ("dataset", "method", "seeds", "only in"))
    rows = tuple(
        (
            Entry(one.dataset, name=True),
            Entry(one.method, name=True),
            Entry(ranges(one.seeds)),
            Entry(f"the {one.which}"),
        )
        for one in compared.lacking
    )
    return Grid("lacking", "Done in one of the runs only.", columns, rows)


def differences(compared: Compared) -> Grid | None:
    """What else differs."""
    if not compared.differences:
        return None
    columns = tuple(Column(head, numeric=False) for head in ("what", "first", "second"))
    rows = tuple((Entry(d.name), Entry(d.before), Entry(d.after)) for d in compared.differences)
    return Grid("differences", "Settings, code and versions that differ.", columns, rows)


def grids(compared: Compared) -> tuple[Grid, ...]:
    every = (changes(compared), lacking(compared), differences(compared))
    return tuple(grid for grid in every if grid is not None)


def text(compared: Compared) -> str:
    """Set a comparison for a terminal."""
    file = io.StringIO()
    console = Console(file=file, width=WIDTH, no_color=True)
    for line in heading(compared):
        console.print(Text(line))
    for grid in grids(compared):
        console.print()
        console.print(Text(grid.caption))
        table = Table(box=None, pad_edge=False)
        for column in grid.columns:
            table.add_column(column.label, justify="right" if column.numeric else "left")
        for entries in grid.rows:
            table.add_row(*(Text(entry.text) for entry in entries))
        console.print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def markdown(compared: Compared) -> str:
    """Set a comparison as Markdown."""
    parts = [*map(escaped, heading(compared))]
    for grid in grids(compared):
        parts += [escaped(grid.caption), lines(grid)]
    return "\n\n".join(parts)


def as_json(compared: Compared) -> str:
    """Set a comparison as JSON; what is not known is null."""

    def changed(one: Change) -> dict[str, Any]:
        fields = {**asdict(one), "metric": one.metric.key}
        return {**fields, "verdict": one.verdict, "worse": one.worse}

    found = {
        **asdict(compared),
        "changes": [changed(one) for one in compared.changes],
        "same_plan": compared.same_plan,
        "unjudged": compared.unjudged,
        "worse": [[one.dataset, one.method] for one in compared.worse],
    }
    return json.dumps(finite(found), indent=1, ensure_ascii=False, allow_nan=False)


FORMS: Mapping[str, Callable[[Compared], str]] = {
    "text": text,
    "md": markdown,
    "json": as_json,
}
