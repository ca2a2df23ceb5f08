"""The precision of a training step: a setting that only trainings side by side, or on a GPU, have.

It stands apart from the other settings of training, whose code the committed results' digests
cover, and a cell in float32 says nothing of it, so that it is the cell that it always was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from .contract.errors import UserError
from .settings import TrainingSettings


class PreciseSettings(TrainingSettings):
    """How a model is trained, and in which precision."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """``bfloat16``: forward pass and losses of a training step under autocast; weights, optimiser,
    validation and test stay in float32."""

    def asked(self) -> dict[str, Any]:
        """Return the settings as a cell keeps them."""
        plain = {"precision"} if self.precision == "float32" else set()
        return self.model_dump(exclude=plain)


def check_precision(trainings: Iterable[Any], supported: bool) -> None:
    """Refuse another precision where trainings have none but float32.

    Raises
    ------
    UserError
        A cell's training asks for it.
    """
    found = {dict(training).get("precision") for training in trainings} - {None}
    if found and not supported:
        raise UserError(
            f"training.precision={found.pop()} is trained by `bench run` with --device cuda, or "
            f"with --ensemble on; expected one of these, or float32"
        )
