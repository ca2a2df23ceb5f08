import pytest
import torch
from fusemark.benchmark.contract import Modality, Task
from fusemark.methods.late_concat import LateConcat

TASK = Task(
    {"audio": Modality((5,), 6), "visual": Modality((3,), 9), "text": Modality((4,), 4)},
    ("a", "b", "c", "d"),
)


def build(head):
    torch.manual_seed(0)
    return LateConcat(TASK, LateConcat.Config(width=8, layers=1, heads=2, head=head)).eval()


def test_branches_of_the_linear_head_are_the_exact_parts_of_the_logits(draw):
    model = build("linear")
    output = model(draw(TASK))
    torch.testing.assert_close(sum(output.auxiliary.values()), output.logits)
    width = model.config.width
    for i, name in enumerate(TASK.names):
        part = model.head.weight[:, i * width : (i + 1) * width]
        h = model.encoders[name](draw(TASK), name)
        expected = h @ part.T + model.head.bias / 3
        torch.testing.assert_close(output.auxiliary[f"logits:{name}"], expected)


@pytest.mark.parametrize(("head", "additive"), [("linear", True), ("mlp", False)])
def test_only_the_perceptron_represents_an_interaction(draw, head, additive):
    model = build(head)
    batch = draw(TASK, 1, lengths={"audio": [4], "visual": [5], "text": [3]})
    other = draw(TASK, 1, seed=1, lengths={"audio": [4], "visual": [5], "text": [3]})

    def logits(audio, visual):
        mixed = batch.with_values("audio", 3 * audio.values["audio"])
        return model(mixed.with_values("visual", 3 * visual.values["visual"])).logits

    mixed_difference = (
        logits(batch, batch) - logits(batch, other) - logits(other, batch) + logits(other, other)
    )
    assert (float(mixed_difference.detach().abs().max()) < 1e-6) == additive


def test_a_branch_of_the_perceptron_hears_no_other_modality(draw):
    model, batch = build("mlp"), draw(TASK)
    louder = batch.with_values("audio", 5 * batch.values["audio"])
    before, after = model(batch).auxiliary, model(louder).auxiliary
    assert torch.equal(before["logits:visual"], after["logits:visual"])
    assert not torch.allclose(before["logits:audio"], after["logits:audio"])
