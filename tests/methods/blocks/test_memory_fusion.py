import torch
from fusemark.methods.blocks.memory_fusion import MemoryFusion


def test_equal_to_its_equations_step_by_step():
    torch.manual_seed(0)
    fusion = MemoryFusion(cells=6, memory=3, hidden=5, dropout=0.5).double().eval()
    cells = torch.randn(2, 7, 6, dtype=torch.float64)
    gates = zip(
        fusion.gates.weight.chunk(2),
        fusion.gates.bias.chunk(2),
        (fusion.retain, fusion.write),
        strict=True,
    )

    def gate(both, weight, bias, out):
        return out((both @ weight.T + bias).clamp(min=0)).sigmoid()

    gates = list(gates)
    previous, memory, expected = torch.zeros(2, 6).double(), torch.zeros(2, 3).double(), []
    for c in cells.unbind(1):
        pair = torch.cat([previous, c], 1)
        scores = fusion.attention(pair).exp()
        attended = scores / scores.sum(1, keepdim=True) * pair
        both = torch.cat([attended, memory], 1)
        retain, write = (gate(both, *g) for g in gates)
        memory = retain * memory + write * fusion.update(attended).tanh()
        previous = c
        expected.append(memory)
    torch.testing.assert_close(fusion(cells), torch.stack(expected, 1))
