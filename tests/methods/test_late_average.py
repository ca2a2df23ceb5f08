import math

import torch
from fusemark.benchmark.contract import Modality, Task, supervised_loss
from fusemark.methods.late_average import LateAverage

TASK = Task({"audio": Modality((5,), 6), "visual": Modality((3,), 9)}, ("a", "b", "c"))


def build(task=TASK):
    torch.manual_seed(0)
    return LateAverage(task, LateAverage.Config(width=8, layers=1, heads=2, dropout=0.0)).eval()


def test_mean_of_the_logits_that_are_there(draw):
    model = build()
    batch = draw(TASK, 4).without("audio", torch.tensor([False, True, False, True]))
    batch = batch.without("visual", torch.tensor([False, False, True, True]))
    output = model(batch)
    audio, visual = output.auxiliary["logits:audio"], output.auxiliary["logits:visual"]
    mean = (audio + visual) / 2
    expected = torch.stack([mean[0], visual[1], audio[2], mean[3]])
    torch.testing.assert_close(output.logits, expected)


def test_each_modality_is_trained_by_its_own_loss(draw):
    model = build()
    absent = torch.tensor([True, False, False, True])
    batch = draw(TASK, 4).without("audio", absent)
    output = model(batch)
    terms = model.losses(output, batch)
    audio = torch.nn.functional.cross_entropy(
        output.auxiliary["logits:audio"][~absent], batch.labels[~absent]
    )
    visual = supervised_loss(output.auxiliary["logits:visual"], batch, TASK)
    torch.testing.assert_close(terms["supervised"], (audio + visual) / 2)
    # No gradient of one modality's loss depends on the other: scaling it up changes nothing.
    parameters = list(model.encoders["audio"].parameters())
    louder = batch.with_values("visual", 9 * batch.values["visual"])
    first = torch.autograd.grad(terms["supervised"], parameters)
    again = torch.autograd.grad(model.losses(model(louder), louder)["supervised"], parameters)
    for one, other in zip(first, again, strict=True):
        torch.testing.assert_close(one, other)


def test_a_sum_of_symbols_is_out_of_reach(draw):
    """On a label that is a + v mod 2 the mean of the four logs of the odds is exactly zero."""
    task = Task(dict(TASK.modalities), ("even", "odd"))
    model = build(task)
    symbols = [draw(task, 1, seed, lengths={"audio": [4], "visual": [5]}) for seed in (0, 1)]
    signed = 0.0
    for a, audio in enumerate(symbols):
        for v, visual in enumerate(symbols):
            batch = audio.with_values("visual", visual.values["visual"])
            even, odd = model(batch).logits[0].double().tolist()
            signed += (odd - even) * (1 if (a + v) % 2 else -1)
    assert math.isclose(signed, 0.0, abs_tol=1e-6)
