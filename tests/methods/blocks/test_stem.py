"""The stem against its equations, step by step."""

import pytest
import torch
from fusemark.benchmark.contract import Modality
from fusemark.methods.blocks.stem import Stem


def test_equal_to_the_equations_at_every_step_and_length():
    torch.manual_seed(0)
    stem = Stem(Modality(shape=(5,), max_length=12), width=4, kernel=3).double()
    lengths = [12, 7, 1]
    values = torch.randn(3, 12, 5, dtype=torch.float64)
    mask = torch.arange(12) < torch.tensor(lengths)[:, None]
    out = stem(values, mask)
    weight, bias = stem.convolution.weight, stem.convolution.bias
    for i, length in enumerate(lengths):
        z = values[i, :length] @ stem.project.embed.weight.T + stem.project.embed.bias
        for t in range(length):
            seen = sum(weight[:, :, k] @ z[t + k - 1] for k in range(3) if 0 <= t + k - 1 < length)
            expected = z[t] + (seen + bias).clamp(min=0)
            torch.testing.assert_close(out[i, t], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [0, 4, -1])
def test_a_kernel_without_a_middle_is_refused(kernel):
    with pytest.raises(ValueError, match=f"kernel {kernel} is not a positive odd number"):
        Stem(Modality(shape=(5,), max_length=12), width=4, kernel=kernel)
