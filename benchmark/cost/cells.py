"""Cost cells: what identifies one, and what a worker does for those of one kind."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import torch

from ..contract import FusionMethod, Task
from ..recipes import parse
from .bounds import TooSlowError, least_seconds
from .energy import joules
from .flops import Count, count
from .latency import measure
from .measured import measure_memory
from .memory import Memory, predict_memory
from .recurrence import continued_count, continued_memory, is_recurrent
from .steps import Device, Measured, full_batch
from .sweep import task_at

Quantity = Literal["flops", "predicted", "memory", "latency"]
PASSES = ("inference", "training")
FASTER = 1.5
"""How much more FLOP/s a method may reach at the next longer length."""
Lengths = Mapping[str, int]
Configs = Mapping[str, Mapping[str, Mapping[str, Any]]]
Result = dict[str, Any]


@dataclass(frozen=True)
class CostCell:
    """One quantity at one shape: a unit of work that can be lost and done again.

    Parameters
    ----------
    quantity
        FLOPs, predicted or measured memory, or latency.
    configs
        Whole configuration of each method: of one, or of all that share a block of latencies.
    task
        Modalities and outputs; lengths are those below, and the longest that the method expects.
    batch, lengths
        Examples, and steps of each modality.
    device, dtype, threads
        Where and in which type it runs; FLOPs have none of them.
    baseline
        The method that ratios of a block are taken to.
    """

    quantity: Quantity
    configs: Configs
    task: Task
    batch: int
    lengths: Lengths
    device: Device = "cpu"
    dtype: str = "float32"
    threads: int = 1
    baseline: str = ""
    kind: str = "cost"

    @property
    def id(self) -> str:
        """Hash of what was asked, 16 hexadecimal digits."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def method(self) -> str:
        """The method, or all of a block by commas."""
        return ",".join(self.configs)

    def builder(self, method: str, device: str = "cpu") -> Callable[[Lengths], FusionMethod]:
        """Return what builds a method for given longest lengths."""
        recipe = parse(method)

        def build(lengths: Lengths) -> FusionMethod:
            with torch.device(device):
                return recipe.build(task_at(self.task, lengths), self.configs[method])

        return build


@dataclass(frozen=True)
class Before:
    """Seconds that calls took at a length: by pass and method."""

    lengths: Lengths
    seconds: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Limits:
    """How long and how large things may be; none of it changes a result.

    Parameters
    ----------
    memory
        Bytes that a worker may hold.
    call
        Seconds that one call may take where time or memory is measured. What would take longer even
        at the speed of one large matrix product, or at half as fast again as the method itself was
        at a shorter length, is not begun.
    budget
        Seconds for each of a block's two passes.
    peaks
        Bytes that each method is predicted to need at the block's shape, where that is known.
    before
        What calls took at a shorter length, if that was timed just before.
    """

    memory: int
    call: float = 0.5
    budget: float = 15.0
    peaks: Mapping[str, int] = field(default_factory=dict)
    before: Before | None = None


def run_cells(cells: Iterable[CostCell], limits: Limits) -> Iterator[tuple[CostCell, Result]]:
    """Work on cells of one method and quantity, one after the other."""
    kinds = {
        "flops": flops_results,
        "predicted": predicted_results,
        "memory": memory_results,
        "latency": latency_results,
    }
    cells = list(cells)
    if cells:
        yield from zip(cells, kinds[cells[0].quantity](cells, limits), strict=True)


def flops_results(cells: list[CostCell], _: Limits) -> Iterator[Result]:
    """Count inference and a training step, and evaluate the method's own formula."""
    method = cells[0].method
    build = cells[0].builder(method, "meta")
    recurrent = is_recurrent(build, cells[0].task.names)

    @functools.cache
    def at(steps: tuple[int, ...], batch: int, training: bool) -> Count:
        lengths = dict(zip(cells[0].task.names, steps, strict=True))
        return count(build(lengths), batch, lengths, training)

    for cell in cells:
        result: Result = {"recurrent": recurrent}
        for name in PASSES:
            training = name == "training"

            def counted(lengths: Lengths, batch: int = cell.batch, training: bool = training):
                steps = tuple(lengths[n] for n in cells[0].task.names)
                return at(steps, batch, training)

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


def predicted_results(cells: list[CostCell], _: Limits) -> Iterator[Result]:
    """Predict the memory of inference and of a training step."""
    method = cells[0].method
    build = cells[0].builder(method)
    recurrent = is_recurrent(cells[0].builder(method, "meta"), cells[0].task.names)

    @functools.cache
    def at(steps: tuple[int, ...], batch: int, dtype: str) -> Memory:
        lengths = dict(zip(cells[0].task.names, steps, strict=True))
        return predict_memory(lambda: build(lengths), batch, lengths, dtype)

    for cell in cells:

        def predicted(lengths: Lengths, cell: CostCell = cell) -> Memory:
            return at(tuple(lengths[n] for n in cell.task.names), cell.batch, cell.dtype)

        extended = continued_memory(predicted, cell.lengths) if recurrent else None
        found = extended or predicted(cell.lengths)
        yield {
            **asdict(found), "activations": found.activations, "extended": extended is not None,
        }  # fmt: skip


def memory_results(cells: list[CostCell], limits: Limits) -> Iterator[Result]:
    """Measure memory; the caller gives each cell a process of its own.

    Raises
    ------
    TooSlowError
        A training step takes longer than the limit of one call, or a prediction has.
    """
    for cell in cells:
        least = bound(cell, cell.method, True, None)
        if least > limits.call:
            raise TooSlowError(
                f"a training step takes {least:.3g} s at least, over the limit of a call, "
                f"{limits.call:g} s"
            )
        torch.manual_seed(0)
        build = cell.builder(cell.method)
        lengths = cell.lengths
        found = measure_memory(
            lambda build=build, lengths=lengths: build(lengths),
            cell.batch, lengths, cell.device, cell.dtype, limits.call,
        )  # fmt: skip
        yield asdict(found)


def latency_results(cells: list[CostCell], limits: Limits) -> Iterator[Result]:
    """Time all methods of a block against one another, inference and then training steps."""
    for cell in cells:
        data = full_batch(task_at(cell.task, cell.lengths), cell.batch, cell.lengths, cell.device)
        methods: dict[str, Measured] = {}
        large = {m: peak for m, peak in limits.peaks.items() if peak > limits.memory}
        for name in cell.configs:
            if name in large:
                continue
            torch.manual_seed(0)
            model = cell.builder(name)(cell.lengths).to(cell.device)
            methods[name] = Measured(model, cell.device, cell.dtype)
        result: Result = {"threads": torch.get_num_threads()}
        slow: dict[str, float] = {}
        for name in PASSES:
            work: dict[str, Callable[[], Any]] = {}
            slow = dict(slow)  # training holds a prediction, and takes no less
            for method, measured in methods.items():
                if method in slow:
                    continue
                least = bound(cell, method, name == "training", limits.before)
                if least > limits.call:
                    slow[method] = least
                    continue
                measured.model.train(name == "training")
                call = measured.train if name == "training" else measured.predict
                work[method] = functools.partial(call, data)
            slow |= too_slow(work, limits.call, cell.device)
            fast = {method: call for method, call in work.items() if method not in slow}
            base = cell.baseline if cell.baseline in fast else next(iter(fast), "")
            # Each has just been called once, which is what warming up is.
            times = (
                measure(fast, base, budget=limits.budget, device=cell.device, warm_up=0)
                if fast
                else {}
            )
            result[name] = {
                "baseline": base,
                "times": {method: asdict(latency) for method, latency in times.items()},
                "too_slow": slow,
                "too_large": large,
            }
            if name == "inference":
                result["joules"] = {m: joules(call, cell.device) for m, call in fast.items()}
        yield result


def bound(cell: CostCell, method: str, training: bool, before: Before | None) -> float:
    """Return the seconds that a call of a method takes at least, by its formula."""

    def least(lengths: Lengths) -> float:
        built = cell.builder(method, "meta")(lengths)
        return least_seconds(built, cell.batch, dict(lengths), training, cell.device, cell.dtype)

    seconds = before.seconds[PASSES[training]].get(method) if before else None
    here = least(cell.lengths)
    if seconds is None or before is None or here == 0.0:
        return here
    return max(here, seconds * here / least(before.lengths) / FASTER)


def told(limits: Limits, cell: CostCell, result: Result) -> Limits:
    """Return the limits of the next longer block, which know what calls took in this one."""
    if cell.quantity != "latency":
        return limits
    seconds = {
        name: {
            **{method: each["median"] for method, each in result[name]["times"].items()},
            **result[name]["too_slow"],
        }
        for name in PASSES
    }
    return replace(limits, before=Before(cell.lengths, seconds))


def too_slow(work: Mapping[str, Callable[[], Any]], limit: float, device: str) -> dict[str, float]:
    """Call each once; return the seconds of those over the limit."""
    found = {}
    for name, call in work.items():
        start = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        if seconds > limit:
            found[name] = seconds
    return found
