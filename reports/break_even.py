"""From which length on one method's FLOPs are fewer than another's, as ``bench cost`` found it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .formatting import NOTHING, Number, clean, integer, number
from .grids import Column, Entry, Grid


def grid(
    found: Mapping[str, Any], work: str = "inference", anchor: str = "break-even"
) -> Grid | None:
    """Each method's FLOPs against the baseline's: where they cross, and by how much they differ.

    Parameters
    ----------
    found
        The ``cost.json`` that ``bench cost`` wrote beside its records.
    work
        ``inference`` or ``training``.
    anchor
        Prefix of the table's own.
    """
    batch = min((each["batch"] for each in found["break_even"]), default=None)
    shown = [
        e for e in found["break_even"] if (e["work"], e["batch"]) == (work, batch)
    ]  # fmt: skip
    if not shown:
        return None
    local = {
        g["method"]: g["local"]
        for g in found["growth"]
        if (g["quantity"], g["work"], g["batch"]) == ("flops", work, batch)
    }
    baseline, lengths = shown[0]["baseline"], sorted({s["length"] for s in found["shapes"]})
    times = sorted({time for each in shown for time in each["factors"]}, key=float)
    vary = found["asked"]["vary"]
    head = [Column("method", numeric=False), Column(f"fewer FLOPs than {clean(baseline)} from")]
    head += [Column(f"at {float(time):g} s: times fewer") for time in times]
    head.append(Column(f"slope at {integer(lengths[-1])}"))
    rows = [
        (
            Entry(clean(each["method"]), name=True),
            Entry(crossing(each), sort=0 if each["always"] else each["length"]),
            *(Entry(factor(each["factors"].get(time))) for time in times),
            Entry(number(local.get(each["method"]), 3)),
        )
        for each in sorted(shown, key=lambda e: (e["length"] is None, e["length"] or 0))
    ]
    rows.append(
        (
            Entry(clean(baseline), below="baseline", name=True),
            Entry(NOTHING),
            *(Entry("1.00", sort=1) for _ in times),
            Entry(number(local.get(baseline), 3)),
        )
    )
    what = "every modality grows" if vary == "all" else f"{vary} grows, the others stay"
    caption = (
        f"FLOPs of {work} against {clean(baseline)}, {batch} at a time, {integer(lengths[0])} to "
        f"{integer(lengths[-1])} steps; {clean(what)}. The slope is the exponent of the length at "
        f"the longest."
    )
    return Grid(f"{anchor}-{work}", caption, tuple(head), tuple(rows))


def crossing(each: Mapping[str, Any]) -> str:
    """Say from which length on a method is the cheaper one."""
    if each["always"]:
        return "every length"
    if each["length"] is None:
        return "no length"
    seconds = f" ({each['seconds']:.3g} s)" if each["seconds"] is not None else ""
    return f"{'' if each['exact'] else 'about '}{integer(each['length'])}{seconds}"


def factor(value: float | None) -> Number:
    """Write a quotient with three digits."""
    return Number(NOTHING if value is None else f"{value:.3g}", value)
