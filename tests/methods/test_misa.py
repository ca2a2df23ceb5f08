from dataclasses import replace
from itertools import combinations

import pytest
import scipy.linalg
import torch
from fusemark.benchmark.contract import Modality, Task, supervised_loss
from fusemark.methods.blocks.discrepancy import central_moment_discrepancy
from fusemark.methods.misa import Misa, difference

SHAPES = {"audio": Modality((5,), 6), "visual": Modality((3,), 9), "text": Modality((4,), 4)}
TASK = Task(SHAPES, ("a", "b", "c", "d"))
WEIGHTS = {"similarity": 0.7, "difference": 0.2, "reconstruction": 0.5}
HADAMARD = torch.tensor(scipy.linalg.hadamard(8), dtype=torch.float64)
ALL = torch.ones(8, dtype=torch.bool)


def build(task=TASK):
    torch.manual_seed(0)
    return Misa(task, Misa.Config(width=8, layers=1, heads=2, **WEIGHTS)).eval()


def explicit(x, y):
    """||X' Y||_F^2 / d^2 by its definition, in loops."""
    x, y = ([row - v.mean(0) for row in v] for v in (x, y))
    x, y = (torch.stack([row / row.norm() for row in v]) for v in (x, y))
    width = x.shape[1]
    entries = [(x[:, i] * y[:, j]).sum() ** 2 for i in range(width) for j in range(width)]
    return sum(entries) / width**2


def test_difference_is_zero_for_orthogonal_subspaces():
    # Columns of a Hadamard matrix: orthogonal, centred (all but the first), in rows of one length.
    x, y = 5.0 * HADAMARD[:, 1:4] + 7.0, 0.1 * HADAMARD[:, 4:7]
    assert float(difference(x, y, ALL)) < 1e-28
    turned = y @ torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q
    assert float(difference(x, turned, ALL)) < 1e-28


def test_difference_of_equal_subspaces_in_closed_form():
    # X' X = (n / d) I, whose d squares (n / d)^2 are divided by d^2.
    x = HADAMARD[:, 1:4]
    assert float(difference(x, x, ALL)) == pytest.approx((8 / 3) ** 2 * 3 / 9)
    assert float(difference(x, -2 * x + 1, ALL)) == pytest.approx((8 / 3) ** 2 * 3 / 9)


def test_difference_is_its_definition_over_kept_examples():
    torch.manual_seed(0)
    x, y = torch.rand(9, 4).double(), torch.rand(9, 4).double()
    kept = torch.tensor([True, False, True, True, False, True, True, True, False])
    found = difference(x, y, kept)
    torch.testing.assert_close(found, explicit(x[kept], y[kept]))


@pytest.mark.parametrize("kept", [[True], [False]])
def test_difference_of_one_example_or_none_is_zero_with_a_zero_gradient(kept):
    x, y = torch.rand(1, 4, requires_grad=True), torch.rand(1, 4, requires_grad=True)
    found = difference(x, y, torch.tensor(kept))
    slopes = torch.autograd.grad(found, [x, y])
    assert float(found.detach()) == 0.0
    assert all(torch.equal(slope, torch.zeros(1, 4)) for slope in slopes)


def test_losses_are_the_weighted_definitions(draw):
    model, batch = build(), draw(TASK, 8)
    output = model(batch)
    shared, private, u, decoded = (
        [output.auxiliary[f"{kind}:{n}"] for n in TASK.names]
        for kind in ("shared", "private", "unimodal", "decoded")
    )
    pairs = list(combinations(range(3), 2))
    cmd = [central_moment_discrepancy(shared[i], shared[j], ALL, ALL) for i, j in pairs]
    apart = [explicit(private[i], shared[i]) for i in range(3)]
    apart += [explicit(private[i], private[j]) for i, j in pairs]
    errors = [((u[i] - decoded[i]) ** 2).mean() for i in range(3)]
    expected = {
        "supervised": supervised_loss(output.logits, batch, TASK),
        "similarity": 0.7 * sum(cmd) / 3,
        "difference": 0.2 * sum(apart),
        "reconstruction": 0.5 * sum(errors) / 3,
    }
    found = model.losses(output, batch)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)


def test_one_encoder_is_shared_and_lies_in_the_unit_interval(draw):
    model = build()
    parts = {name: part.detach() for name, part in model(draw(TASK)).auxiliary.items()}
    for name in TASK.names:
        u = parts[f"unimodal:{name}"]
        shared = 1 / (1 + (-(u @ model.shared.weight.T + model.shared.bias)).exp())
        torch.testing.assert_close(parts[f"shared:{name}"], shared)
        assert 0 < float(parts[f"private:{name}"].min()) < float(parts[f"private:{name}"].max()) < 1
        rebuilt = model.decoders[name](parts[f"private:{name}"] + shared)
        torch.testing.assert_close(parts[f"decoded:{name}"], rebuilt)


def test_statistics_are_over_examples_that_have_the_modality(draw):
    model, batch = build(), draw(TASK, 8)
    gaps = torch.arange(8) % 3 == 0
    partial = batch.without("visual", gaps)
    kept = batch.map(lambda x: x[~gaps])
    found, whole = model.losses(model(partial), partial), model.losses(model(batch), batch)
    parts, of_kept = model(batch).auxiliary, model(kept).auxiliary
    names, some = TASK.names, ALL[~gaps]
    cmd = 0.0
    for m, n in combinations(names, 2):
        x, y = (
            (of_kept[f"shared:{k}"], some) if k == "visual" else (parts[f"shared:{k}"], ALL)
            for k in (m, n)
        )
        cmd = cmd + central_moment_discrepancy(x[0], y[0], x[1], y[1])
    torch.testing.assert_close(found["similarity"], 0.7 * cmd / 3)
    errors = [
        (r[f"unimodal:{k}"] - r[f"decoded:{k}"]).square().mean()
        for k in names
        for r in (of_kept if k == "visual" else parts,)
    ]
    torch.testing.assert_close(found["reconstruction"], 0.5 * sum(errors) / 3)
    apart = 0.0
    for m, n in [*combinations(names, 2), *((n, n) for n in names)]:
        r = of_kept if "visual" in (m, n) else parts
        other = r[f"shared:{n}"] if m == n else r[f"private:{n}"]
        apart = apart + explicit(r[f"private:{m}"], other)
    torch.testing.assert_close(found["difference"], 0.2 * apart)
    assert all(not torch.allclose(found[name], whole[name]) for name in WEIGHTS)


def test_an_absent_modality_is_neither_attended_to_nor_read(draw):
    model, batch = build(), draw(TASK)
    expected = model(batch.without("visual")).logits
    with torch.no_grad():
        model.private["visual"].bias.add_(3.0)
        model.project["visual"].weight.add_(1.0)
        model.head.hidden.weight[:, 8:16].add_(1.0)
        model.head.hidden.weight[:, 32:40].add_(1.0)
    assert torch.equal(model(batch.without("visual")).logits, expected)


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("absent", [(), ("visual",), ("audio", "visual", "text")])
def test_losses_and_gradients_stay_finite(draw, size, absent):
    model, batch = build(), draw(TASK, size)
    for name in absent:
        batch = batch.without(name)
    losses = model.losses(model(batch), batch)
    sum(losses.values()).backward()
    assert all(bool(loss.isfinite()) for loss in losses.values())
    slopes = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(bool(slope.isfinite().all()) for slope in slopes)
    if size == 1:
        assert float(losses["difference"].detach()) == 0.0


def test_unlabelled_examples_take_part_in_all_but_the_supervised_loss(draw):
    model, batch = build(), draw(TASK, 6)
    bare = replace(batch, labelled=torch.zeros_like(batch.labelled))
    whole, found = (model.losses(model(b), b) for b in (batch, bare))
    assert float(found["supervised"].detach()) == 0.0
    for name in ("similarity", "difference", "reconstruction"):
        assert torch.equal(found[name], whole[name])


def test_one_modality_has_nothing_to_be_similar_to(draw):
    model = build(TASK.only("audio"))
    batch = draw(model.task)
    assert set(model.losses(model(batch), batch)) == {"supervised", "difference", "reconstruction"}
