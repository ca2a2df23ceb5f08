import itertools

import torch
from fusemark.benchmark.contract import Modality, Task
from fusemark.methods.blocks.pooling import masked_mean
from fusemark.methods.early_concat import EarlyConcat, align

TASK = Task({"audio": Modality((5,), 12), "visual": Modality((3,), 4)}, ("a", "b", "c"))


def test_alignment_reads_every_step_in_order_for_all_lengths():
    for short, long in itertools.product(range(1, 12), range(1, 12)):
        if short > long:
            continue
        x = torch.arange(11.0)[None, :, None]
        steps = torch.arange(11).expand(1, -1)
        read = align(x, steps, torch.tensor([short]), torch.tensor([long]))[0, :long, 0]
        assert read.tolist() == [i * short // long for i in range(long)]
        assert set(read.tolist()) == set(range(short))


def test_equal_to_one_projection_of_the_concatenated_features(draw):
    torch.manual_seed(0)
    model = EarlyConcat(TASK, EarlyConcat.Config(width=8, layers=1, heads=2)).eval()
    lengths = {"audio": [8, 2, 12], "visual": [4, 3, 1]}
    batch = draw(TASK, 3, lengths=lengths)
    projections = [model.stems[n].project.embed for n in TASK.names]
    for stem in model.stems.values():  # its convolution is not a part of the concatenation
        stem.convolution.weight.data.zero_()
        stem.convolution.bias.data.zero_()
    weight = torch.cat([p.weight for p in projections], dim=1)
    bias = sum(p.bias for p in projections)
    for i, (audio, visual) in enumerate(zip(*lengths.values(), strict=True)):
        long = max(audio, visual)
        features = torch.stack(
            [
                torch.cat(
                    [
                        batch.values["audio"][i, t * audio // long],
                        batch.values["visual"][i, t * visual // long],
                    ]
                )
                for t in range(long)
            ]
        )
        x = (features @ weight.T + bias)[None]
        mask = torch.ones(1, long, dtype=torch.bool)
        expected = model.head(masked_mean(model.encoder(x, mask=mask), mask))
        torch.testing.assert_close(model(batch).logits[i : i + 1], expected, rtol=1e-4, atol=1e-6)
