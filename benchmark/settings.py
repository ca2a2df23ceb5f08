"""Settings of data and training: what a cell is asked for beside its method and dataset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class DataSettings(BaseModel):
    """What is done to the examples of any dataset before a method sees them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_frames: Positive | None = None
    """Longer sequences of a modality are averaged down to so many equal shares of their time."""
    normalise: bool = True
    """Standardise each feature over the training part's frames (see ``Modality.one_unit``)."""
    labelled: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the training examples, by class, whose labels are given."""


class TrainingSettings(BaseModel):
    """How a model is trained and when it stops."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    optimiser: Literal["adam", "adamw"] = "adam"
    lr: Rate = 2e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    batch: Positive = 32
    epochs: Positive = 60
    schedule: Literal["plateau", "warmup", "constant"] = "warmup"
    """``plateau``: x ``plateau_factor`` after ``plateau_patience`` epochs without a better score;
    ``warmup``: linear over the first tenth of all steps, then cosine to zero."""
    plateau_patience: Positive = 5
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.3
    clip: Rate | None = 1.0
    """Greatest norm of the whole gradient."""
    patience: Positive | None = 20
    """Stop after so many epochs without a better validation score."""
    refit: bool = False
    """Train again on training plus validation for the number of epochs that validation chose."""
    refit_window: Positive = 9
    """That number is where the mean score over so many epochs around it is greatest: a single
    epoch's score on few examples peaks early by luck."""
