import pytest
import torch
from fusemark.benchmark.contract import Batch, Modality, Task
from fusemark.methods.blocks.reservoir import Reservoir

TASK = Task({"audio": Modality((2,), 5), "visual": Modality((3, 4, 4), 6)}, ("a", "b"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(first, count):
    """Cheap examples of one modality, told apart by their index."""
    index = torch.arange(first, first + count)
    some = torch.ones(count, dtype=torch.bool)
    return Batch(
        values={"a": index[:, None, None].float()}, lengths={"a": torch.ones_like(index)},
        present={"a": some}, labels=index, labelled=some, examples=index, groups=index,
        tasks=torch.zeros_like(index),
    )  # fmt: skip


def test_every_example_is_kept_with_the_same_chance():
    trials, hits = 400, torch.zeros(30)
    chance = generator()
    for _ in range(trials):
        memory = Reservoir(6)
        for first in range(0, 30, 10):
            memory.add(numbered(first, 10), chance)
        kept = torch.cat([one.examples for one in memory.kept[(True,)]])
        assert len(kept.unique()) == 6
        hits[kept] += 1
    deviation = (trials * 0.2 * 0.8) ** 0.5
    assert ((hits - trials * 0.2).abs() < 4 * deviation).all()


def test_patterns_are_kept_apart_each_with_its_capacity(draw):
    batch = draw(TASK, 9)
    batch = batch.without("audio", torch.arange(9) < 5).without("visual", torch.arange(9) == 8)
    memory = Reservoir(4)
    memory.add(batch, generator())
    assert {pattern: len(kept) for pattern, kept in memory.kept.items()} == {
        (False, True): 4,
        (True, True): 3,
        (True, False): 1,
    }
    for pattern, replayed in memory.draw(2).items():
        assert len(replayed) == min(2, len(memory.kept[pattern]))
        for name, present in zip(TASK.names, pattern, strict=True):
            assert (replayed.present[name] == present).all()


def test_replayed_examples_are_those_that_were_added(draw):
    batch = draw(TASK, 5)
    memory = Reservoir(5)
    memory.add(batch, generator())
    torch.manual_seed(0)
    (replayed,) = memory.draw(5).values()
    assert sorted(replayed.examples.tolist()) == list(range(5))
    rows = replayed.examples
    for name in TASK.names:
        assert torch.equal(replayed.lengths[name], batch.lengths[name][rows])
        longest = int(batch.lengths[name].max())
        assert torch.equal(replayed.visible(name), batch.visible(name)[rows][:, :longest])
    assert torch.equal(replayed.labels, batch.labels[rows])
    torch.manual_seed(0)
    (again,) = memory.draw(5).values()
    assert torch.equal(again.examples, rows)


def test_later_changes_of_a_batch_do_not_reach_the_memory(draw):
    batch = draw(TASK, 2)
    memory = Reservoir(2)
    memory.add(batch, generator())
    kept = memory.kept[(True, True)][0].values["audio"].clone()
    batch.values["audio"].zero_()
    assert torch.equal(memory.kept[(True, True)][0].values["audio"], kept)


@pytest.mark.parametrize("size", [1, 3, 99])
def test_no_more_is_drawn_than_there_is(size):
    memory = Reservoir(10)
    assert memory.draw(size) == {}
    memory.add(numbered(0, 3), generator())
    (replayed,) = memory.draw(size).values()
    assert len(replayed.examples.unique()) == len(replayed) == min(size, 3)
