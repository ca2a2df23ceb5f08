import pytest
import torch
from fusemark.benchmark.contract import Modality, Task
from fusemark.methods.lmf import LowRankFusion, LowRankMultimodalFusion
from fusemark.methods.tfn import tensor_fusion

SHAPES = {"audio": Modality((5,), 6), "visual": Modality((3,), 9), "text": Modality((4,), 4)}
TASK = Task(SHAPES, ("a", "b", "c", "d"))


def build(rank=3):
    torch.manual_seed(0)
    config = LowRankMultimodalFusion.Config(width=8, layers=1, heads=2, rank=rank)
    return LowRankMultimodalFusion(TASK, config).eval()


def tensors(fusion):
    """W = sum_r w_r outer_m w_m^r for each output: (outputs, product of d_m + 1)."""
    letters = "ijklm"[: len(fusion.factors)]
    terms = ",".join(f"r{letter}o" for letter in letters)
    whole = torch.einsum(f"r,{terms}->o{letters}", fusion.weights, *fusion.factors)
    return whole.flatten(1)


@pytest.mark.parametrize("rank", [1, 2, 5])
@pytest.mark.parametrize("widths", [(4,), (3, 5), (3, 2, 4), (2, 3, 1, 2)])
def test_equal_to_the_low_rank_linear_map_on_the_tensor_of_tfn(rank, widths):
    torch.manual_seed(0)
    fusion = LowRankFusion(widths, rank, 3).double()
    torch.nn.init.normal_(fusion.bias)
    vectors = [torch.randn(6, width, dtype=torch.float64) for width in widths]
    expected = tensor_fusion(vectors) @ tensors(fusion).T + fusion.bias
    torch.testing.assert_close(fusion(vectors), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rank", [1, 2])
def test_the_map_has_at_most_that_rank(rank):
    torch.manual_seed(0)
    fusion = LowRankFusion((5, 6), rank, 3).double()
    for matrix in tensors(fusion).view(3, 6, 7):
        assert int(torch.linalg.matrix_rank(matrix)) == rank


def test_factors_are_parameters_and_every_one_is_trained(draw):
    model = build()
    names = {name for name, _ in model.named_parameters() if name.startswith("fusion")}
    assert names == {
        f"fusion.{n}" for n in ("factors.0", "factors.1", "factors.2", "weights", "bias")
    }
    assert [tuple(f.shape) for f in model.fusion.factors] == [(3, 9, 4)] * 3
    batch = draw(TASK, 8)
    sum(model.losses(model(batch), batch).values()).backward()
    for name in names:
        slope = model.get_parameter(name).grad
        assert slope is not None
        assert bool((slope != 0).all()), name


def test_the_model_fuses_its_encoders_vectors(draw):
    model, batch = build(), draw(TASK)
    vectors = [model.encoders[name](batch, name) for name in TASK.names]
    expected = tensor_fusion(vectors) @ tensors(model.fusion).T + model.fusion.bias
    torch.testing.assert_close(model(batch).logits, expected)


def test_an_absent_modality_is_left_out_of_the_product(draw):
    model, batch = build(), draw(TASK)
    audio, text = (model.encoders[name](batch, name) for name in ("audio", "text"))
    pairs = tensors(model.fusion).view(4, 9, 9, 9)[:, :, 0].flatten(1)
    expected = tensor_fusion([audio, text]) @ pairs.T + model.fusion.bias
    torch.testing.assert_close(model(batch.without("visual")).logits, expected)


def test_parameters_grow_with_the_number_of_modalities_alone():
    def count(modalities):
        fusion = LowRankFusion((8,) * modalities, 4, 3)
        return sum(p.numel() for p in fusion.parameters())

    assert [count(m) for m in (1, 2, 3)] == [m * 4 * 9 * 3 + 4 + 3 for m in (1, 2, 3)]


def test_a_rank_of_zero_is_refused():
    with pytest.raises(ValueError, match="rank 0 is not positive"):
        LowRankMultimodalFusion.Config(rank=0)
