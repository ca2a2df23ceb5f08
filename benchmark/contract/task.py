"""What a method is asked to do: modalities with shapes, rates, lengths, and the kind of answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal


@dataclass(frozen=True)
class Modality:
    """One modality of a task.

    Parameters
    ----------
    shape
        Shape of one step: ``(D,)`` for vectors, ``(C, H, W)`` for image frames.
    max_length
        Longest sequence that any example has, in steps.
    rate
        Steps per second (Hz); ``None`` where time has no unit.
    one_unit
        Whether all numbers of a step are in one unit (joints in metres, pixels). Normalising then
        divides them all by one deviation: a joint that hardly moves stays small beside a hand.
    """

    shape: tuple[int, ...]
    max_length: int
    rate: float | None = None
    one_unit: bool = False

    @property
    def width(self) -> int:
        """Numbers in one step."""
        return prod(self.shape)


@dataclass(frozen=True)
class Task:
    """Kind of answer, its names, and the modalities in their fixed order.

    Parameters
    ----------
    modalities
        From one up; the order is the order of every per-modality list.
    outputs
        Class names (classification) or target names (regression).
    kind
        ``"classification"`` (labels are class indices) or ``"regression"`` (labels are reals).
    """

    modalities: Mapping[str, Modality]
    outputs: tuple[str, ...]
    kind: Literal["classification", "regression"] = "classification"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities, in order."""
        return tuple(self.modalities)

    def only(self, *names: str) -> Task:
        """Return the same task with a part of its modalities."""
        return Task({n: self.modalities[n] for n in names}, self.outputs, self.kind)
