"""What a worker does for counted cells: FLOPs on meta tensors, predicted memory on fake ones."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import asdict

from ..contract import FusionMethod
from .cells import PASSES, CostCell, Lengths, Result
from .flops import Count, count
from .memory import Memory, predict_memory
from .recurrence import continued_count, continued_memory, is_recurrent


def flops_results(cells: list[CostCell]) -> Iterator[Result]:
    """Count inference and a training step, and evaluate the method's own formula."""
    method = cells[0].method
    names = cells[0].task.names
    fresh = cells[0].builder(method, "meta")

    @functools.cache
    def built(steps: tuple[int, ...]) -> FusionMethod:
        return fresh(dict(zip(names, steps, strict=True)))

    def build(lengths: Lengths) -> FusionMethod:
        return built(tuple(lengths[n] for n in names))

    recurrent = is_recurrent(build, names)

    @functools.cache
    def at(steps: tuple[int, ...], batch: int, training: bool) -> Count:
        return count(built(steps), batch, dict(zip(names, steps, strict=True)), training)

    for cell in cells:
        result: Result = {"recurrent": recurrent}
        for name in PASSES:
            training = name == "training"

            def counted(lengths: Lengths, batch: int = cell.batch, training: bool = training):
                return at(tuple(lengths[n] for n in names), batch, training)

            extended = continued_count(counted, cell.lengths) if recurrent else None
            found = extended or counted(cell.lengths)
            analytic = formula(build(cell.lengths), cell, training)
            result[name] = {
                **asdict(found), "extended": extended is not None, "analytic": analytic,
            }  # fmt: skip
        yield result


def formula(method: FusionMethod, cell: CostCell, training: bool) -> int | None:
    """Return the method's analytic FLOPs; None where it declares none."""
    try:
        return method.flops(cell.batch, dict(cell.lengths), training)
    except NotImplementedError:
        return None


def predicted_results(cells: list[CostCell]) -> Iterator[Result]:
    """Predict the memory of inference and of a training step."""
    method = cells[0].method
    build = cells[0].builder(method)
    recurrent = is_recurrent(cells[0].builder(method, "meta"), cells[0].task.names)

    @functools.cache
    def at(steps: tuple[int, ...], batch: int, dtype: str) -> Memory:
        lengths = dict(zip(cells[0].task.names, steps, strict=True))
        return predict_memory(lambda: build(lengths), batch, lengths, dtype, cells[0].device)

    for cell in cells:

        def predicted(lengths: Lengths, cell: CostCell = cell) -> Memory:
            return at(tuple(lengths[n] for n in cell.task.names), cell.batch, cell.dtype)

        extended = continued_memory(predicted, cell.lengths) if recurrent else None
        found = extended or predicted(cell.lengths)
        yield {
            **asdict(found), "activations": found.activations, "extended": extended is not None,
        }  # fmt: skip
