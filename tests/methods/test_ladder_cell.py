"""The ladder cell by itself; the network built of it stands in test_ladder.py."""

import pytest
import torch
from fusemark.methods.blocks.ladder import (
    EPSILON,
    Combinator,
    Decoder,
    aligned,
    cost,
    measured,
    shares,
)


def test_statistics_are_those_of_a_loop_over_valid_steps():
    lengths = [1, 4, 9, 2, 7]
    hidden = torch.randn(5, 9, 8, dtype=torch.float64)
    valid = torch.arange(9) < torch.tensor(lengths)[:, None]
    share = shares(valid.flatten(), torch.float64)
    level = measured(hidden.flatten(0, 1), share)
    steps = [hidden[b, t] for b in range(5) for t in range(lengths[b])]
    mean = sum(steps) / len(steps)
    variance = sum((h - mean) ** 2 for h in steps) / len(steps)
    torch.testing.assert_close(level.mean[0], mean)
    torch.testing.assert_close(level.variance[0], variance)
    torch.testing.assert_close(level.z, (hidden.flatten(0, 1) - mean) / (variance + 1e-3).sqrt())
    assert not shares(torch.zeros(4, dtype=torch.bool), torch.float64).any()


def test_combinator_is_its_formula_with_the_published_start():
    combinator = Combinator(2, 3).double()
    start = torch.tensor([0.0, 1, 0, 0, 0, 0, 1, 0, 0, 0], dtype=torch.float64)
    assert torch.equal(combinator.vectors[:, 1, 0, 2].detach(), start)
    with torch.no_grad():
        combinator.vectors.normal_()
    z, u = torch.randn(2, 2, 4, 3, dtype=torch.float64)
    found = combinator(z, u).detach()
    for r in range(2):
        for n in range(4):
            for i in range(3):
                a = [0.0, *combinator.vectors[:, r, 0, i].tolist()]
                x, y = float(z[r, n, i]), u[r, n, i]
                mean = float(a[1] * torch.sigmoid(a[2] * y + a[3]) + a[4] * y + a[5])
                gain = float(a[6] * torch.sigmoid(a[7] * y + a[8]) + a[9] * y + a[10])
                assert float(found[r, n, i]) == pytest.approx((x - mean) * gain + mean, abs=1e-12)


def test_decoder_is_the_published_chain_route_by_route():
    torch.manual_seed(0)
    routes, size, steps, width, levels = 2, 3, 4, 5, 3
    decoder = Decoder(routes, levels, width, 2).double()
    with torch.no_grad():
        for combinator in decoder.combinators:
            combinator.vectors.normal_()
    counted = torch.arange(steps) < torch.tensor([[4, 1, 3], [4, 0, 2]])[..., None]
    noisy = torch.randn(levels, routes, size, steps, width, dtype=torch.float64)
    known = torch.randn(levels, size, steps, width, dtype=torch.float64)
    answers = torch.randn(routes, size, 2, dtype=torch.float64)
    share = shares(counted[0].flatten(), torch.float64)
    clean = [measured(h.flatten(0, 1), share) for h in known]
    found = decoder(noisy.flatten(2, 3).unbind(), answers, clean, counted).detach()

    def normal(x):
        return (x - x.mean(0)) / (x.var(0, correction=0) + EPSILON).sqrt()

    for r in range(routes):
        kept = [(b, t) for b in range(size) for t in range(steps) if counted[r, b, t]]
        above = torch.stack([answers[r, b] for b, _ in kept])
        for level in reversed(range(levels)):
            u = normal(above @ decoder.maps[level][r])
            z = torch.stack([noisy[level, r, b, t] for b, t in kept])
            single = Combinator(1, width).double()
            single.vectors.data = decoder.combinators[level].vectors.data[:, r : r + 1]
            above = single(z[None], u[None])[0]
            deviation = (clean[level].variance + EPSILON).sqrt()
            target = torch.stack([known[level, b, t] for b, t in kept])
            mean = clean[level].mean
            gap = (above - mean) / deviation - (target - mean) / deviation
            expected = sum(float(g.square().sum()) / width for g in gap.detach()) / len(kept)
            assert float(found[level, r]) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_trained_combinator_reaches_the_optimal_denoiser(correlation):
    """For z = c u + sqrt(1 - c^2) e and z~ = z + n the least error is t s / (t + s).

    t = 1 - c^2 is the variance that u leaves, s = .3^2 the noise's.
    """
    torch.manual_seed(0)
    count, width, left, noise = 4096, 4, 1 - correlation**2, 0.3**2
    u = torch.randn(1, count, width)
    z = correlation * u + left**0.5 * torch.randn(1, count, width)
    share = shares(torch.ones(count, dtype=torch.bool), torch.float32)
    clean = measured(z[0], share)
    combinator = Combinator(1, width)
    optimiser = torch.optim.Adam(combinator.parameters(), lr=0.03)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 250)
    for _ in range(250):
        seen = clean.z + noise**0.5 * torch.randn_like(z)
        optimiser.zero_grad()
        cost(combinator(seen, u), clean, share).sum().backward()
        optimiser.step()
        rates.step()
    with torch.no_grad():
        errors = [
            cost(combinator(clean.z + noise**0.5 * torch.randn_like(z), u), clean, share)
            for _ in range(20)
        ]
    optimal = left * noise / (left + noise)
    assert float(torch.stack(errors).mean()) == pytest.approx(optimal, rel=0.02)


def test_source_steps_lie_at_the_target_steps_relative_times():
    source, target = torch.tensor([9, 3, 1, 5]), torch.tensor([4, 7, 6, 5])
    rows = aligned(source, target, (9, 7)).view(4, 7)
    for b in range(4):
        for t in range(7):
            exact = int((t + 0.5) * int(source[b]) / int(target[b]))
            assert int(rows[b, t]) == b * 9 + min(exact, int(source[b]) - 1)
    assert rows[3, :5].tolist() == [27, 28, 29, 30, 31]
