import torch
from fusemark.methods.blocks.pooling import last_step, masked_mean

LENGTHS = torch.tensor([3, 1, 4])
MASK = torch.arange(4) < LENGTHS[:, None]


def test_mean_of_valid_steps_alone():
    x = torch.randn(3, 4, 2)
    soiled = x.masked_fill(~MASK[..., None], torch.nan)
    expected = torch.stack([x[i, : LENGTHS[i]].mean(0) for i in range(3)])
    torch.testing.assert_close(masked_mean(soiled, MASK), expected)


def test_last_valid_step():
    x = torch.randn(3, 4, 2)
    expected = torch.stack([x[0, 2], x[1, 0], x[2, 3]])
    assert torch.equal(last_step(x, LENGTHS), expected)
