import torch
from fusemark.methods.blocks.alignment import averaged


def test_mean_of_the_steps_in_each_equal_share():
    torch.manual_seed(0)
    source, kept = torch.tensor([7, 5, 3, 1, 6]), torch.tensor([3, 5, 2, 1, 4])
    mask = torch.arange(7) < source[:, None]
    x = torch.randn(5, 7, 2).masked_fill(~mask[..., None], 0.0)
    found = averaged(x, mask, kept, 5)
    for b in range(5):
        length, shares = int(source[b]), int(kept[b])
        for t in range(5):
            steps = [s for s in range(length) if s * shares // length == t]
            assert bool(steps) == (t < shares)
            expected = x[b, steps].mean(0) if steps else torch.zeros(2)
            torch.testing.assert_close(found[b, t], expected)


def test_as_many_shares_as_steps_keep_the_sequence():
    x, lengths = torch.randn(2, 4, 3), torch.tensor([4, 4])
    torch.testing.assert_close(averaged(x, torch.ones(2, 4).bool(), lengths, 4), x)
