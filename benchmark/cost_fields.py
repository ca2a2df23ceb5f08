"""The fields of a cost cell's record that its readers rely on, in their JSON types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, ValidationError, model_validator

from .record_fields import Asked, Code, Common, Failure, Machine, Number, Part


class Modality(Part):
    """What one modality looks like."""

    shape: list[int]
    rate: Number


class Inputs(Part):
    """What a method is given, and its outputs."""

    modalities: Annotated[dict[str, Modality], Field(min_length=1)]
    outputs: list[str]


class AskedCost(Asked):
    """A measurement that was asked for."""

    quantity: Literal["flops", "predicted", "memory", "latency"]
    configs: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    task: Inputs
    batch: int
    lengths: dict[str, int]
    device: str
    dtype: str
    threads: int


class Cost(Common):
    """A measurement of cost, however it ended."""

    cell: AskedCost
    failure: Failure | None = Field(alias="error")
    machine: Machine | None = None
    code: Code | None = None
    vary: str = "all"
    length: int
    seconds: Number


class Counted(Part):
    """FLOPs of one pass."""

    total: FiniteFloat
    extended: bool
    uncounted: dict[str, Any] | list[str]


class Broken(Part):
    """Why a pass, or a method of a block, has no figure."""

    status: str
    type: str | None = None
    message: str | None = None


class Flops(Part):
    """FLOPs of a prediction, and of a training step where there can be one."""

    inference: Counted
    training: Counted | None
    broken: dict[str, Broken] = Field(default={})

    @model_validator(mode="after")
    def told(self) -> Flops:
        if self.training is None and "training" not in self.broken:
            raise ValueError("training is missing, and is not said to be broken")
        return self


class Memory(Part):
    """Peak bytes of the passes that did not break."""

    inference: Number = None
    training: Number = None
    inference_reserved: Number = None
    training_reserved: Number = None
    broken: dict[str, Broken] = Field(default={})

    @model_validator(mode="after")
    def told(self) -> Memory:
        parts = ("parameters", "gradients", "optimiser", "inputs", "activations")
        training = ("training", *(part for part in parts if part in type(self).model_fields))
        for work, names in {"inference": ("inference",), "training": training}.items():
            missing = [name for name in names if name not in self.model_fields_set]
            if missing and work not in self.broken:
                raise ValueError(f"{missing[0]} is missing, and {work} is not said to be broken")
        return self


class Predicted(Memory):
    """Predicted bytes, and what they are for."""

    parameters: Number = None
    gradients: Number = None
    optimiser: Number = None
    inputs: Number = None
    activations: Number = None


class Timed(Part):
    """A method's seconds in a block."""

    median: Annotated[FiniteFloat, Field(gt=0)]
    p95: Number
    iqr: Number
    repeats: int
    settled: bool
    ratio: Number
    low: Number
    high: Number
    samples: list[FiniteFloat]


class Block(Part):
    """The times of one pass."""

    baseline: str
    times: dict[str, Timed]
    too_large: dict[str, Any] | list[str] = Field(default=[])
    broken: dict[str, Broken] = Field(default={})


class Latency(Part):
    """The times of both passes."""

    joules: dict[str, Number]
    inference: Block
    training: Block


class Threads(Part):
    """What it ran on, its threads known."""

    processor: str = ""
    threads: int


RESULTS = {"flops": Flops, "predicted": Predicted, "memory": Memory, "latency": Latency}


class Measured(Common):
    """A measurement of cost that ended well."""

    cell: AskedCost
    vary: str = "all"
    length: int
    seconds: Number
    code: Code | None = None

    machine: Threads
    result: dict[str, Any]

    @model_validator(mode="after")
    def fits(self) -> Measured:
        try:
            RESULTS[self.cell.quantity].model_validate(self.result)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, ("result", *first["loc"])))
            raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
        return self
