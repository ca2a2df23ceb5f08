"""Which shapes are measured: lengths of one modality, the others fixed or scaled with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..contract import Modality, Task, UserError
from ..contract.errors import near

EVERY = "all"
"""``--vary all``: every modality grows, by the lengths of the task's last one and their rates."""
LONGEST = 2**24

CREMAD = Task(
    {
        "audio": Modality((130,), 188, 62.5),
        "visual": Modality((512,), 90, 30.0),
    },
    ("anger", "disgust", "fear", "happiness", "neutral", "sadness"),
)
"""CREMA-D's features as papers take them: 130 acoustic numbers at 62.5 Hz, 512 of a face network at
30 Hz, six emotions; a clip of 3 s."""


@dataclass(frozen=True)
class Shape:
    """Lengths of every modality, those of one point of a sweep.

    Parameters
    ----------
    length
        Steps of the modality that the sweep names.
    lengths
        Steps of each modality.
    seconds
        Time that ``length`` steps last; None where the modality has no rate.
    """

    length: int
    lengths: Mapping[str, int]
    seconds: float | None


def parse_lengths(text: str) -> tuple[int, ...]:
    """Read ``64:4096`` (64, 128 and so on, doubled up to 4096), ``100,200,300``, or both mixed.

    Raises
    ------
    UserError
        Anything else, or a length below one.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?::\s*(\d+)\s*)?", part)
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else 0
        if not 1 <= first <= last <= LONGEST:
            raise UserError(
                f"lengths {text!r}: {part.strip()!r} is not a length; expected such as 64:4096 "
                f"(doubled from 64 up to 4096) or 100,200,400"
            )
        while first <= last:
            found.add(first)
            first *= 2
    return tuple(sorted(found))


def parse_sizes(text: str, what: str) -> tuple[int, ...]:
    """Read positive numbers by commas."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise UserError(f"{what} {text!r}; expected positive whole numbers by commas, such as 1,32")
    return tuple(dict.fromkeys(int(part) for part in parts))


def leading(task: Task, vary: str) -> str:
    """Return the modality whose lengths a sweep's are.

    Raises
    ------
    UserError
        The task has no such modality.
    """
    if vary == EVERY:
        return task.names[-1]
    if vary not in task.names:
        known = ", ".join(task.names)
        raise UserError(
            f"--vary {vary!r} is no modality of the task{near(vary, task.names)}; expected "
            f"{EVERY!r} or one of {known}"
        )
    return vary


def shapes(task: Task, lengths: Sequence[int], vary: str) -> tuple[Shape, ...]:
    """Return the shape at each length; modalities that are not varied keep their longest length.

    With ``vary="all"`` the lengths are those of the task's last modality, and the others last as
    long as it does. Modalities without a rate are scaled by their longest lengths.
    """
    lead = leading(task, vary)
    modalities = task.modalities
    made = []
    for length in lengths:
        own = {name: modality.max_length for name, modality in modalities.items()}
        if vary == EVERY:
            scale = scales(modalities, lead)
            own = {name: max(1, round(length * scale[name])) for name in modalities}
        own[lead] = length
        rate = modalities[lead].rate
        made.append(Shape(length, own, length / rate if rate else None))
    return tuple(made)


def scales(modalities: Mapping[str, Modality], lead: str) -> dict[str, float]:
    """Steps of each modality for one of the leading one's."""
    rates = {name: modality.rate for name, modality in modalities.items()}
    known = {name: rate for name, rate in rates.items() if rate}
    if len(known) == len(rates):
        return {name: rate / known[lead] for name, rate in known.items()}
    longest = {name: modality.max_length for name, modality in modalities.items()}
    return {name: steps / longest[lead] for name, steps in longest.items()}


def task_at(task: Task, lengths: Mapping[str, int]) -> Task:
    """Return the task whose longest examples have these lengths."""
    return replace(
        task,
        modalities={n: replace(m, max_length=lengths[n]) for n, m in task.modalities.items()},
    )
