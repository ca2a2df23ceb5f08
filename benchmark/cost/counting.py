"""What a worker does for counted cells: FLOPs on meta tensors, predicted memory on fake ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import asdict

from ..contract import FusionMethod
from ..provenance import describe_error
from .breaks import RAISED, status_of
from .cells import PASSES, CostCell, Lengths, Result
from .flops import Count, count
from .memory import Memory, UntrainableError, predict_memory
from .recurrence import continued_count, continued_memory, is_recurrent, looking


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

    look = looking(build)
    for cell in cells:
        result: Result = {"recurrent": recurrent}
        for name in PASSES:
            training = name == "training"

            def counted(lengths: Lengths, batch: int = cell.batch, training: bool = training):
                return at(tuple(lengths[n] for n in names), batch, training)

            try:
                extended = continued_count(counted, cell.lengths, look) if recurrent else None
                found = extended or counted(cell.lengths)
                analytic = formula(build(cell.lengths), cell, training)
            except RAISED as error:
                if not training:
                    raise
                # A method that cannot be trained may still be asked what a prediction costs.
                broken = {**describe_error(error), "status": status_of(error)}
                result |= {name: None, "broken": {name: broken}}
            else:
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
    bare = cells[0].builder(method, "meta")
    recurrent = is_recurrent(bare, cells[0].task.names)
    look = looking(bare)

    @functools.cache
    def at(steps: tuple[int, ...], batch: int, dtype: str) -> Memory:
        lengths = dict(zip(cells[0].task.names, steps, strict=True))
        return predict_memory(lambda: build(lengths), batch, lengths, dtype, cells[0].device)

    for cell in cells:

        def predicted(lengths: Lengths, cell: CostCell = cell) -> Memory:
            return at(tuple(lengths[n] for n in cell.task.names), cell.batch, cell.dtype)

        try:
            extended = continued_memory(predicted, cell.lengths, look) if recurrent else None
            found = extended or predicted(cell.lengths)
        except UntrainableError as error:
            yield untrainable(predicted, cell, error.__cause__ or error)
            continue
        yield {
            **asdict(found), "activations": found.activations, "extended": extended is not None,
        }  # fmt: skip


def untrainable(
    predicted: Callable[[Lengths], Memory], cell: CostCell, cause: BaseException
) -> Result:
    """Return what a method that cannot be trained needs for a prediction, at its own lengths."""
    broken = {**describe_error(cause), "status": status_of(cause)}
    try:
        predicted(cell.lengths)
    except UntrainableError as error:
        return {"inference": error.inference, "training": None, "broken": {"training": broken}}
    raise cause
