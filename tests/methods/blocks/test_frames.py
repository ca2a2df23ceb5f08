import pytest
import torch
from fusemark.benchmark.contract import Modality
from fusemark.methods.blocks.frames import FrameNet, Projection


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 5), (2, 32, 24)])
def test_each_frame_is_seen_alone(shape):
    torch.manual_seed(0)
    net, frames = Projection(Modality(shape, 4), 6), torch.randn(2, 4, *shape)
    together = net(frames)
    assert together.shape == (2, 4, 6)
    for b in range(2):
        for t in range(4):
            alone = net(frames[b : b + 1, t : t + 1])[0, 0]
            torch.testing.assert_close(together[b, t], alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 9])
def test_the_content_of_a_frame_of_any_size_is_kept(size):
    torch.manual_seed(0)
    net = FrameNet(3, 8)
    frame = torch.rand(1, 3, size, size)
    other = frame.flip(1)
    assert float((net(frame) - net(other)).detach().abs().max()) > 1e-3


def test_vectors_are_projected_by_one_linear_map():
    net = Projection(Modality((5,), 4), 6)
    x = torch.randn(2, 4, 5)
    torch.testing.assert_close(net(x), x @ net.embed.weight.T + net.embed.bias)


@pytest.mark.parametrize("shape", [(), (3, 4), (1, 2, 3, 4)])
def test_other_steps_are_refused(shape):
    with pytest.raises(ValueError, match=r"cannot be projected; expected vectors \(D,\) or image"):
        Projection(Modality(shape, 4), 6)
