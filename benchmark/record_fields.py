"""The fields of a cell's record that its readers rely on, in their JSON types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    model_validator,
)

Number = FiniteFloat | None
"""A measured value; what is not finite stands as null."""


class Part(BaseModel):
    """Known fields in their JSON types; others are no reader's."""

    model_config = ConfigDict(strict=True, extra="ignore")


def is_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Time = Annotated[str, AfterValidator(is_time)]


class Failure(Part):
    """Why a cell did not end well."""

    type: str | None = None
    message: str | None = None
    traceback: str | None = None


class Machine(Part):
    """What it ran on."""

    processor: str | None = None
    cores: int | None = None
    memory_gib: Number = None
    threads: int | None = None


class Git(Part):
    """The commit of the code that ran."""

    commit: str | None = None
    dirty: bool | None = None


class Code(Part):
    """Digests of the code that ran."""

    digest: str | None = None
    harness: str | None = None


class Asked(Part):
    """What was asked for."""

    kind: Literal["quality", "cost"]


class Common(Part):
    """What every record holds."""

    id: str
    status: Annotated[str, Field(min_length=1)]
    error: Failure | None = None
    versions: dict[str, str] | None = None
    device: str | None = None
    git: Git | None = None
    durations: dict[str, Number] | None = None
    duration: Number = None
    started: Time | None = None
    finished: Time | None = None


class Ended(Common):
    """A cell, however it ended."""

    machine: Machine | None = None
    code: Code | None = None


class Record(Ended):
    """A cell of whatever kind."""

    cell: Asked


class AskedQuality(Asked):
    """A training that was asked for."""

    method: str
    config: dict[str, Any]
    dataset: str
    dataset_config: dict[str, Any]
    fingerprint: str
    seed: NonNegativeInt
    fold: NonNegativeInt
    training: dict[str, Any]
    data: dict[str, Any]


class Quality(Ended):
    """A training, however it ended."""

    cell: AskedQuality
    size: str


class Protocol(Part):
    """How the test part is made."""

    text: str
    design: str
    folds: Annotated[int, Field(ge=1)]
    leaks: bool
    test_groups: list[str]


class Counts(Part):
    """Examples of each part."""

    train: int
    valid: int
    test: int


class History(Part):
    """Scores by epoch."""

    epoch: list[int]
    valid_score: list[Number]
    score: str = ""

    @model_validator(mode="after")
    def even(self) -> History:
        if len(self.epoch) != len(self.valid_score):
            raise ValueError("it has not one validation score an epoch")
        return self


class Selection(Part):
    """The epoch that was kept."""

    best_epoch: int


class PerClass(Part):
    """Figures of each class."""

    recall: list[Number]
    f1: list[Number]
    support: list[Number]


class Bound(Part):
    """An oracle's accuracy."""

    measured: Number = None
    closed_form: Number = None


class MadeBy(Part):
    """Digests of the code that ran, all known."""

    digest: str
    harness: str


class Trained(Common):
    """A training that ended well."""

    cell: AskedQuality
    size: str
    machine: Machine | None = None

    kind: Literal["classification", "regression"]
    outputs: Annotated[list[str], Field(min_length=1)]
    metrics: dict[str, Number]
    per_class: PerClass | None = None
    confusion: list[list[FiniteFloat]] | None = None
    absent: dict[str, dict[str, Number]]
    oracle: dict[str, Bound | None] | None
    history: History
    selection: Selection
    parameters: int
    counts: Counts
    protocol: Protocol
    code: MadeBy

    @model_validator(mode="after")
    def fits(self) -> Trained:
        classes = len(self.outputs)
        each = self.per_class
        lists = [] if each is None else [each.recall, each.f1, each.support]
        rows = self.confusion or []
        if any(len(one) != classes for one in (*lists, *rows)) or len(rows) not in (0, classes):
            raise ValueError(f"per_class or confusion is not of its {classes} outputs")
        return self
