"""Short leaderboards in a Markdown file, read from the stores that the file names.

``python -m fusemark.reports.readme_table README.md`` rewrites every block between
``<!-- table: results/reference/NAME -->`` and ``<!-- /table -->``; with ``--check`` nothing is
written, and the exit code is 1 where the file differs from its stores.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..benchmark.contract.errors import UserError
from .captions import head, warnings
from .collect import Table, collect
from .formatting import integer
from .grids import Column, Entry, Grid, estimated, leaders
from .markdown import escaped, lines, say
from .summary import versus
from .wording import sentence

OPENING = re.compile(r"<!-- table: (?P<store>\S+) -->")
CLOSING = "<!-- /table -->"


def updated(text: str, root: Path) -> str:
    """Return a Markdown text whose tables are those of their stores.

    Parameters
    ----------
    text
        With any number of blocks.
    root
        Folder that the stores' paths are relative to.

    Raises
    ------
    UserError
        A block that is not closed, or a store that is not there.
    """
    parts, at = [], 0
    while opening := OPENING.search(text, at):
        store = opening["store"]
        end = text.find(CLOSING, opening.end())
        following = OPENING.search(text, opening.end())
        if end < 0 or (following and following.start() < end):
            raise UserError(
                f"the block of table {store!r} is not closed; expected {CLOSING} after it"
            )
        parts += [text[at : opening.end()], f"\n{block(root / store)}\n"]
        at = end
    return "".join([*parts, text[at:]])


def block(store: Path) -> str:
    """Return the short leaderboards of a store, one for each dataset, with the paired tests.

    Raises
    ------
    UserError
        No such store, or one without a complete seed.
    """
    tables = [table for table in collect(store).tables if table.measured]
    if not tables:
        raise UserError(f"{store.name!r} holds no complete seed, so there is no table to show")
    return "\n\n".join("\n\n".join(paragraphs(table)) for table in tables)


def paragraphs(table: Table) -> Iterator[str]:
    """Yield the caption, the table and what its tests say."""
    low, high = table.seeds
    seeds = f"{high} seeds" if low == high else f"{low} to {high} seeds"
    text = table.protocol.text if table.protocol else ""
    parts = [head(table), f"mean ± standard deviation over {seeds}, and the 95 % t interval", text]
    yield f"{escaped('; '.join(filter(None, parts)))}."
    yield lines(short(table))
    for warning in warnings(table):
        yield f"**{escaped(warning)}**"
    first = table.standings[0].label
    tests = [c for c in table.comparisons if c.method == first]
    said = [versus(c, "", " the baseline ", table) for c in tests]
    if table.single is not None and table.single not in tests:
        said.append(versus(table.single, "", " the best single modality, ", table))
    if said:
        yield " ".join(say(sentence(each)) for each in said)


def short(table: Table) -> Grid:
    """Return the leaderboard's first measure, accuracy, parameters and seeds."""
    shown = list(dict.fromkeys((table.primary, table.levelled)))
    best = {metric.key: leaders(table, metric) for metric in shown}
    columns = ["method", *(metric.label for metric in shown), "parameters", "seeds"]
    rows = tuple(
        (
            Entry(row.label, name=True),
            *(estimated(m, row.estimates[m.key], row.label in best[m.key]) for m in shown),
            Entry(integer(row.parameters)),
            Entry(str(row.done)),
        )
        for row in table.measured
    )
    return Grid("", "", tuple(Column(c, numeric=c != "method") for c in columns), rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite or check a file; return the exit code."""
    parser = argparse.ArgumentParser(prog="fusemark.reports.readme_table", description=__doc__)
    parser.add_argument("file", type=Path, help="the Markdown file")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it differs")
    asked = parser.parse_args(arguments)
    try:
        old = asked.file.read_text(encoding="utf-8")
        new = updated(old, asked.file.parent)
    except (OSError, UserError) as error:
        print(f"{asked.file}: {error}", file=sys.stderr)
        return 2
    if asked.check:
        if new != old:
            print(
                f"{asked.file} differs from its stores; run this without --check", file=sys.stderr
            )
        return int(new != old)
    asked.file.write_text(new, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
