import pytest
import torch
from fusemark.benchmark.contract import Modality, Task
from fusemark.benchmark.recipes import parse
from fusemark.methods.crop import Crop
from fusemark.methods.frame_discard import FrameDiscard
from fusemark.methods.unchunked import Unchunked

SIZE = {"width": 8, "layers": 1, "heads": 2}
TASK = Task({"audio": Modality((5,), 9), "visual": Modality((3,), 20)}, ("a", "b", "c"))


def build(cls, **settings):
    torch.manual_seed(0)
    return cls(TASK, cls.Config(**SIZE, **settings)).eval()


def read(model, batch):
    """Which frames of the costly modality the prediction depends on, (B, T) bool."""
    values = batch.values["visual"].requires_grad_()
    logits = model(batch).logits
    direction = torch.linspace(1, 2, logits.shape[1])
    (slope,) = torch.autograd.grad((logits * direction).sum(), values)
    return (slope != 0).any(-1)


def test_every_frame_is_read_at_full_length(draw):
    batch = draw(TASK, 6)
    assert torch.equal(read(build(Unchunked), batch), batch.mask("visual"))


@pytest.mark.parametrize("every", [2, 3, 30])
def test_every_nth_frame_is_read(draw, every):
    batch = draw(TASK, 6)
    kept = batch.mask("visual") & (torch.arange(batch.values["visual"].shape[1]) % every == 0)
    assert torch.equal(read(build(FrameDiscard, every=every), batch), kept)


@pytest.mark.parametrize("excerpt", [1, 4, 7])
def test_the_centre_is_read_in_evaluation(draw, excerpt):
    batch = draw(TASK, 8)
    lengths = batch.lengths["visual"][:, None]
    first = (lengths - excerpt).clamp(min=0) // 2
    step = torch.arange(batch.values["visual"].shape[1])
    kept = (step >= first) & (step < (first + excerpt).minimum(lengths))
    assert torch.equal(read(build(Crop, excerpt=excerpt), batch), kept)


def test_nothing_cut_is_the_full_length(draw):
    batch = draw(TASK, 6)
    expected = build(Unchunked)(batch).logits
    for model in (build(FrameDiscard, every=1), build(Crop, excerpt=20)):
        torch.testing.assert_close(model(batch).logits, expected)


def test_training_draws_every_excerpt_alike(draw):
    model = build(Crop, excerpt=4)
    batch = draw(TASK, 3000, lengths={"audio": [2] * 3000, "visual": [8] * 3000})
    frames = torch.arange(8.0)[None, :, None].expand(3000, 8, 3).contiguous()
    batch = batch.with_values("visual", frames)
    found = model.corrupt(batch, torch.Generator().manual_seed(0))
    excerpts = found.values["visual"][..., 0]
    assert (excerpts.diff(dim=1) == 1).all()
    assert (found.lengths["visual"] == 4).all()
    count = torch.bincount(excerpts[:, 0].long(), minlength=5).double()
    # Chi-square with 4 degrees of freedom exceeds 18.5 once in a thousand.
    assert float(((count - 600).square() / 600).sum()) < 18.5


def test_a_drawn_excerpt_is_predicted_as_it_is_and_a_short_one_kept(draw):
    model = build(Crop, excerpt=4)
    batch = draw(TASK, 3, lengths={"audio": [2, 9, 1], "visual": [3, 20, 4]})
    found = model.corrupt(batch, torch.Generator().manual_seed(1))
    assert found.lengths["visual"].tolist() == [3, 4, 4]
    whole = build(Unchunked)
    torch.testing.assert_close(model(found).logits, whole(found).logits)
    for row in (0, 2):
        torch.testing.assert_close(found.visible("visual")[row], batch.visible("visual")[row, :4])
    assert found.values["audio"] is batch.values["audio"]


@pytest.mark.parametrize("size", ["small", "paper"])
def test_baselines_get_as_many_frames_as_chunked_has_tokens_or_one_chunk(size):
    settings = {n: parse(n).resolve(size, {})[n] for n in ("chunked", "frame-discard", "crop")}
    chunked = settings["chunked"]
    assert settings["frame-discard"]["every"] * chunked["tokens"] == chunked["stride"]
    assert settings["crop"]["excerpt"] == chunked["chunk"]


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="every 0 is not positive"):
        build(FrameDiscard, every=0)
    with pytest.raises(ValueError, match="excerpt 0 is not positive"):
        build(Crop, excerpt=0)
