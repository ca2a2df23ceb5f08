"""What a worker does for cells of each kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch

from .ahead import bound
from .blocks import latency_results
from .bounds import TooSlowError
from .breaks import Note
from .cells import PASSES, CostCell, Limits, Pass, Result
from .counting import flops_results, predicted_results
from .measured import measure_memory


def run_cells(
    cells: Iterable[CostCell], limits: Limits, passes: Sequence[Pass] = PASSES,
    note: Note | None = None,
) -> Iterator[tuple[CostCell, Result]]:  # fmt: skip
    """Work on cells of one method and quantity, one after the other."""
    cells = list(cells)
    kinds = {
        "flops": lambda: flops_results(cells),
        "predicted": lambda: predicted_results(cells),
        "memory": lambda: memory_results(cells, limits, passes),
        "latency": lambda: latency_results(cells, limits, note),
    }
    if cells:
        yield from zip(cells, kinds[cells[0].quantity](), strict=True)


def memory_results(
    cells: list[CostCell], limits: Limits, passes: Sequence[Pass] = PASSES
) -> Iterator[Result]:
    """Measure the memory of passes; the caller gives each cell and pass a process of its own.

    Raises
    ------
    TooSlowError
        A call takes longer than the limit of one call, or would.
    """
    for cell in cells:
        result: Result = {}
        for work in passes:
            least = bound(cell, cell.method, work, None)
            if least > limits.call:
                what = {"inference": "prediction", "training": "training step"}[work]
                raise TooSlowError(
                    f"a {what} takes {least:.3g} s at least, over the limit of a call, "
                    f"{limits.call:g} s"
                )
            torch.manual_seed(0)
            build, lengths = cell.builder(cell.method), cell.lengths
            peak = measure_memory(
                lambda build=build, lengths=lengths: build(lengths),
                cell.batch, lengths, work, cell.device, cell.dtype, limits.call,
            )  # fmt: skip
            result[work], result[f"{work}_reserved"] = peak.allocated, peak.reserved
            result[f"{work}_call"] = peak.seconds
        yield result
