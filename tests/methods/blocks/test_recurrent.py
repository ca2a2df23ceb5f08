import torch
from fusemark.methods.blocks.recurrent import Codes, Decoders, LSTMs
from torch import nn


def reordered(gates):
    """From the order i, f, o, g of rows to torch's i, f, g, o."""
    i, f, o, g = gates.chunk(4)
    return torch.cat([i, f, g, o])


def reference(module, project, recur):
    """Give an nn.LSTM the weights of one of ours."""
    with torch.no_grad():
        module.weight_ih_l0.copy_(reordered(project.weight))
        module.bias_ih_l0.copy_(reordered(project.bias))
        module.weight_hh_l0.copy_(reordered(recur.T))
        module.bias_hh_l0.zero_()
    return module


def test_lstms_side_by_side_equal_torchs_one_by_one():
    torch.manual_seed(0)
    lstms = LSTMs([3, 5], 4).double()
    inputs = [torch.randn(2, 6, n, dtype=torch.float64, requires_grad=True) for n in (3, 5)]
    hidden, cells = lstms(inputs)
    for k, x in enumerate(inputs):
        one = reference(nn.LSTM(x.shape[2], 4, batch_first=True), lstms.project[k], lstms.recur[k])
        expected, (_, last) = one.double()(x)
        torch.testing.assert_close(hidden[k], expected)
        torch.testing.assert_close(cells[k, :, -1], last[0])
        # Every cell state, by stopping there.
        for t in range(1, 6):
            torch.testing.assert_close(cells[k, :, t - 1], one(x[:, :t])[1][1][0])
        (slope,) = torch.autograd.grad(hidden[k].square().sum(), x, retain_graph=True)
        (wanted,) = torch.autograd.grad(expected.square().sum(), x)
        torch.testing.assert_close(slope, wanted)


def test_a_code_is_that_of_the_sequence_without_its_padding():
    torch.manual_seed(0)
    codes, lengths = Codes([3], 4, 2), torch.tensor([5, 1, 3])
    x = torch.randn(3, 5, 3)
    found = codes([x], lengths)[0]
    for b, length in enumerate(lengths):
        alone = codes([x[b : b + 1, :length]], length[None])[0]
        torch.testing.assert_close(found[b : b + 1], alone)


def test_decoders_read_a_vector_and_then_their_own_state():
    torch.manual_seed(0)
    decoders = Decoders([3, 5], 4).double()
    vectors = torch.randn(2, 6, 4, dtype=torch.float64)
    for k, found in enumerate(decoders(vectors, 7)):
        one = nn.LSTMCell(4, 4).double()
        with torch.no_grad():
            one.weight_ih.copy_(reordered(decoders.project[k].T))
            one.weight_hh.copy_(reordered(decoders.recur[k].T))
            one.bias_ih.copy_(reordered(decoders.bias[k, 0]))
            one.bias_hh.zero_()
        x, state, steps = vectors[k], None, []
        for _ in range(7):
            state = one(x, state)
            x = state[0]
            steps.append(decoders.out[k](x))
        torch.testing.assert_close(found, torch.stack(steps, 1))
