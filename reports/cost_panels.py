"""Which panels a figure of costs has, and what each draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..benchmark.cost.rows import Row
from .cost_grids import WORK
from .cost_setting import Setting
from .costs import Costs
from .formatting import count

PANELS = (("flops", "FLOPs"), ("memory", "Peak memory"), ("latency", "Median latency"))


@dataclass(frozen=True)
class Panel:
    """One quantity of one pass, in one setting: a line a method.

    Attributes
    ----------
    lines, dots
        By method and length, what lines join; what stands beside it as dots alone.
    """

    quantity: str
    title: str
    work: str
    batch: int
    setting: Setting
    lines: Mapping[str, Mapping[int, Row]]
    dots: Mapping[str, Mapping[int, Row]] = field(default_factory=dict)


def chosen(costs: Costs) -> Iterator[Panel]:
    """Yield the panels: of each quantity and setting inference, and the largest training step."""
    for quantity, title in PANELS:
        pairs = sources(costs, quantity)
        for joined, dotted in pairs:
            setting = dotted[1] if dotted else joined[1]
            for work, what in WORK.items():
                batch = costs.batch(work)
                lines = costs.find(joined[0], work, batch, joined[1])
                dots = costs.find(dotted[0], work, batch, dotted[1]) if dotted else {}
                if lines or dots:
                    where = f"\n{setting}" if len(pairs) > 1 else ""
                    text = f"{title} of {what}, {count(batch, 'example')}{where}"
                    yield Panel(quantity, text, work, batch, setting, lines or dots, dots)


def sources(
    costs: Costs, quantity: str
) -> list[tuple[tuple[str, Setting], tuple[str, Setting] | None]]:
    """Return what a quantity's panels draw: memory's prediction beside its measurement."""
    if quantity != "memory":
        return [((quantity, setting), None) for setting in costs.settings(quantity)]
    predicted, measured = costs.settings("predicted"), costs.settings("memory")
    found: list[tuple[tuple[str, Setting], tuple[str, Setting] | None]] = []
    for setting in measured:
        alike = [one for one in predicted if one.alike(setting)]
        dots = ("memory", setting)
        found.append((("predicted", alike[0]) if alike else dots, dots))
    alone = [one for one in predicted if not any(one.alike(other) for other in measured)]
    return found + [(("predicted", setting), None) for setting in alone]
