"""Cost cells: what identifies one, and the limits that it is run under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import torch

from ..contract import FusionMethod, Task
from ..recipes import parse
from .steps import Device
from .sweep import task_at

Quantity = Literal["flops", "predicted", "memory", "latency"]
Pass = Literal["inference", "training"]
PASSES: tuple[Pass, ...] = ("inference", "training")
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

    @property
    def counted(self) -> bool:
        """Whether it runs nothing of the method: FLOPs and predicted memory."""
        return self.quantity in ("flops", "predicted")

    @property
    def on_gpu(self) -> bool:
        """Whether it needs a GPU."""
        return self.device == "cuda" and not self.counted

    def builder(self, method: str, device: str = "cpu") -> Callable[[Lengths], FusionMethod]:
        """Return what builds a method for given longest lengths."""
        recipe = parse(method)

        def build(lengths: Lengths) -> FusionMethod:
            with torch.device(device):
                return recipe.build(task_at(self.task, lengths), self.configs[method])

        return build


@dataclass(frozen=True)
class Marks:
    """Methods of a block that have no time in one pass, and why.

    Parameters
    ----------
    too_slow
        Seconds that a call took, or takes at least.
    too_large
        Bytes that the process was predicted to need for a call.
    broken
        Status, type, message and traceback of what was raised, of the process's end, or of why the
        method was not run at all.
    """

    too_slow: dict[str, float] = field(default_factory=dict)
    too_large: dict[str, int] = field(default_factory=dict)
    broken: dict[str, dict[str, str]] = field(default_factory=dict)

    def __contains__(self, method: object) -> bool:
        return method in self.too_slow or method in self.too_large or method in self.broken

    def joined(self, other: Marks) -> Marks:
        """Return both marks; of a method that has two of a kind the other's."""
        return Marks(
            self.too_slow | other.too_slow, self.too_large | other.too_large,
            self.broken | other.broken,
        )  # fmt: skip


@dataclass(frozen=True)
class Before:
    """Seconds that calls took at a shorter length: by pass and method."""

    lengths: Lengths
    seconds: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Limits:
    """How long and how large things may be, and what is known of a block before it is run.

    Parameters
    ----------
    memory
        Bytes that a worker may hold: resident on the CPU, reserved by the allocator on a GPU, where
        None is the whole device.
    call
        Seconds that one call may take where time or memory is measured. What would take longer even
        at the speed of one large matrix product, or at half as fast again as the method itself was
        at a shorter length, is not begun.
    budget
        Seconds for each of a block's two passes.
    added
        By pass and method, bytes that a call at the block's shape is predicted to need beside the
        model and the batch.
    before
        What calls took at a shorter length, if that was timed just before.
    known
        By pass, methods that broke at a shorter length, or where this block was tried before.
    """

    memory: int | None
    call: float = 0.5
    budget: float = 15.0
    added: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    before: Before | None = None
    known: Mapping[str, Marks] = field(default_factory=dict)

    def knowing(self, work: str, marks: Marks) -> Limits:
        """Return the limits with more known of a pass."""
        found = self.known.get(work, Marks()).joined(marks)
        return replace(self, known={**self.known, work: found})
