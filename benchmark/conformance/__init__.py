"""What every fusion method must hold to, whoever wrote it: the test of methods and plugins.

A property is a claim and an examination that tries to refute it on tasks of its own: one, two and
three modalities of unequal widths, rates and lengths, in classification and regression.
"""

from __future__ import annotations

from collections.abc import Callable

from . import building, prediction, training
from .subject import Property, Subject, Verdict

__all__ = ["PROPERTIES", "Property", "Subject", "Verdict", "check_method"]


def named(name: str, examine: Callable[[Subject], str]) -> Property:
    """Make a property whose claim is the first line of its examination's docstring."""
    claim = (examine.__doc__ or "").split("\n")[0].removeprefix("Check ").removeprefix("that ")
    return Property(name, claim, examine)


PROPERTIES: dict[str, Property] = {
    held.name: held
    for held in (
        named("shapes", prediction.shapes),
        named("gradients", training.gradient),
        named("padding", prediction.padding),
        named("neighbours", prediction.neighbours),
        named("absence", prediction.absence),
        named("lengths", prediction.lengths),
        named("frames", prediction.frames),
        named("overfit", training.overfit),
        named("seeds", training.seeds),
        named("saving", building.saving),
        named("search-space", building.search_space),
        named("shapes-alone", building.shapes_alone),
        named("labels", training.labels),
        named("branches", training.branches),
    )
}


def check_method(name: str) -> list[Verdict]:
    """Examine a method or strategy by its name, or any recipe like ``mult+missing-modality``.

    Returns
    -------
    list of Verdict
        One for each property, in the order of :data:`PROPERTIES`.

    Raises
    ------
    UserError
        An unknown name.
    """
    subject = Subject.of(name)
    return [examine(subject) for examine in PROPERTIES.values()]
