"""Properties of construction: saving, every corner of the search space, and shapes alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model

from ..contract import config
from .steps import Trainer, check_output, predict, training_losses
from .subject import InapplicableError, Subject, ViolationError, case, draw


def saving(subject: Subject) -> str:
    """Check that a trained model comes back from a safetensors file with equal predictions."""
    task = subject.pair()
    model, batch = subject.build(task), draw(task, 6)
    Trainer(model).step(batch)
    other = subject.build(task, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save_model(model, str(file))
        load_model(other, file)
        size = file.stat().st_size
    if not torch.equal(predict(model, batch), predict(other, batch)):
        raise ViolationError(
            "predictions differ after loading: a tensor that they need is neither a parameter nor "
            "a buffer"
        )
    return f"a trained model's predictions come back equal from a file of {size / 1024:.0f} KiB"


def search_space(subject: Subject) -> str:
    """Check that the corners of what tuning may try build and run, on odd widths.

    Real numbers are rates and weights: they may be refused, but they change no shape. Every choice
    of the others is built and run once, and every choice of the real numbers is built once.
    """
    task = subject.pair()
    batch = draw(task, 2)
    corners = list(searched(subject))
    if not corners:
        raise InapplicableError("nothing to tune: no setting is declared with search()")
    run, rates = set(), set()
    for corner in corners:
        chosen = replace(subject, settings=corner)
        real = {name: v for name, v in corner.items() if isinstance(v, float)}
        shape = tuple(item for item in corner.items() if item[0] not in real)
        rate = tuple(real.items())
        with case("the corner " + said_settings(corner)):
            if shape not in run:
                check_output(chosen.build(task).eval()(batch), task, 2)
            elif rate not in rates:
                with torch.device("meta"):
                    chosen.build(task)
        run.add(shape)
        rates.add(rate)
    for corner in (corners[0], corners[min(1, len(corners) - 1)], corners[-1]):
        with case(f"the corner {said_settings(corner)} at size paper"), torch.device("meta"):
            replace(subject, settings=corner).build(task, size="paper")
    names = dict.fromkeys(path.rpartition(".")[2] for corner in corners for path in corner)
    widths = " and ".join(str(modality.width) for modality in task.modalities.values())
    return (
        f"{len(corners)} corners of {', '.join(names)} (shapes: {len(run)}, choices of real "
        f"numbers: {len(rates)}) build and run on inputs {widths} wide"
    )


def said_settings(settings: Mapping[str, Any]) -> str:
    """Return settings as ``--set`` takes them, one after the other."""
    return ", ".join(f"{path}={value}" for path, value in settings.items())


def searched(subject: Subject) -> Iterator[Mapping[str, Any]]:
    """Yield each corner once: of the strategies' settings, or of the method's without any."""
    recipe, seen = subject.recipe, []
    for component in recipe.strategies or (recipe.entry,):
        fixed = recipe.entry.fixed if component is recipe.entry else {}
        for corner in config.corners(component.cls.Config):
            free = {f"{component.name}.{n}": v for n, v in corner.items() if n not in fixed}
            if free and free not in seen:
                seen.append(free)
                yield free


def shapes_alone(subject: Subject) -> str:
    """Check that forward and losses run where tensors have shapes and no values."""
    for task in map(subject.pair, subject.kinds):
        with case(f"{task.kind} on the meta device"):
            # Only construction knows the device: a tensor that the forward pass makes without
            # asking the batch for its device meets the others on another one, and shows.
            with torch.device("meta"):
                model = subject.build(task)
            batch = draw(task, 4).to("meta")
            check_output(model.eval()(batch), task, 4)
            training_losses(model, batch)
    return "construction, forward and losses run on the meta device: no tensor's value is read"
