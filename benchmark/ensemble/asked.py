"""Where cells are trained and whether side by side, read from the command line; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from ..contract.errors import UserError

MODES = ("auto", "on", "off")

Device = Annotated[str, typer.Option(help="Where cells are trained: cpu, cuda or cuda:1.")]
Mode = Annotated[
    str, typer.Option(help="Train a method's seeds side by side: auto (on CUDA), on, off.")
]


@dataclass(frozen=True)
class Ensemble:
    """A device, and whether seeds are trained side by side where a method allows it."""

    device: str
    together: bool


def ensemble_asked(device: str, mode: str, cluster: object | None) -> Ensemble | None:
    """Return what the flags ask for; None for worker processes on the CPU, one cell in each.

    Raises
    ------
    UserError
        An unknown mode, a device that is not there, or a cluster beside them.
    """
    if mode not in MODES:
        raise UserError(f"--ensemble {mode!r}; expected {', '.join(MODES)}")
    if device != "cpu":
        from .executor import check_device

        check_device(device)
    if device == "cpu" and mode != "on":
        return None
    if cluster:
        raise UserError(
            "--executor ray trains one cell on the CPU of a node; leave out --device and --ensemble"
        )
    return Ensemble(device, mode != "off")
