"""The tables of ``bench list``: what is registered, and what must be known to choose from it."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from .contract.errors import UserError
from .registry import datasets, methods, strategies


def catalogue(what: str) -> Table:
    """Return the table of all methods, strategies or datasets.

    Raises
    ------
    UserError
        Another word than these three.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    if what == "methods":
        for column in ("method", "paper", "mark", "modalities", "absent", "cost order", "what"):
            table.add_column(column, overflow="fold")
        for m in methods:
            least, most = m.modalities
            count = (
                str(least) if most == least else f"{least}+" if most is None else f"{least}-{most}"
            )
            name = f"{m.name}:<{m.argument}>" if m.argument else m.name
            what_it_is = f"ablation of {m.of}" if m.of else m.summary
            table.add_row(*map(Text, (name, m.paper, m.mark, count, m.missing, m.cost, what_it_is)))
        for s in strategies:
            what_it_is = f"{s.summary} (METHOD+{s.name}; alone on {s.default})"
            row = (s.name, s.paper, s.mark, "as METHOD", "as METHOD", "as METHOD", what_it_is)
            table.add_row(*map(Text, row))
    elif what == "strategies":
        for column in ("strategy", "paper", "mark", "requires", "alone on", "what"):
            table.add_column(column, overflow="fold")
        for s in strategies:
            needs = ", ".join(s.cls.requires) or "nothing"
            table.add_row(*map(Text, (s.name, s.paper, s.mark, needs, s.default, s.summary)))
    elif what == "datasets":
        for column in ("dataset", "what", "source", "data"):
            table.add_column(column, overflow="fold")
        for d in datasets:
            needs = "under the data root" if d.cls.needs_root else "needs no data root"
            arguments = d.choices or ((f"<{d.argument}>",) if d.argument else ())
            for name in [f"{d.name}:{a}" for a in arguments] or [d.name]:
                table.add_row(*map(Text, (name, d.summary, d.source, needs)))
    else:
        raise UserError(f"bench list {what}: expected methods, strategies or datasets")
    return table
