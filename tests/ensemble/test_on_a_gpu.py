"""Seeds side by side on a GPU against the same seeds alone, there and on the CPU."""

import numpy as np
import pytest
import torch

from .test_lockstep import NAMES, losses

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")


@pytest.mark.parametrize("name", NAMES)
def test_exact_in_float64(trial, name):
    prepared = trial(name, dtype=torch.float64, epochs=2)
    pairs = zip(prepared.alone(False), prepared.together(False, "cuda"), strict=True)
    for alone, together in pairs:
        np.testing.assert_allclose(losses(together[1]), losses(alone[1]), rtol=1e-7, atol=1e-9)
        assert together[2] == alone[2]


@pytest.mark.parametrize("name", ["mult", "late-concat", "chunked", "missing-modality"])
def test_within_1e_4_in_float32(trial, name):
    prepared = trial(name)
    # The two devices' kernels round differently, and three epochs make more of it.
    pairs = zip(prepared.alone(False, "cuda"), prepared.together(False, "cuda"), strict=True)
    for alone, together in pairs:
        np.testing.assert_allclose(losses(together[1]), losses(alone[1]), atol=1e-4)
