import pytest
import torch
from fusemark.benchmark.contract import Modality, Task
from fusemark.benchmark.recipes import parse
from fusemark.methods.late_average import LateAverage
from fusemark.methods.late_concat import LateConcat
from fusemark.methods.only import Only

SIZE = {"width": 8, "layers": 1, "heads": 2}
TASK = Task({"audio": Modality((5,), 6), "visual": Modality((3,), 9)}, ("a", "b", "c"))


def test_the_other_modality_is_never_read(draw):
    recipe = parse("only:visual")
    model = recipe.build(TASK, recipe.resolve("small", {})).eval()
    batch = draw(TASK)
    expected = model(batch).logits
    assert model.uses == ("visual",)
    other = batch.with_values("audio", torch.full_like(batch.values["audio"], torch.nan))
    assert torch.equal(model(other.without("audio")).logits, expected)
    assert torch.equal(model(batch.only("visual")).logits, expected)


@pytest.mark.parametrize("fusion", [LateConcat, LateAverage])
def test_equal_to_late_fusion_of_one_modality(draw, fusion):
    alone = TASK.only("visual")
    torch.manual_seed(0)
    single = Only(alone, Only.Config(modality="visual", **SIZE)).eval()
    torch.manual_seed(0)
    fused = fusion(alone, fusion.Config(**SIZE)).eval()
    batch = draw(alone)
    torch.testing.assert_close(fused(batch).logits, single(batch).logits)


def test_an_unknown_modality_is_refused():
    with pytest.raises(ValueError, match="'' is not one of the task's: audio, visual"):
        Only(TASK, Only.Config(**SIZE))
