"""Properties of training: gradients, fitting, chance, and labels that are not given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ..contract import Batch, Branch, FusionMethod, Task
from .steps import Trainer, gradients, other_phase, predict, reached, training_losses
from .subject import InapplicableError, Subject, ViolationError, case, draw

CHANCES = 5
"""Draws of a forward pass that drops layers or modalities, before one of them counts as dead."""
FIT_STEPS = 300
FIT_RATES = (1e-2, 2e-3)


def gradient(subject: Subject) -> str:
    """Check a gradient to every parameter and modality that is used, exactly zero to others."""
    most = 0
    tasks = [subject.task(count) for count in subject.counts]
    for task in (*tasks, *(subject.pair(kind) for kind in subject.kinds[1:])):
        with case(f"{task.kind} with {len(task.names)} modalities"):
            most = max(most, check_gradients(subject.perturbed(task), task))
    counts = ", ".join(map(str, subject.counts))
    return f"finite losses; gradients reach all of up to {most} tensors, for {counts} modalities"


def check_gradients(model: FusionMethod, task: Task) -> int:
    """Check the gradients of prediction and losses; return how many parameters there are."""
    batch = draw(task, 8)
    inputs = {name: values.requires_grad_() for name, values in batch.values.items()}
    logits = model.eval()(batch).logits
    direction = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
    check_uses("the prediction", sources((logits * direction).sum(), inputs), model)
    read, excused = set(), other_phase(model)
    missed = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    count = len(missed)
    for chance in range(CHANCES):
        terms = training_losses(model, batch, chance)
        read |= sources(torch.stack(tuple(terms.values())).sum(), inputs)
        missed -= {name for name, slope in gradients(model, terms).items() if reached(slope)}
        missed -= {name for name in missed if name.startswith(excused)}
        if not missed and read >= set(model.uses):
            break
    check_uses("the loss", read, model)
    if missed:
        raise ViolationError(
            f"no gradient reaches parameter {min(missed)!r}; use it, remove it, or declare its "
            f"prefix in other_phase"
        )
    return count


def sources(scalar: Tensor, inputs: Mapping[str, Tensor]) -> set[str]:
    """Return the inputs to which a scalar has a gradient other than exactly zero."""
    slopes = torch.autograd.grad(
        scalar, list(inputs.values()), retain_graph=True, allow_unused=True
    )
    return {name for name, slope in zip(inputs, slopes, strict=True) if reached(slope)}


def check_uses(what: str, read: set[str], model: FusionMethod) -> None:
    """Raise ViolationError where what is read is not what ``uses`` names."""
    for name in model.task.names:
        if name in model.uses and name not in read:
            raise ViolationError(f"{what} does not depend on {name!r}, which `uses` names")
        if name not in model.uses and name in read:
            raise ViolationError(f"{what} depends on {name!r}, which `uses` does not name")


def overfit(subject: Subject) -> str:
    """Check that eight examples with arbitrary labels can be learnt by heart."""
    task = subject.pair()
    batch, found = draw(task, 8), ""
    for lr in FIT_RATES:
        model = subject.build(task)
        trainer = Trainer(model, lr)
        for step in range(1, FIT_STEPS + 1):
            trainer.step(batch)
            if step % 10 == 0:
                fits, found = fitted(predict(model, batch), batch)
                if fits:
                    return f"{found} on eight examples after {step} steps of Adam at {lr:g}"
    rates = " or ".join(f"{lr:g}" for lr in FIT_RATES)
    raise ViolationError(f"{found} on eight examples after {FIT_STEPS} steps of Adam at {rates}")


def fitted(logits: Tensor, batch: Batch) -> tuple[bool, str]:
    """Say whether a prediction fits: accuracy 1, or under a tenth of the labels' variance left."""
    if batch.labels.ndim == 1:
        accuracy = float((logits.argmax(1) == batch.labels).float().mean())
        return accuracy == 1.0, f"accuracy {accuracy:.2f}"
    left = float((logits - batch.labels).square().mean() / batch.labels.var(0).mean())
    return left < 0.1, f"{left:.2f} of the labels' variance left"


def seeds(subject: Subject) -> str:
    """Check that a seed fixes weights, three training steps and predictions to the bit."""
    task = subject.pair()
    first, again, other = (subject.build(task, seed) for seed in (5, 5, 6))
    if torch.initial_seed() != 6:
        raise ViolationError("the method sets torch's seed itself, which is the harness's to set")
    check_equal(first, again, "after construction")
    drawn, others = dict(first.named_parameters()), dict(other.named_parameters())
    varied = [name for name, weight in drawn.items() if not bool((weight == weight.mean()).all())]
    if varied and all(torch.equal(drawn[name], others[name]) for name in varied):
        raise ViolationError("seeds 5 and 6 draw the same weights; draw from torch's generator")
    batches = [draw(task, 6, seed) for seed in range(3)]
    # Of few examples, another draw would often leave out the same ones.
    check_corruption(first, draw(task, 32))
    for model in (first, again):
        trainer = Trainer(model, seed=7)
        for batch in batches:
            trainer.step(batch)
    check_equal(first, again, "after three training steps")
    if not torch.equal(predict(first, batches[0]), predict(again, batches[0])):
        raise ViolationError("two models with the same seed and weights predict differently")
    return f"{len(drawn)} tensors and the predictions equal to the bit, before and after training"


def check_corruption(model: FusionMethod, batch: Batch) -> None:
    """Check that ``corrupt`` draws from its generator alone and leaves its batch as it was."""
    kept = batch.map(torch.clone)
    drawn = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        drawn.append(model.train().corrupt(batch, torch.Generator().manual_seed(3)))
    for name in kept.values:
        once, twice = drawn
        if not torch.equal(batch.values[name], kept.values[name]):
            raise ViolationError(f"corrupt writes into the values of {name!r}; return others")
        if not (
            torch.equal(once.values[name], twice.values[name])
            and torch.equal(once.present[name], twice.present[name])
        ):
            raise ViolationError(f"corrupt draws {name!r} by other chance than its generator's")


def check_equal(first: FusionMethod, second: FusionMethod, when: str) -> None:
    """Raise ViolationError where two models' states differ in any bit."""
    theirs = second.state_dict()
    for name, tensor in first.state_dict().items():
        if not torch.equal(tensor, theirs[name]):
            raise ViolationError(f"two models with the same seed differ in {name!r} {when}")


def labels(subject: Subject) -> str:
    """Check that no label reaches a prediction, nor one that is not given any loss."""
    for kind in subject.kinds:
        task = subject.pair(kind)
        with case(kind):
            check_labels(subject.perturbed(task), draw(task, 6))
    return "labels that are not given change no loss; without any the losses are finite"


def check_labels(model: FusionMethod, batch: Batch) -> None:
    """Change labels that must not be read, and take all labels away."""
    expected = predict(model, batch)
    turned = replace(batch, labels=batch.labels.flip(0), labelled=torch.arange(len(batch)) > 2)
    if not torch.equal(predict(model, turned), expected):
        raise ViolationError("the prediction changes with the labels")
    batch = replace(batch, labelled=torch.arange(len(batch)) % 2 == 0)
    losses = training_losses(model, batch)
    slopes = gradients(model, losses)
    hidden = batch.labels.clone()
    hidden[1], hidden[3], hidden[5] = (0, -1, 10**6) if hidden.ndim == 1 else (0.0, 1e30, torch.nan)
    with case("other labels where none is given"):
        found = training_losses(model, replace(batch, labels=hidden))
        for name, term in losses.items():
            if not torch.equal(term, found[name]):
                raise ViolationError(f"the loss {name!r} reads them")
        for name, slope in gradients(model, found).items():
            if not torch.equal(slope, slopes[name]):
                raise ViolationError(f"the gradient of {name!r} reads them")
    with case("no label at all"):
        bare = replace(batch, labelled=torch.zeros_like(batch.labelled))
        gradients(model, training_losses(model, bare))


def branches(subject: Subject) -> str:
    """Check that each branch's logits come from its own modality and parameters alone."""
    task = subject.task()
    model, batch = subject.perturbed(task), draw(task, 6)
    offered = model.branches()
    if not offered:
        raise InapplicableError("the method offers no branches")
    inputs = {name: values.requires_grad_() for name, values in batch.values.items()}
    auxiliary = model.eval()(batch).auxiliary
    for own, branch in offered.items():
        with case(f"branch {own!r}"):
            if branch.logits not in auxiliary:
                raise ViolationError(f"forward gives no auxiliary output {branch.logits!r}")
            logits, expected = auxiliary[branch.logits], (6, len(task.outputs))
            if tuple(logits.shape) != expected:
                raise ViolationError(f"logits of shape {tuple(logits.shape)}; expected {expected}")
            check_branch(model, own, branch, logits, inputs)
    return f"{len(offered)} branches, each fed by its own modality and parameters alone"


def check_branch(
    model: FusionMethod, own: str, branch: Branch, logits: Tensor, inputs: Mapping[str, Tensor]
) -> None:
    """Check that a branch's logits depend on its modality, on all of its parameters, and no other.

    Parameters of other branches are foreign to it; those of none (a head that is shared) are not.
    """
    owner = {id(p): name for name, other in model.branches().items() for p in other.parameters}
    weights = {name: p for name, p in model.named_parameters() if id(p) in owner}
    if len({id(p) for p in branch.parameters} & {id(p) for p in weights.values()}) != len(
        branch.parameters
    ):
        raise ViolationError("it holds a tensor twice, or one that is no parameter of the method")
    wanted = {name: name == own for name in inputs}
    wanted |= {name: owner[id(p)] == own for name, p in weights.items()}
    slopes = torch.autograd.grad(
        logits.square().sum(), [*inputs.values(), *weights.values()],
        retain_graph=True, allow_unused=True,
    )  # fmt: skip
    for (name, expected), slope in zip(wanted.items(), slopes, strict=True):
        if reached(slope) != expected:
            verb = "do not depend" if expected else "depend"
            raise ViolationError(f"its logits {verb} on {name!r}")
