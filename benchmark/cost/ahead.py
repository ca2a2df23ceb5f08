"""What a call takes at least, known before it is begun; and what a block tells the next longer."""

from __future__ import annotations

from dataclasses import replace

from .bounds import least_seconds
from .cells import PASSES, Before, CostCell, Lengths, Limits, Marks, Pass, Result

FASTER = 1.5
"""How much more FLOP/s a method may reach at the next longer length."""
NOT_RUN = "not run:"
"""How the message begins of what was passed over."""


def bound(cell: CostCell, method: str, work: Pass, before: Before | None) -> float:
    """Return the seconds that a call of a method takes at least.

    By its formula, and by what it took at a shorter length; without a formula as much as there.
    """

    def least(lengths: Lengths) -> float:
        built = cell.builder(method, "meta")(lengths)
        training = work == "training"
        return least_seconds(built, cell.batch, dict(lengths), training, cell.device, cell.dtype)

    seconds = before.seconds[work].get(method) if before else None
    here = least(cell.lengths)
    if seconds is None or before is None:
        return here
    if here == 0.0:
        return seconds
    return max(here, seconds * here / least(before.lengths) / FASTER)


def told(limits: Limits, cell: CostCell, result: Result) -> Limits:
    """Return the limits of the next longer block, which know what became of methods in this one."""
    if cell.quantity != "latency":
        return limits
    seconds = {
        name: {
            **{method: each["median"] for method, each in result[name]["times"].items()},
            **result[name]["too_slow"],
        }
        for name in PASSES
    }
    limits = replace(limits, before=Before(cell.lengths, seconds))
    for name in PASSES:
        broken = {m: passed_over("memory", cell) for m in result[name]["too_large"]}
        for method, error in result[name]["broken"].items():
            new = not error["message"].startswith(NOT_RUN)
            broken[method] = passed_over(error["status"], cell) if new else error
        limits = limits.knowing(name, Marks(broken=broken))
    return limits


def passed_over(status: str, shorter: CostCell) -> dict[str, str]:
    """Say of what broke at a shorter length that it was not run."""
    lengths = ", ".join(f"{n} {steps}" for n, steps in shorter.lengths.items())
    message = f"{NOT_RUN} {status} at the shorter {lengths}"
    return {"status": status, "type": status, "message": message, "traceback": ""}
