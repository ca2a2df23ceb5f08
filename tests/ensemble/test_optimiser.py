"""The stacked optimiser against torch's own."""

import pytest
import torch
from fusemark.benchmark.ensemble.optimiser import Adam
from fusemark.benchmark.settings import TrainingSettings
from torch import nn


@pytest.mark.parametrize("kind", ["adam", "adamw"])
@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_every_seed_moves_as_torch_moves_it(kind, clip, decay):
    settings = TrainingSettings(optimiser=kind, clip=clip, weight_decay=decay)
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    weights, rates = draw(3, 7), torch.tensor([1e-2, 3e-3, 0.0], dtype=torch.float64)
    reached = torch.tensor([True] * 6 + [False])
    own = [nn.Parameter(row[:6].clone()) for row in weights]
    torchs = [
        {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](
            [p], lr=float(r), weight_decay=decay
        )
        for p, r in zip(own, rates, strict=True)
    ]
    many, last = Adam(weights, settings), weights[:, 6].clone()
    for step in range(9):
        # The second seed sits out every third step, and has not moved before its first.
        active = torch.tensor([True, step % 3 != 0, True])
        gradients = draw(3, 7)
        gradients[:, 6] = 0.0
        for seed in range(3):
            if active[seed]:
                own[seed].grad = gradients[seed, :6].clone()
                if clip:
                    nn.utils.clip_grad_norm_([own[seed]], clip)
                torchs[seed].step()
        many.step(weights, gradients, reached, rates, active)
    torch.testing.assert_close(weights[:, :6], torch.stack([p.data for p in own]))
    # What no gradient reaches stays where it is, decay or not.
    assert torch.equal(weights[:, 6], last)
