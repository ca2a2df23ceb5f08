"""Counted FLOPs of torch's own layers and products, as a user's method has them, by hand."""

from __future__ import annotations

import pytest
import torch
from fusemark.benchmark.cost.flops import count
from fusemark.benchmark.cost.operators import FREE
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .test_flops import B, D, T, Wrapped, counted

H = 5
OUTER = 2 * B * D * D


def pair(x):
    return x[:, 0, :, None], x[:, 1, None, :]


def filled(x, fill):
    """The outer product of two tables that are filled from the input."""
    left, right = x.new_zeros(B, D), torch.zeros(B, D, device=x.device)
    fill(left, x[:, 0])
    fill(right, x[:, 1])
    return left[:, :, None] * right[:, None, :]


def assigned(table, values):
    table[:, 1:] = values[:, 1:]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: filled(x, torch.Tensor.copy_),
        lambda x: filled(x, torch.Tensor.add_),
        lambda x: filled(x, assigned),
        lambda x: filled(x, lambda table, values: torch.exp(values, out=table)),
        lambda x: torch.addcmul(x.new_zeros(B, D, D), *pair(x)),
        lambda x: x.new_zeros(B, D, D).addcmul_(*pair(x), value=0.5),
        lambda x: pair(x)[0].expand(B, D, D) * pair(x)[1].expand(B, D, D),
        lambda x: (torch.complex(*[pair(x)[0]] * 2) * torch.complex(*[pair(x)[1]] * 2)).abs(),
    ],
    ids=["copied", "added", "assigned", "out", "addcmul", "addcmul_", "expanded", "complex"],
)
def test_an_outer_product_is_counted_in_whatever_guise(function):
    assert counted(function).total == OUTER


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.addcmul(x.new_zeros(B, D, D), *pair(x), value=0.5),
        lambda x: pair(x)[0].expand(B, D, D) * pair(x)[1].expand(B, D, D),
        lambda x: filled(x, torch.Tensor.copy_),
    ],
    ids=["addcmul", "expanded", "copied"],
)
def test_so_are_its_two_derivatives(function):
    assert counted(function, training=True).total == 3 * OUTER


def test_noise_is_no_constant():
    def noisy(x):
        a, b = (torch.randn(D, device=x.device) for _ in range(2))
        return x[:, :D] + a[:, None] * b[None]

    assert counted(noisy).total == 2 * D * D


def test_scaling_an_expanded_gradient_is_no_outer_product():
    assert counted(lambda x: x * x[:, :, :1], training=True).total == 0
    assert counted(lambda x: torch.addcmul(x, x, x[:, :1]), training=True).total == 0


def rows(x):
    """Forty rows: from 26 on torch takes distances by one product of rows longer by two."""
    return x.repeat(1, 4, 1)


@pytest.mark.parametrize(
    ("function", "forward", "both"),
    [
        (lambda x: torch.linalg.vecdot(x, x).expand(B, T), 2 * B * T * D, 6 * B * T * D),
        (lambda x: torch.linalg.vecdot(x, x, dim=1), 2 * B * T * D, 6 * B * T * D),
        (lambda x: torch.dot(x[0, 0], x[0, 1]).expand(B, 1), 2 * D, 6 * D),
        (lambda x: torch.mv(x[0], x[1, 0]).expand(B, T), 2 * T * D, 6 * T * D),
        (lambda x: torch.addmv(x[0, :, 0], x[0], x[1, 0]).expand(B, T), 2 * T * D, 6 * T * D),
        (lambda x: torch.ger(x[0, 0], x[0, 1]).expand(B, D, D), 2 * D * D, 6 * D * D),
        (lambda x: torch.addr(x[0, :D], x[0, 0], x[0, 1]).expand(B, D, D), 2 * D * D, 6 * D * D),
        (lambda x: torch.baddbmm(x.new_zeros(B, T, T), x, x.mT), 2 * B * T * T * D,
         6 * B * T * T * D),
        (lambda x: torch.addbmm(x[0], x[:, :, :2], x[:, :2]).expand(B, T, D), 4 * B * T * D,
         12 * B * T * D),
        (lambda x: torch.linalg.matrix_power(x[:, :D], 3), 4 * B * D**3, 12 * B * D**3),
        (lambda x: torch.linalg.multi_dot([x[0], x[1].T, x[2]]).expand(B, T, D), 4 * T * D * D,
         12 * T * D * D),
        (lambda x: torch.einsum("btd,btd->bt", x, x), 2 * B * T * D, 6 * B * T * D),
        (lambda x: torch.kron(x[0], x[1]).expand(B, T * T, D * D), 2 * (T * D) ** 2,
         6 * (T * D) ** 2),
        (lambda x: functional.cosine_similarity(x[:, :, None], x[:, None], dim=-1),
         2 * B * T * T * D, 6 * B * T * T * D),
        (lambda x: functional.cosine_similarity(x, x), 2 * B * T * D, 6 * B * T * D),
        (lambda x: torch.cdist(x, x), 3 * B * T * T * D, 9 * B * T * T * D),
        (lambda x: torch.cdist(rows(x), rows(x)), 2 * B * 40**2 * (D + 2),
         2 * B * 40**2 * (D + 2) + 4 * B * 40**2 * D),
        (lambda x: functional.pdist(x[0]).expand(B, -1), 3 * 45 * D, 6 * 45 * D),
    ],
    ids=["vecdot", "vecdot dim", "dot", "mv", "addmv", "ger", "addr", "baddbmm", "addbmm",
         "matrix_power", "multi_dot", "einsum", "kron", "cosines", "cosines dim", "cdist",
         "cdist of many", "pdist"],
)  # fmt: skip
def test_products_forward_and_backward(function, forward, both):
    for training, flops in ((False, forward), (True, both)):
        found = counted(function, training=training)
        assert (found.total, found.uncounted) == (flops, {}), found.by_operator


@pytest.mark.parametrize(
    ("layer", "flops"),
    [
        (nn.Conv1d(D, 6, 3, groups=2), 2 * B * (T - 2) * 6 * 3 * 3),
        (nn.ConvTranspose1d(D, 12, 4, stride=2, groups=3), 2 * B * T * D * 4 * 4),
    ],
    ids=["grouped", "transposed"],
)
def test_convolutions(layer, flops):
    for training in (False, True):
        found = counted(lambda x, c: c(x.transpose(1, 2)), layer, training=training)
        assert (found.total, found.uncounted) == (flops * (3 if training else 1), {})


@pytest.mark.parametrize("transposed", [False, True])
def test_grouped_convolution_of_images(transposed):
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    places = T * D if transposed else (T - 2) * (D - 2)
    flops = 2 * B * places * 4 * 3 * 9  # 4 channels in two groups, each to 3 of 6, 3 x 3
    flops = flops if transposed else 2 * B * places * 6 * 2 * 9
    layer = kind(4, 6, 3, groups=2)
    for training in (False, True):
        found = counted(lambda x, c: c(x[:, None].repeat(1, 4, 1, 1)), layer, training=training)
        assert (found.total, found.uncounted) == (flops * (3 if training else 1), {})


def test_bilinear_backward_as_aten_takes_it():
    found = counted(lambda x, b: b(x[:, 0], x[:, 1]), nn.Bilinear(D, D, H), training=True)
    forward = 2 * B * D * D * H + 2 * B * D * H
    # Three gradients of D x D x H; with them two products over D x H, and one over D x D.
    backward = 3 * 2 * B * D * D * H + 2 * 2 * B * D * H + 2 * B * D * D
    assert (found.total, found.uncounted) == (forward + backward, {})


@pytest.mark.parametrize("weighted", [False, True])
def test_bags_of_embeddings_cost_where_they_are_weighted(weighted):
    def bags(x, table):
        rows = torch.zeros(B, 4, dtype=torch.int64, device=x.device)
        return table(rows, per_sample_weights=x[:, 0, :4] if weighted else None)

    forward = 2 * B * 4 * 7 * weighted
    for training in (False, True):
        found = counted(bags, nn.EmbeddingBag(5, 7, mode="sum"), training=training)
        assert (found.total, found.uncounted) == (forward * (3 if training else 1), {})


@pytest.mark.parametrize("twice", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_recurrent_nets(kind, gates, layers, twice):
    net = kind(D, H, layers, batch_first=True, bidirectional=twice)
    ways = 2 if twice else 1
    state = 2 * B * gates * H * H
    forward = ways * sum(
        T * (2 * B * gates * H * width + state) for width in (D, ways * H)[:layers]
    )
    assert counted(lambda x, n: n(x)[0], net).total == forward
    found = counted(lambda x, n: n(x)[0], net, training=True)
    # The first state is zero, and has no gradient.
    assert (found.total, found.uncounted) == (3 * forward - layers * ways * state, {})


class Packed(Wrapped):
    """Packs by the batch's own lengths, as torch asks for them: on the CPU."""

    def forward(self, batch):
        lengths = batch.lengths["a"].to("cpu")
        packed = pack_padded_sequence(
            batch.values["a"] * self.scale, lengths, batch_first=True, enforce_sorted=self.ordered
        )
        self.function = lambda _, net: pad_packed_sequence(net(packed)[0], batch_first=True)[0]
        return super().forward(batch)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_packed_sequences_of_full_length_cost_what_others_do(kind, ordered):
    net = kind(D, H, batch_first=True)
    for training in (False, True):
        plain = counted(lambda x, n: n(x)[0], net, training=training)
        model = Packed(None, net, scaled=True)
        model.ordered = ordered
        found = count(model, B, {"a": T}, training)
        assert (found.total, found.uncounted) == (plain.total, {})


PROJECTIONS, SCORES, FEED = 2 * B * T * D * 4 * D, 4 * B * T * T * D, 4 * B * T * D * 8


def padding(x):
    return x[..., 0] > 0


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("weights", [False, True])
def test_multi_head_attention(padded, weights):
    def attended(x, layer):
        return layer(
            x, x, x, key_padding_mask=padding(x) if padded else None, need_weights=weights
        )[0]

    layer = nn.MultiheadAttention(D, 2, batch_first=True)
    for training in (False, True):
        found = counted(attended, layer, training=training)
        flops = (PROJECTIONS + SCORES) * (3 if training else 1)
        assert (found.total, found.uncounted) == (flops, {})


@pytest.mark.parametrize("padded", [False, True])
def test_transformer_encoder(padded):
    def encoded(x, net):
        return net(x, src_key_padding_mask=padding(x) if padded else None)

    net = nn.TransformerEncoder(nn.TransformerEncoderLayer(D, 2, 8, batch_first=True), 2)
    before = torch.backends.mha.get_fastpath_enabled()
    for training in (False, True):
        found = counted(encoded, net, training=training)
        flops = 2 * (PROJECTIONS + SCORES + FEED) * (3 if training else 1)
        assert (found.total, found.uncounted) == (flops, {})
    assert torch.backends.mha.get_fastpath_enabled() == before


def test_heads_that_share_keys_cost_what_others_do():
    def grouped(x):
        q = x.unflatten(-1, (2, 3)).transpose(1, 2)
        return functional.scaled_dot_product_attention(q, q[:, :1], q[:, :1], enable_gqa=True)

    for training in (False, True):
        found = counted(grouped, training=training)
        assert (found.total, found.uncounted) == (SCORES * (3 if training else 1), {})


@pytest.mark.parametrize(
    "function",
    [
        nn.BatchNorm1d(D),
        nn.InstanceNorm1d(D, track_running_stats=True),
        lambda x: functional.prelu(x, torch.ones(1, device=x.device)),
        functional.rrelu,
        functional.softplus,
        functional.hardswish,
        functional.elu,
        lambda x: functional.huber_loss(x, x.detach(), reduction="none"),
        lambda x: functional.smooth_l1_loss(x, x.detach(), reduction="none"),
        lambda x: functional.soft_margin_loss(x, x.detach().sign(), reduction="none"),
        lambda x: functional.binary_cross_entropy_with_logits(x, x.sigmoid(), reduction="none"),
        lambda x: functional.binary_cross_entropy(x.sigmoid(), x.detach(), reduction="none"),
        lambda x: torch.complex(x, x).abs(),
        lambda x: torch.polar(x, x).abs(),
    ],
    ids=["batch norm", "instance norm", "prelu", "rrelu", "softplus", "hardswish", "elu", "huber",
         "smooth l1", "soft margin", "logits", "cross entropy", "complex", "polar"],
)  # fmt: skip
def test_element_wise_work_counts_zero(function):
    for training in (False, True):
        if isinstance(function, nn.Module):
            found = counted(lambda x, layer: layer(x.mT).mT, function, training=training)
        else:
            found = counted(function, training=training)
        assert (found.total, found.uncounted) == (0, {})


def test_what_counts_zero_is_an_operator():
    assert [name for name in FREE if not hasattr(torch.ops.aten, name)] == []
