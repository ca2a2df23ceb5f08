import pytest
import torch
from fusemark.benchmark.cell import Cell, run_quality
from fusemark.benchmark.contract import Modality, Task
from fusemark.benchmark.recipes import parse
from fusemark.benchmark.settings import DataSettings, TrainingSettings
from fusemark.methods.blocks.mmd import squared_mmd
from fusemark.methods.mfm import MFM

TASK = Task(
    {"a": Modality((5,), 6), "b": Modality((3,), 9), "c": Modality((4,), 8)}, ("x", "y", "z")
)


def build(task=TASK, **settings):
    torch.manual_seed(0)
    sizes = {"width": 4, "hidden": 5, "code": 3}
    return MFM(task, MFM.Config(**{**sizes, **settings})).eval()


def shares(x, count):
    """Mean over equal shares of the time of a sequence (T, n)."""
    parts = [[] for _ in range(count)]
    for s, step in enumerate(x):
        parts[s * count // len(x)].append(step)
    return torch.stack([torch.stack(part).mean(0) for part in parts])


def aligned(model, batch, b):
    """Sequences of example b without padding, brought to its shortest present modality."""
    there = [n for n in model.task.names if batch.present[n][b]]
    count = min(model.longest, *(int(batch.lengths[n][b]) for n in there)) if there else 1
    example = {n: batch.values[n][b, : batch.lengths[n][b]] for n in there}
    return {n: shares(x, count) for n, x in example.items()}


def final(lstms, k, x):
    """Hidden and cell states of one LSTM, step by step."""
    width = lstms.recur.shape[1]
    h = c = x.new_zeros(width)
    states = []
    for step in x:
        i, f, o, g = (lstms.project[k](step) + h @ lstms.recur[k]).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append((h, c))
    return states


def factor(mlp, z):
    return mlp(z).clamp(min=0)


def without(example, name):
    return torch.cat([x for n, x in example.items() if n != name], 1)


def plain(model, example):
    """Logits of the memory fusion network, and of each modality's surrogate."""
    states = [final(model.readers, k, x) for k, x in enumerate(example.values())]
    cells = torch.stack(
        [torch.cat([s[t][1] for s in states]) for t in range(len(next(iter(example.values()))))]
    )
    memory = model.fusion(cells[None])[0, -1]
    codes = [model.code(torch.cat([*(s[-1][0] for s in states), memory]))]
    for k, name in enumerate(example):
        last = final(model.surrogates.lstms, k, without(example, name))[-1][0]
        codes.append(model.surrogates.out[k](last))
    return torch.stack([model.head(factor(model.label_factor, z)) for z in codes])


def test_predictions_equal_their_equations(draw):
    model, batch = build().double(), draw(TASK, 4, dtype=torch.float64)
    found = model(batch).auxiliary["logits"]
    expected = [plain(model, aligned(model, batch, b)) for b in range(4)]
    torch.testing.assert_close(found, torch.stack(expected, 1))
    assert torch.equal(model(batch).logits, found[0])


def test_the_label_is_told_by_its_own_factors_alone(draw):
    model = build()
    model(draw(TASK)).logits.sum().backward()
    generative = [*model.codes.parameters(), *model.factors.parameters()]
    for parameter in (*generative, *model.decoders.parameters()):
        assert parameter.grad is None


def test_absent_modalities_are_predicted_by_the_mean_of_their_surrogates(draw):
    model, batch = build(), draw(TASK, lengths={n: [4] * 4 for n in TASK.names})
    code = model(batch.without("b")).auxiliary["codes"]
    torch.testing.assert_close(code[0], code[2])
    code = model(batch.without("b").without("c")).auxiliary["codes"]
    torch.testing.assert_close(code[0], (code[2] + code[3]) / 2)
    half = torch.tensor([True, False, True, False])
    mixed, whole = (model(x).logits for x in (batch.without("a", half), batch))
    assert torch.equal(mixed[~half], whole[~half])
    torch.testing.assert_close(mixed[half], model(batch.without("a")).logits[half])


def test_a_surrogate_does_not_see_the_modality_that_it_stands_for(draw):
    model, batch = build(), draw(TASK)
    inputs = {n: v.requires_grad_() for n, v in batch.values.items()}
    codes = model(batch).auxiliary["codes"]
    for k, own in enumerate(TASK.names):
        slopes = torch.autograd.grad(
            codes[1 + k].sum(), list(inputs.values()), retain_graph=True, allow_unused=True
        )
        for name, slope in zip(TASK.names, slopes, strict=True):
            assert bool((slope != 0).any()) == (name != own)


def test_an_absent_modality_has_no_say_in_the_aligned_length(draw):
    model, batch = build(), draw(TASK, 1, lengths={"a": [5], "b": [7], "c": [2]})
    assert model.aligned(batch)[1].tolist() == [2]
    assert model.aligned(batch.without("c"))[1].tolist() == [5]
    assert model.aligned(batch.without("c").without("a"))[1].tolist() == [6]  # a's longest
    assert model.aligned(batch.without("a").without("b").without("c"))[1].tolist() == [1]


def unrolled(decoders, k, x, steps):
    """What one decoder writes from its vector."""
    h, c, rows = torch.zeros_like(x), torch.zeros_like(x), []
    for _ in range(steps):
        gates = x @ decoders.project[k] + decoders.bias[k, 0] + h @ decoders.recur[k]
        i, f, o, g = gates.chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        x = h = o.sigmoid() * c.tanh()
        rows.append(decoders.out[k](h))
    return torch.stack(rows)


def test_losses_equal_their_equations_over_what_is_present_and_valid(draw):
    task = TASK.only("a", "b")
    model, batch = build(task).double(), draw(task, 5, dtype=torch.float64)
    batch = batch.without("b", torch.tensor([False, True, False, False, False]))
    output = model(batch)
    squares, targets, gaps = (
        {0: [], 1: []},
        {"y": [], 0: [], 1: []},
        {"y0": [], "y1": [], 0: [], 1: []},
    )
    for b in range(5):
        x = aligned(model, batch, b)
        steps = len(x["a"])
        x.setdefault("b", torch.zeros(steps, 3, dtype=torch.float64))
        label = [factor(model.label_factor, z) for z in output.auxiliary["codes"][:, b]]
        complete = bool(batch.present["b"][b])
        if complete:
            targets["y"].append(output.auxiliary["code"][b])
            for k in (0, 1):
                gap = output.auxiliary["codes"][1 + k, b] - output.auxiliary["code"][b]
                gaps[f"y{k}"].append(gap.square().mean())
        for k, name in enumerate("ab"):
            if not batch.present[name][b]:
                continue
            own = model.codes.out[k](final(model.codes.lstms, k, x[name])[-1][0])
            other = without(x, name)
            guess = model.codes.out[2 + k](final(model.codes.lstms, 2 + k, other)[-1][0])
            targets[k].append(own)
            gaps[k].append((guess - own).square().mean())
            kinds = []
            for y, z in ((label[0], own), (label[1 + k], guess)):
                vector = torch.cat([y, factor(model.factors[k], z)])
                written = unrolled(model.decoders, k, vector, steps)
                kinds.append((written - x[name]).square().mean(1))
            squares[k].append(torch.stack(kinds))
    torch.manual_seed(3)
    found = model.losses(output, batch)
    torch.manual_seed(3)
    normal = torch.randn(3, 5, 3, dtype=torch.float64)
    errors = sum(torch.cat(rows, 1).mean(1).sum() for rows in squares.values())
    distances = [
        squared_mmd(torch.stack(z), normal[i], 6.0) for i, z in enumerate(targets.values())
    ]
    expected = {
        "reconstruction": 0.1 * errors,
        "mmd": 0.1 * sum(distances),
        "surrogate": sum(torch.stack(gap).mean() for gap in gaps.values()),
    }
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def test_codes_do_not_move_towards_their_surrogates(draw):
    model, batch = build(), draw(TASK)
    model.losses(model(batch), batch)["surrogate"].backward()
    moved = [out.weight.grad.any() for out in (model.code, *model.codes.out)]
    assert moved == [False] * 4 + [True] * 3


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match=r"reconstruction 0.1 and mmd -1.0 are weights"):
        MFM.Config(mmd=-1.0)


def lost(method, seed):
    """Accuracy that a method loses on redundant clips when visual is absent at test."""
    resolved = parse(method).resolve("small", {})
    training = TrainingSettings(epochs=30, patience=None).model_dump()
    data = DataSettings(max_frames=64).model_dump()
    cell = Cell(method, resolved, "simulated:redundant", {}, "", seed, 0, training, data)
    record, _ = run_quality(cell, None)
    assert record["metrics"]["accuracy"] > 0.9
    return record["metrics"]["accuracy"] - record["absent"]["visual"]["accuracy"]


@pytest.fixture
def single_thread():
    """Train as the harness's workers do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.usefixtures("single_thread")
def test_less_than_half_of_what_mult_loses_without_visual():
    """Means over five seeds, every method as its defaults are."""
    mult, mfm, strategy = (
        sum(lost(name, seed) for seed in range(5)) / 5
        for name in ("mult", "mfm", "mult+missing-modality")
    )
    assert mult > 0.02
    assert mfm < mult / 2
    assert strategy < mult / 2
