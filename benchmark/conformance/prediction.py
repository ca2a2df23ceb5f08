"""Properties of the prediction: its shape, and what must never reach it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional

from ..contract import Batch, FusionMethod, Task, UserError
from .steps import alike, check_output, gradients, predict, trained, training_losses
from .subject import FRAMES, InapplicableError, Subject, ViolationError, case, draw
from .training import check_gradients

GARBAGE = (float("nan"), float("inf"), -1e30)
"""What is put, in turn, where nothing may look: each slips past another way of leaving it out."""


def shapes(subject: Subject) -> str:
    """Check one finite row of logits for each example, and that nothing else is changed."""
    for kind in subject.kinds:
        for count in subject.counts:
            task = subject.task(count, kind)
            with case(f"{kind} with {count} modalities"):
                check_forward(subject.build(task), task)
    counts = ", ".join(map(str, subject.counts))
    refused = "".join(f"; no {kind}: {why}" for kind, why in subject.refusals.items())
    return f"finite (B, outputs) in {' and '.join(subject.kinds)}, {counts} modalities{refused}"


def check_forward(model: FusionMethod, task: Task) -> None:
    """Check the output in training and evaluation; the batch, and evaluation's model, stay."""
    batch = draw(task, 4)
    kept = batch.map(torch.clone)
    check_output(model.train()(batch), task, 4)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    check_output(model.eval()(batch), task, 4)
    for name in task.names:
        if not torch.equal(batch.values[name], kept.values[name]):
            raise ViolationError(f"the forward pass writes into the values of {name!r}")
    for name, tensor in model.state_dict().items():
        if not torch.equal(tensor, state[name]):
            raise ViolationError(f"a forward pass in evaluation changes {name!r}")


def padding(subject: Subject) -> str:
    """Check that neither the amount of padding nor what stands in it is seen."""
    task = subject.task()
    model, batch = subject.perturbed(task), draw(task, 6)
    expected = predict(model, batch)
    worst = 0.0
    for change, padded in paddings(task, batch):
        with case(change):
            worst = max(worst, alike(predict(model, padded), expected))
    # Chance in training may be drawn by shape, so there only the content of the padding varies.
    clean = trained(model, batch)
    with case("garbage in the padding while training"):
        alike(trained(model, soiled(batch)), clean, "a loss or gradient")
    return f"more padding, and NaN, infinity or strangers in it, move nothing over {worst:.0e}"


def paddings(task: Task, batch: Batch) -> Iterator[tuple[str, Batch]]:
    """Yield the batch with its padding changed in content, then in amount, then in both."""
    yield "garbage in the padding", soiled(batch)
    for name, modality in task.modalities.items():
        more = modality.max_length - batch.values[name].shape[1]
        longer = batch.with_values(name, functional.pad(batch.values[name], (0, 0, 0, more)))
        yield f"more padding of {name!r}", longer
        yield f"more padding of {name!r} with garbage in it", soiled(longer)
        strangers = longer.values[name].roll(1, dims=0).flip(1) + 1.0
        kept = torch.where(longer.mask(name)[..., None], longer.values[name], strangers)
        yield f"other examples' steps in the padding of {name!r}", longer.with_values(name, kept)


def soiled(batch: Batch) -> Batch:
    """Return the batch with garbage in its padding and wherever a modality is absent."""
    for name, values in batch.values.items():
        seen = batch.mask(name) & batch.present[name][:, None]
        seen = seen.view(seen.shape + (1,) * (values.ndim - 2))
        garbage = torch.tensor(GARBAGE).repeat(values.numel())[: values.numel()]
        batch = batch.with_values(name, torch.where(seen, values, garbage.view_as(values)))
    return batch


def neighbours(subject: Subject) -> str:
    """Check that an example is predicted alike in any order, in any company, and alone."""
    task = subject.task()
    model, batch = subject.perturbed(task), draw(task, 6)
    expected = predict(model, batch)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    with case("another order of the batch"):
        worst = alike(predict(model, batch.map(lambda tensor: tensor[order])), expected[order])
    rest = torch.tensor([0, 2, 3, 4, 5, 1])
    company = batch.map(lambda tensor: tensor[rest])
    for name, values in company.values.items():
        louder = torch.where(rest > 0, 50.0, 1.0)[:, None, None]
        company = company.with_values(name, values * louder)
    with case("neighbours fifty times as large"):
        worst = max(worst, alike(predict(model, company)[:1], expected[:1]))
    for row in range(len(batch)):
        with case(f"example {row} alone in its batch"):
            alone = predict(model, trimmed(batch, row))
            worst = max(worst, alike(alone, expected[row : row + 1]))
    return f"another order, other neighbours, and none, move nothing over {worst:.0e}"


def trimmed(batch: Batch, row: int) -> Batch:
    """Return one example without the padding that only the others needed."""
    alone = batch.map(lambda tensor: tensor[row : row + 1])
    for name, lengths in alone.lengths.items():
        alone = alone.with_values(name, alone.values[name][:, : int(lengths[0])])
    return alone


def absence(subject: Subject) -> str:
    """Check that an absent modality is survived, and what stands in its place is not seen."""
    task = subject.pair()
    model, batch = subject.perturbed(task), draw(task, 6)
    worst, nothing, cases = 0.0, batch, {}
    for name in task.names:
        cases[f"{name!r} absent"] = batch.without(name)
        cases[f"{name!r} absent in half"] = batch.without(name, torch.arange(6) % 2 == 0)
        nothing = nothing.without(name)
    for name, reduced in {**cases, "every modality absent": nothing}.items():
        with case(f"{name}, garbage in its place"):
            found = predict(model, soiled(reduced))
            worst = max(worst, alike(found, predict(model, reduced)))
        with case(f"{name} while training, garbage in its place"):
            found = trained(model, soiled(reduced))
            alike(found, trained(model, reduced), "a loss or gradient")
    return f"without each modality, and all: finite, and garbage moves nothing over {worst:.0e}"


def lengths(subject: Subject) -> str:
    """Check single steps, the longest sequences, and mixtures of the two over modalities."""
    task = subject.pair()
    model = subject.perturbed(task)
    longest = {name: modality.max_length for name, modality in task.modalities.items()}
    cases = {"one step each": dict.fromkeys(longest, 1), "the longest of each": longest}
    for name in task.names:
        cases[f"one step of {name!r}, the longest of others"] = {**longest, name: 1}
    for name, chosen in cases.items():
        batch = draw(task, 3, lengths=chosen)
        with case(name):
            check_output(model.eval()(batch), task, 3)
            gradients(model, training_losses(model, batch))
    return f"finite predictions and gradients for {len(cases)} mixtures of lengths 1 and longest"


def frames(subject: Subject) -> str:
    """Check a modality of image frames: shapes, gradients, and padding that is not seen."""
    task = subject.filmed()
    try:
        model = subject.perturbed(task)
    except UserError as refusal:
        raise InapplicableError(f"image frames are refused: {refusal}") from refusal
    batch = draw(task, 4)
    check_output(model.eval()(batch), task, 4)
    with case("garbage in the padding"):
        worst = alike(predict(model, soiled(batch)), predict(model, batch))
    check_gradients(model, task)
    return f"frames {FRAMES.shape} are taken; garbage in padding moves nothing over {worst:.0e}"
